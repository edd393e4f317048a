//! `k8s_list`: any kind as a table.

use super::TOOLSET;
use super::target::{lenient, namespace, words};
use crate::cluster::Cluster;
use crate::discovery::{Resource, Scope};
use crate::list::{Listing, ManagedFields};
use crate::show::column::{Cell, Column, standard};
use crate::show::filter::{self, Filter};
use crate::show::{Table, table};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use stethoscope_core::tool::{CallContext, Coverage, Present, RbacRule, ToolError, TypedTool};

/// Lists objects.
pub(crate) struct List(pub(crate) Cluster);

/// Rows shown unless asked otherwise, and at most.
const ROWS: usize = 50;
const MOST_ROWS: usize = 500;

/// Rows kept for sorting; objects looked at in one call.
const KEPT: usize = 200_000;

/// Groups shown.
const GROUPS: usize = 100;

/// Longest cell.
const CELL: usize = 200;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Kind, plural, short name or plural.group
    #[serde(alias = "resource", alias = "type")]
    kind: String,
    /// * for all
    #[serde(default, alias = "ns")]
    namespace: Option<String>,
    /// Label selector
    #[serde(default, alias = "selector", alias = "label_selector")]
    labels: Option<String>,
    /// Field selector
    #[serde(default, alias = "field_selector")]
    fields: Option<String>,
    /// Extra columns: names (labels, owner, images, ip…) or paths
    #[serde(default, deserialize_with = "words")]
    columns: Vec<String>,
    /// Filter over columns and paths, e.g. restarts>3 && status!=Running
    #[serde(default, rename = "where", alias = "filter")]
    filter: Option<String>,
    /// Column; -column for descending
    #[serde(default)]
    sort: Option<String>,
    /// Count by this column or path
    #[serde(default, alias = "count_by")]
    group_by: Option<String>,
    /// Rows, default 50
    #[serde(default, deserialize_with = "lenient")]
    #[schemars(with = "Option<u64>")]
    limit: Option<u64>,
    /// Token of the next page
    #[serde(default)]
    page: Option<String>,
}

/// A table of objects.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// What was listed.
    kind: String,
    /// Where; absent for all namespaces and cluster-scoped kinds.
    namespace: Option<String>,
    /// Objects that passed the filter, as far as counted.
    matched: usize,
    /// Objects looked at.
    seen: usize,
    /// Column titles.
    columns: Vec<String>,
    /// Rows as shown.
    rows: Vec<Vec<String>>,
    /// Counts by group, largest first.
    groups: Vec<(String, usize)>,
    /// Token of the next page.
    next: Option<String>,
    #[serde(skip)]
    coverage: Coverage,
}

/// How the page is cut out of the whole.
enum Paging<'a> {
    /// The server's pages, as they come.
    Server(Option<&'a str>),
    /// Everything is looked at; rows from this one on are shown.
    Scan(usize),
}

#[async_trait]
impl TypedTool for List {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "k8s_list";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str = "Table of any kind's objects: filter, sort, count, page.";

    fn rbac(&self) -> Vec<RbacRule> {
        vec![RbacRule::read("*", &["*"])]
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Output, ToolError> {
        let resource = self.0.resolve(&input.kind).await?;
        if !resource.can_list() {
            return Err(ToolError::BadArguments {
                message: format!("{} cannot be listed", resource.spoken()),
                hint: None,
            });
        }
        let place = match resource.scope {
            Scope::Namespaced => namespace(input.namespace.as_deref(), context),
            Scope::Cluster => None,
        };
        let filter = input.filter.as_deref().filter(|text| !text.trim().is_empty());
        let filter = filter.map(filter::parse).transpose()?;
        let columns = columns(&resource, place.is_none(), &input);
        let limit = input.limit.map_or(ROWS, |limit| (limit as usize).min(MOST_ROWS));
        let whole = filter.is_some() || input.sort.is_some() || input.group_by.is_some() || limit == 0;
        let paging = paging(whole, input.page.as_deref())?;
        let mut gather = Gather {
            kind: &resource.kind,
            now: context.now,
            columns: &columns,
            filter: filter.as_ref(),
            sort: input.sort.as_deref().map(Sort::parse),
            group: input.group_by.as_deref().map(Column::parse),
            keep: match &paging {
                Paging::Server(_) => KEPT,
                Paging::Scan(from) => from.saturating_add(limit),
            },
            rows: Vec::new(),
            groups: BTreeMap::new(),
            seen: 0,
            matched: 0,
        };
        let mut listing = Listing {
            labels: input.labels.as_deref(),
            fields: input.fields.as_deref(),
            managed_fields: ManagedFields::Drop,
            ..Listing::of(&resource, place.as_deref())
        };
        match paging {
            Paging::Server(from) => {
                listing.from = from;
                listing.most = Some(limit);
            }
            Paging::Scan(_) => listing.most = Some(KEPT),
        }
        let mut take = |item: Value| {
            gather.take(&item);
            Ok(())
        };
        let listed = self.0.list_each(&listing, &mut take).await?;
        Ok(finish(gather, listed, &resource, place, &columns, &paging, limit))
    }
}

fn paging(whole: bool, page: Option<&str>) -> Result<Paging<'_>, ToolError> {
    match page.map(str::trim).filter(|page| !page.is_empty()) {
        None if whole => Ok(Paging::Scan(0)),
        None => Ok(Paging::Server(None)),
        Some(page) => match page.split_once(':') {
            Some(("row", from)) => from.parse().map(Paging::Scan).ok(),
            Some(("after", token)) => Some(Paging::Server(Some(token))),
            _ => None,
        }
        .ok_or_else(|| ToolError::BadArguments {
            message: format!("page: {page:?} is no token"),
            hint: Some("take it from the end of the previous page, with the same other arguments".to_owned()),
        }),
    }
}

fn columns(resource: &Resource, all_namespaces: bool, input: &Input) -> Vec<Column> {
    let mut names = Vec::new();
    if all_namespaces && resource.scope == Scope::Namespaced {
        names.push("namespace".to_owned());
    }
    if resource.kind != "Event" {
        names.push("name".to_owned());
    }
    names.extend(standard(&resource.kind).iter().map(|&name| name.to_owned()));
    for column in &input.columns {
        if !names.iter().any(|name| name.eq_ignore_ascii_case(column)) {
            names.push(column.clone());
        }
    }
    names.iter().map(|name| Column::parse(name)).collect()
}

/// A sort by one column.
struct Sort {
    column: Column,
    order: Order,
}

enum Order {
    Up,
    Down,
}

impl Sort {
    fn parse(words: &str) -> Self {
        let trimmed = words.trim();
        if let Some(column) = trimmed.strip_prefix('-') {
            return Self { column: Column::parse(column), order: Order::Down };
        }
        match trimmed.rsplit_once(' ') {
            Some((column, "desc")) => Self { column: Column::parse(column), order: Order::Down },
            Some((column, "asc")) => Self { column: Column::parse(column), order: Order::Up },
            _ => Self { column: Column::parse(trimmed), order: Order::Up },
        }
    }

    fn compare(&self, one: &Cell, other: &Cell) -> Ordering {
        let order = match (one.worth, other.worth) {
            (Some(left), Some(right)) => left.total_cmp(&right),
            // What has no number stands behind what has one.
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => one.text.cmp(&other.text),
        };
        match self.order {
            Order::Up => order,
            Order::Down => order.reverse(),
        }
    }
}

struct Row {
    cells: Vec<String>,
    key: Cell,
}

struct Gather<'a> {
    kind: &'a str,
    now: jiff::Timestamp,
    columns: &'a [Column],
    filter: Option<&'a Filter>,
    sort: Option<Sort>,
    group: Option<Column>,
    /// Rows needed when they need no sorting.
    keep: usize,
    rows: Vec<Row>,
    groups: BTreeMap<String, usize>,
    seen: usize,
    matched: usize,
}

impl Gather<'_> {
    fn take(&mut self, item: &Value) {
        self.seen += 1;
        let cell = |column: &Column| column.cell(self.kind, item, self.now);
        if self.filter.is_some_and(|filter| !filter.passes(&cell)) {
            return;
        }
        self.matched += 1;
        if let Some(group) = &self.group {
            *self.groups.entry(cell(group).text).or_default() += 1;
            return;
        }
        let wanted = if self.sort.is_some() { KEPT } else { self.keep };
        if self.rows.len() < wanted {
            let key = self.sort.as_ref().map(|sort| cell(&sort.column)).unwrap_or_default();
            let cells = self.columns.iter().map(|column| short(cell(column).text)).collect();
            self.rows.push(Row { cells, key });
        }
    }
}

fn short(text: String) -> String {
    if text.chars().count() <= CELL {
        return text;
    }
    let mut cut: String = text.chars().take(CELL).collect();
    cut.push('…');
    cut
}

fn finish(
    gather: Gather<'_>,
    listed: crate::list::Listed,
    resource: &Resource,
    namespace: Option<String>,
    columns: &[Column],
    paging: &Paging<'_>,
    limit: usize,
) -> Output {
    let Gather { mut rows, groups, seen, matched, sort, group, .. } = gather;
    if let Some(sort) = &sort {
        rows.sort_by(|one, other| sort.compare(&one.key, &other.key));
    }
    let mut coverage = Coverage::default();
    let (from, next) = match paging {
        Paging::Server(_) => (0, listed.next.map(|token| format!("after:{token}"))),
        Paging::Scan(from) => {
            if listed.next.is_some() {
                coverage.truncated.push(format!("only the first {seen} objects were looked at"));
            }
            let end = from.saturating_add(limit);
            (*from, (end < matched && group.is_none() && limit > 0).then(|| format!("row:{end}")))
        }
    };
    if next.is_some() {
        let left = match paging {
            Paging::Server(_) => listed.remaining.map_or("more".to_owned(), |left| left.to_string()),
            Paging::Scan(from) => (matched - from.saturating_add(limit).min(matched)).to_string(),
        };
        coverage.truncated.push(format!("{left} {} left", resource.plural));
    }
    if listed.withheld > 0 {
        coverage.missing.push(format!("{} objects withheld: they could not be redacted", listed.withheld));
    }
    let shown = rows.into_iter().skip(from).take(limit).map(|row| row.cells).collect();
    let mut groups: Vec<(String, usize)> = groups.into_iter().collect();
    groups.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    if groups.len() > GROUPS {
        coverage.truncated.push(format!("{} more groups", groups.len() - GROUPS));
        groups.truncate(GROUPS);
    }
    Output {
        kind: resource.kind.clone(),
        namespace,
        matched,
        seen,
        columns: columns.iter().map(|column| column.title.clone()).collect(),
        rows: if group.is_some() { Vec::new() } else { shown },
        groups,
        next,
        coverage,
    }
}

impl Present for Output {
    fn text(&self) -> String {
        let place = self.namespace.as_ref().map(|name| format!(" in {name}")).unwrap_or_default();
        let kind = self.kind.to_lowercase();
        let mut out = if self.matched == self.seen {
            format!("{}{place}\n", table::count(self.seen, &kind))
        } else {
            format!("{} of {}{place} match\n", self.matched, table::count(self.seen, &kind))
        };
        for (group, count) in &self.groups {
            out.push_str(&format!("{count}  {}\n", if group.is_empty() { "-" } else { group }));
        }
        if !self.rows.is_empty() {
            let mut rows = Table::new(&self.columns);
            for row in &self.rows {
                rows.row(row);
            }
            out.push_str(&rows.render());
        }
        if let Some(next) = &self.next {
            out.push_str(&format!("next page: {next}\n"));
        }
        out
    }

    fn summary(&self) -> String {
        table::count(self.matched, &self.kind.to_lowercase())
    }

    fn coverage(&self) -> Coverage {
        self.coverage.clone()
    }
}
