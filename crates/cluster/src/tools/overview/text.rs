//! An overview in few words.

use super::{
    EVENTS, MESSAGE, NAMESPACES, NODES, Output, PROBLEMS, Place, READY_BYTES, SERVICES_BYTES, ServiceLine,
    UNREADY, Workload,
};
use crate::show::{age, table::count};
use std::collections::{BTreeMap, BTreeSet};
use stethoscope_core::tool::{Coverage, Present};

impl Output {
    fn place<'a>(&self, namespace: &'a str) -> Option<&'a str> {
        self.namespace.is_none().then_some(namespace)
    }

    fn qualified(&self, namespace: &str, name: &str) -> String {
        match self.place(namespace) {
            Some(place) => format!("{place}/{name}"),
            None => name.to_owned(),
        }
    }

    fn nodes_text(&self, out: &mut String) {
        if self.nodes.is_empty() {
            return;
        }
        let mut by_status: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for node in &self.nodes {
            by_status.entry(&node.status).or_default().push(&node.name);
        }
        let mut parts = Vec::new();
        for (status, names) in by_status {
            let (shown, more) = some(&names, NODES);
            parts.push(format!("{status} {} ({shown}{more})", names.len()));
        }
        out.push_str(&format!("nodes: {}\n", parts.join("; ")));
    }

    fn namespaces_text(&self, out: &mut String) {
        if self.namespace.is_some() || self.namespaces.is_empty() {
            return;
        }
        let mut places: Vec<&Place> = self.namespaces.iter().collect();
        places.sort_by_key(|place| (std::cmp::Reverse((place.problem_pods, place.pods)), place.name.clone()));
        let words: Vec<String> = places
            .iter()
            .take(NAMESPACES)
            .map(|place| {
                let bad = if place.problem_pods > 0 {
                    format!(" ({} bad)", place.problem_pods)
                } else {
                    String::new()
                };
                let phase = if place.phase == "Active" { String::new() } else { format!(" {}", place.phase) };
                format!("{} {}{bad}{phase}", place.name, place.pods)
            })
            .collect();
        let more = places.len().saturating_sub(NAMESPACES);
        let more = if more > 0 { format!(", +{more} more") } else { String::new() };
        out.push_str(&format!("namespaces (pods): {}{more}\n", words.join(", ")));
    }

    fn workloads_text(&self, out: &mut String) {
        let (ready, unready): (Vec<&Workload>, Vec<&Workload>) =
            self.workloads.iter().partition(|workload| workload.ready >= workload.desired);
        if !unready.is_empty() {
            out.push_str(&format!(
                "not ready ({} of {}):\n",
                unready.len(),
                count(self.workloads.len(), "workload")
            ));
            for workload in unready.iter().take(UNREADY) {
                let name = self.qualified(&workload.namespace, &workload.name);
                out.push_str(&format!(
                    "  {}/{name} {}/{}\n",
                    workload.kind, workload.ready, workload.desired
                ));
            }
            if unready.len() > UNREADY {
                out.push_str(&format!("  +{} more\n", unready.len() - UNREADY));
            }
        }
        let names: Vec<String> = ready
            .iter()
            .map(|workload| {
                format!(
                    "{} {}/{}",
                    self.qualified(&workload.namespace, &workload.name),
                    workload.ready,
                    workload.desired
                )
            })
            .collect();
        if !names.is_empty() {
            out.push_str(&format!("ready workloads: {}\n", within(&names, READY_BYTES)));
        }
    }

    fn services_text(&self, out: &mut String) {
        let name = |service: &ServiceLine| self.qualified(&service.namespace, &service.name);
        let empty: Vec<String> =
            self.services.iter().filter(|service| service.ready_endpoints == Some(0)).map(name).collect();
        let others: Vec<String> =
            self.services.iter().filter(|service| service.ready_endpoints != Some(0)).map(name).collect();
        if !empty.is_empty() {
            out.push_str(&format!("services without ready endpoints: {}\n", within(&empty, SERVICES_BYTES)));
        }
        if !others.is_empty() {
            out.push_str(&format!("services: {}\n", within(&others, SERVICES_BYTES)));
        }
    }

    fn pods_text(&self, out: &mut String) {
        let total: usize = self.phases.values().sum();
        let phases: Vec<String> =
            self.phases.iter().map(|(phase, count)| format!("{phase} {count}")).collect();
        out.push_str(&format!("{}: {}\n", count(total, "pod"), phases.join(", ")));
        if self.problems.is_empty() {
            return;
        }
        out.push_str("problem pods:\n");
        for problem in self.problems.iter().take(PROBLEMS) {
            let of = if problem.owner.is_empty() { String::new() } else { format!(" of {}", problem.owner) };
            let place =
                self.place(&problem.namespace).map(|place| format!(" in {place}")).unwrap_or_default();
            let restarts =
                if problem.restarts > 0 { format!(", {} restarts", problem.restarts) } else { String::new() };
            out.push_str(&format!(
                "  {}: {}{of}{place}{restarts}, e.g. {}\n",
                problem.status, problem.pods, problem.example
            ));
        }
        if self.problems.len() > PROBLEMS {
            out.push_str(&format!("  +{} more groups\n", self.problems.len() - PROBLEMS));
        }
    }

    fn warnings_text(&self, out: &mut String) {
        if self.warnings.is_empty() {
            return;
        }
        out.push_str("recent warnings (last seen, count):\n");
        for group in self.warnings.iter().take(EVENTS) {
            let message: String = group.message.split_whitespace().collect::<Vec<_>>().join(" ");
            let message = match message.char_indices().nth(MESSAGE) {
                Some((end, _)) => format!("{}…", &message[..end]),
                None => message,
            };
            let place = self.place(&group.namespace).map(|place| format!("{place} ")).unwrap_or_default();
            let last = group.last.map_or("?".to_owned(), |last| age(self.now, last));
            out.push_str(&format!(
                "  {last} x{} {} {place}{}: {message}\n",
                group.count,
                group.reason,
                group.about()
            ));
        }
        if self.warnings.len() > EVENTS {
            out.push_str(&format!("  +{} more groups, see k8s_events\n", self.warnings.len() - EVENTS));
        }
    }
}

/// The first few, and how many more.
fn some(names: &[&str], most: usize) -> (String, String) {
    let more = names.len().saturating_sub(most);
    let shown = names.iter().take(most).copied().collect::<Vec<_>>().join(", ");
    (shown, if more > 0 { format!(", +{more} more") } else { String::new() })
}

/// Names within so many bytes, and how many more.
fn within(names: &[String], bytes: usize) -> String {
    let mut out = String::new();
    for (index, name) in names.iter().enumerate() {
        if out.len() + name.len() > bytes {
            out.push_str(&format!(", +{} more", names.len() - index));
            return out;
        }
        if index > 0 {
            out.push_str(", ");
        }
        out.push_str(name);
    }
    out
}

impl Present for Output {
    fn text(&self) -> String {
        let mut out = String::new();
        if let Some(name) = &self.namespace {
            let phase =
                self.namespaces.iter().find(|place| place.name == *name).map(|place| place.phase.as_str());
            let phase = phase
                .filter(|phase| *phase != "Active")
                .map(|phase| format!(" ({phase})"))
                .unwrap_or_default();
            out.push_str(&format!("namespace {name}{phase}\n"));
        }
        self.nodes_text(&mut out);
        self.namespaces_text(&mut out);
        self.pods_text(&mut out);
        self.workloads_text(&mut out);
        self.services_text(&mut out);
        for (kind, names) in &self.names {
            let kinds = count(names.len(), &kind.to_lowercase());
            match &self.namespace {
                Some(place) => {
                    let prefix = format!("{place}/");
                    let short: Vec<String> = names
                        .iter()
                        .map(|name| name.strip_prefix(&prefix).unwrap_or(name).to_owned())
                        .collect();
                    out.push_str(&format!("{kinds}: {}\n", within(&short, 300)));
                }
                None => out.push_str(&format!("{kinds}\n")),
            }
        }
        self.warnings_text(&mut out);
        out
    }

    fn summary(&self) -> String {
        let total: usize = self.phases.values().sum();
        let bad: usize = self.problems.iter().map(|problem| problem.pods).sum();
        format!("{}, {bad} with problems", count(total, "pod"))
    }

    fn coverage(&self) -> Coverage {
        let mut coverage = self.coverage.clone();
        let known: BTreeSet<&String> = coverage.missing.iter().collect();
        coverage.missing = known.into_iter().cloned().collect();
        coverage
    }
}
