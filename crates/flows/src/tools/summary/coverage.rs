//! What an answer rests on: said always, in the text and for programs.

use super::Output;
use crate::aggregate::{Aggregate, Remainder, Seen};
use crate::ask::{Ask, Reading};
use crate::show::{clock, count, name, window};

/// Groups that a full table forgot: their number and sum are exact.
pub(super) fn forgotten(what: &str, remainder: Remainder, out: &mut Output) {
    if remainder.groups > 0 {
        let line = format!(
            "{} smaller {what} of {} flow events were folded away (none above {})",
            count(remainder.groups),
            count(remainder.count),
            count(remainder.largest)
        );
        out.coverage.truncated.push(line.clone());
        out.omitted.push(line);
    }
}

/// The source, the window, the merging, the nodes, and every loss.
pub(super) fn coverage(ask: &Ask, aggregate: &Aggregate, reading: &Reading, out: &mut Output) {
    let seen = &aggregate.seen;
    let total: u64 = seen.nodes.values().map(|window| window.records).sum();
    match seen.window() {
        Some((first, last)) => out.seen.push(format!(
            "{}: {}, {} of {} records in scope",
            reading.source,
            window(first, last),
            count(aggregate.records),
            count(total)
        )),
        None => out.seen.push(format!("{}: no flow came", reading.source)),
    }
    let merged = aggregate.twins + aggregate.sightings;
    let mut made = format!("{} flow events", count(aggregate.events));
    if merged > 0 {
        made.push_str(&format!(
            " ({} duplicates merged: {} verdict+drop twins, {} further sightings)",
            count(merged),
            count(aggregate.twins),
            count(aggregate.sightings)
        ));
    }
    if aggregate.weighted > 0 {
        made.push_str(&format!(
            "; {} records are an exporter's sums, both nodes' of one connection may be in",
            count(aggregate.weighted)
        ));
    }
    if aggregate.guessed * 10 > aggregate.records.max(1) {
        made.push_str(&format!("; direction of {} told by ports only", count(aggregate.guessed)));
    }
    out.seen.push(made);
    nodes(ask, seen, reading, out);
    if seen.lost_total() > 0 {
        let parts: Vec<String> =
            seen.lost.iter().map(|(source, lost)| format!("{} {source}", count(*lost))).collect();
        let line = format!("lost events: {} ({})", count(seen.lost_total()), parts.join(", "));
        out.coverage.missing.push(line.clone());
        out.seen.push(line);
    }
    if let Some(report) = reading.report.as_ref().filter(|report| report.rejected > 0) {
        let first = report.first_rejected.as_ref().map_or_else(String::new, |(number, why)| {
            format!(" (first: record {}, {})", count(*number), name(why, 60))
        });
        let line = format!("{} of {} records rejected{first}", count(report.rejected), count(report.records));
        out.coverage.missing.push(line.clone());
        out.seen.push(line);
    }
    if seen.timeless > 0 {
        out.seen.push(format!("{} records carry no time", count(seen.timeless)));
    }
    if let Some(stopped) = &reading.stopped {
        // Reading goes from old to new: what is missing is the newest.
        let line = format!(
            "{}: what is newer is missing; ask for a later since or a narrower scope",
            name(stopped, 160)
        );
        out.coverage.truncated.push(line.clone());
        out.seen.push(line);
    }
    if aggregate.events > 0 && aggregate.l7 == 0 {
        out.seen.push(
            "no L7 records: without L7 visibility DNS and HTTP are not seen, which is not their absence"
                .to_owned(),
        );
    }
}

/// Which nodes answered, and how far back each reaches.
fn nodes(ask: &Ask, seen: &Seen, reading: &Reading, out: &mut Output) {
    // A folder has one line a node; a ring reaches back as far as its oldest flow.
    let reach: Vec<(&String, i64)> = if reading.oldest.is_empty() {
        seen.nodes
            .iter()
            .map(|(node, window)| (node, window.first))
            .filter(|(_, first)| *first != 0)
            .collect()
    } else {
        reading.oldest.iter().map(|(node, first)| (node, *first)).collect()
    };
    let known = seen.connected.len().max(reach.len()) + seen.absent.len();
    let mut line = format!("nodes {} of {known}", known - seen.absent.len());
    let mut order: Vec<i64> = reach.iter().map(|(_, first)| *first).collect();
    order.sort_unstable();
    if let (Some(oldest), Some(newest)) = (order.first(), order.last()) {
        let median = order.get(order.len() / 2).unwrap_or(newest);
        line.push_str(&if clock(*oldest) == clock(*newest) {
            format!(", reaching back to {}", clock(*oldest))
        } else {
            format!(
                ", reaching back to {} / {} / {} (best, median, worst)",
                clock(*oldest),
                clock(*median),
                clock(*newest)
            )
        });
    }
    out.seen.push(line);
    if !seen.absent.is_empty() {
        let shown: Vec<String> = seen
            .absent
            .iter()
            .take(4)
            .map(|(node, why)| format!("{} ({})", name(node, 40), name(why, 80)))
            .collect();
        let more = seen.absent.len().saturating_sub(shown.len());
        let line = format!(
            "nodes missing: {}{}",
            shown.join(", "),
            if more > 0 { format!(" and {more} more") } else { String::new() }
        );
        out.coverage.missing.push(line.clone());
        out.seen.push(line);
    }
    if let Some(since) = ask.since {
        // A second of grace: nothing may have happened in it.
        let short: Vec<&(&String, i64)> =
            reach.iter().filter(|(_, first)| *first > since.saturating_add(1_000_000_000)).collect();
        if !short.is_empty() {
            let line = format!(
                "{} of {} nodes do not reach back to {}: what happened before is unknown, not absent",
                short.len(),
                reach.len(),
                clock(since)
            );
            out.coverage.missing.push(line.clone());
            out.seen.push(line);
        }
    }
}
