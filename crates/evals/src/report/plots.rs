//! Figures as shapes: the calibration plot and the confusion matrix. Only numbers and texts leave here; the template escapes.

use crate::results::Results;
use crate::statistics::Calibration;
use crate::variants::Variant;
use serde::Serialize;
use std::collections::BTreeMap;

/// Pixels of the calibration plot's side.
const SIDE: f64 = 240.0;
/// Causes with a row or column of their own; the rest is summed up.
const MOST: usize = 40;
const REST: &str = "(others)";

/// A circle of the calibration plot.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Dot {
    x: String,
    y: String,
    radius: String,
    title: String,
}

/// One circle for each bin with answers, the larger the more.
pub(super) fn calibration(calibration: &Calibration) -> Vec<Dot> {
    let most = calibration.bins.iter().map(|bin| bin.count).max().unwrap_or(1).max(1) as f64;
    let bins = calibration.bins.iter().filter(|bin| bin.count > 0);
    bins.map(|bin| Dot {
        x: format!("{:.1}", bin.confidence * SIDE),
        y: format!("{:.1}", (1.0 - bin.right) * SIDE),
        radius: format!("{:.1}", 4.0 + 10.0 * (bin.count as f64 / most).sqrt()),
        title: format!("{} answers, stated {:.2}, right {:.2}", bin.count, bin.confidence, bin.right),
    })
    .collect()
}

/// What was expected against what was said first.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Confusion {
    columns: Vec<String>,
    rows: Vec<ConfusionRow>,
}

#[derive(Debug, PartialEq, Serialize)]
struct ConfusionRow {
    name: String,
    cells: Vec<Cell>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Cell {
    count: usize,
    /// How deep it is coloured, in per cent: the share of the row, and enough to be seen and read.
    shade: usize,
    right: bool,
    title: String,
}

/// The matrix of the original cases.
pub(super) fn confusion(results: &Results) -> Confusion {
    let mut counts: BTreeMap<(String, String), (usize, bool)> = BTreeMap::new();
    for row in results.rows.iter().filter(|row| row.key.variant == Variant::Original) {
        let (Some(expected), Some(scored)) = (&row.expected, row.scored()) else { continue };
        let said = match scored.answer.hypotheses.first() {
            Some(best) if scored.answer.verdict == stethoscope_core::answer::Verdict::RootCauseFound => {
                best.cause.clone()
            }
            _ => crate::expected::word(scored.answer.verdict).to_owned(),
        };
        let right =
            if expected.wants_cause() { expected.causes.contains(&said) } else { scored.scores.verdict };
        let cell = counts.entry((expected.stratum.clone(), said)).or_default();
        cell.0 += 1;
        cell.1 |= right;
    }
    let names = |pick: &dyn Fn(&(String, String)) -> String| -> Vec<String> {
        let mut totals: BTreeMap<String, usize> = BTreeMap::new();
        for (key, (count, _)) in &counts {
            *totals.entry(pick(key)).or_default() += count;
        }
        let mut names: Vec<(String, usize)> = totals.into_iter().collect();
        names.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let more = names.len() > MOST;
        names.truncate(MOST);
        let mut names: Vec<String> = names.into_iter().map(|(name, _)| name).collect();
        names.sort();
        names.extend(more.then(|| REST.to_owned()));
        names
    };
    let (expected, columns) = (names(&|key| key.0.clone()), names(&|key| key.1.clone()));
    let row = |name: &String| {
        let known = |found: &String, names: &[String]| {
            if names.contains(found) { found.clone() } else { REST.to_owned() }
        };
        let of_row: Vec<_> =
            counts.iter().filter(|((stratum, _), _)| known(stratum, &expected) == *name).collect();
        let total: usize = of_row.iter().map(|(_, (count, _))| count).sum();
        let cells = columns.iter().map(|column| {
            let of_cell = of_row.iter().filter(|((_, said), _)| known(said, &columns) == *column);
            let (count, right) =
                of_cell.fold((0, false), |(sum, any), (_, (count, right))| (sum + count, any || *right));
            Cell {
                count,
                shade: 15 + (45 * count).checked_div(total).unwrap_or(0),
                right,
                title: format!("{name}: {count} of {total} said {column}"),
            }
        });
        ConfusionRow { name: name.clone(), cells: cells.collect() }
    };
    let rows = expected.iter().map(row).collect();
    Confusion { columns: columns.clone(), rows }
}
