//! Flow files and folders of them: exporter files, `hubble observe -o jsonpb`, Cilium sysdumps (unpacked).

use crate::ask::{Ask, Reading, Sink};
use crate::error::FlowsError;
use crate::record::Record;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use stethoscope_hubble::file::{self, Bounds, Entry, Report};

/// Files of a folder at most, folders within folders at most, entries looked at.
const FILES: usize = 2_000;
const DEPTH: usize = 6;
const ENTRIES: usize = 100_000;

/// Files that were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowFiles {
    paths: Vec<PathBuf>,
}

impl FlowFiles {
    /// A file, whatever its name, or a folder: then all files in it that are named as flow files are
    /// (`hubble-flows-*.json` of a sysdump, `events.log*` and `*flows*` of an exporter, `flows.jsonl.gz`).
    ///
    /// # Errors
    /// When the path can't be read, or a folder has no such file.
    pub fn open(path: &Path) -> Result<Self, FlowsError> {
        let wrong = |why: String| FlowsError::File { path: path.to_owned(), why };
        let meta = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
        if !meta.is_dir() {
            File::open(path).map_err(|error| wrong(error.to_string()))?;
            return Ok(Self { paths: vec![path.to_owned()] });
        }
        let mut paths = Vec::new();
        let mut entries = ENTRIES;
        walk(path, DEPTH, &mut entries, &mut paths).map_err(|error| wrong(error.to_string()))?;
        if paths.is_empty() {
            return Err(wrong(
                "the folder has no flow files (hubble-flows-*.json, events.log, flows.jsonl)".to_owned(),
            ));
        }
        paths.sort();
        paths.truncate(FILES);
        Ok(Self { paths })
    }

    /// How messages call them.
    pub(crate) fn name(&self) -> String {
        match self.paths.as_slice() {
            [one] => one.file_name().unwrap_or(one.as_os_str()).to_string_lossy().into_owned(),
            many => format!("{} flow files", many.len()),
        }
    }

    /// Streams them into a sink. Blocking.
    pub(crate) fn feed(&self, ask: &Ask, sink: &mut impl Sink) -> Result<Reading, FlowsError> {
        let mut report = Report::default();
        let mut flows = 0_u64;
        for path in &self.paths {
            let file = File::open(path)
                .map_err(|error| FlowsError::File { path: path.clone(), why: error.to_string() })?;
            let bounds =
                Bounds { records: ask.most.saturating_sub(report.records).max(1), ..Bounds::default() };
            let mut one = read(file, &bounds, sink, &mut flows);
            if let (Some(stopped), true) = (&mut one.stopped, self.paths.len() > 1) {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                *stopped = format!("{name}: {stopped}");
            }
            report.add(one);
            if report.records >= ask.most {
                break;
            }
        }
        Ok(Reading {
            source: self.name(),
            flows,
            stopped: report.stopped.clone(),
            report: Some(report),
            ..Reading::default()
        })
    }
}

/// Reads one stream of records into a sink.
pub(crate) fn read(
    source: impl std::io::Read + Send + 'static,
    bounds: &Bounds,
    sink: &mut impl Sink,
    flows: &mut u64,
) -> Report {
    file::each(source, bounds, |line| {
        match file::decode::<Record<'_>>(line)? {
            Entry::Flow { flow, node_name, time } => {
                let node = if flow.node_name.0.is_empty() {
                    node_name.as_deref().unwrap_or_default()
                } else {
                    flow.node_name.0.as_ref()
                };
                let time = if flow.time == 0 { time.unwrap_or_default() } else { flow.time };
                sink.flow(&flow, node, time);
                *flows += 1;
            }
            Entry::Lost { event, .. } => sink.lost(&event),
            Entry::NodeStatus(status) => sink.node_status(&status),
            Entry::Agent { .. } | Entry::Debug => {}
        }
        Ok(ControlFlow::Continue(()))
    })
}

fn walk(folder: &Path, depth: usize, entries: &mut usize, paths: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        *entries = entries.saturating_sub(1);
        if *entries == 0 {
            return Ok(());
        }
        // Links are not followed: they may lead anywhere, or in circles.
        let kind = entry.file_type()?;
        let path = entry.path();
        if kind.is_dir() && depth > 0 {
            // A folder that may not be read hides only itself.
            let _ = walk(&path, depth - 1, entries, paths);
        } else if kind.is_file() && entry.file_name().to_str().is_some_and(is_flow_file) {
            paths.push(path);
        }
    }
    Ok(())
}

fn is_flow_file(name: &str) -> bool {
    let stem = [".gz", ".zst"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    let lower = stem.to_ascii_lowercase();
    let data = [".json", ".jsonl", ".ndjson", ".log"].iter().any(|suffix| lower.ends_with(suffix));
    // An exporter's rotated files: events-2026-01-31T12-00-00.000.log.
    let named = lower.starts_with("hubble-flows")
        || lower.contains("flows")
        || lower == "events.log"
        || (lower.starts_with("events-") && Path::new(&lower).extension().is_some_and(|end| end == "log"));
    data && named
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn flow_files_of_a_sysdump_and_of_an_exporter_are_told_by_name() {
        let names = [
            "hubble-flows-cilium-7x2lk-20260131-120000.json",
            "flows.jsonl.gz",
            "events.log",
            "events-2026-01-31T12-00-00.000.log.gz",
            "k8s-events.yaml",
            "cilium-events-20260131.json",
            "cilium-config.json",
        ];
        assert_eq!(names.map(is_flow_file), [true, true, true, true, false, false, false]);
    }
}
