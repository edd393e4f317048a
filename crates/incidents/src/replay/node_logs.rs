//! The kubelet's log query API, `nodes/<name>/proxy/logs/`.

use super::logs::{Stamps, Window};
use super::request::Request;
use super::route::{Answer, text};
use super::status::Failure;
use super::store::{Resource, Store};
use axum::response::IntoResponse;
use http::{StatusCode, header};
use regex::bytes::RegexBuilder;

/// Longest pattern, and most memory for its automaton.
const PATTERN_BYTES: usize = 1024;
const PATTERN_MEMORY: usize = 4 << 20;

pub(super) fn read(store: &Store, nodes: &Resource, node: &str, rest: &[&str], request: &Request) -> Answer {
    let Some(logs) = store.node_logs.get(node) else {
        return Err(match nodes.get(None, node) {
            Some(_) => {
                Failure::not_recorded(format!("logs of node {node:?} were not recorded in this incident"))
            }
            None => Failure::not_found(&nodes.kind, node),
        });
    };
    let mut wanted: Vec<&str> = request.params("query").collect();
    match rest {
        [] => {}
        // `/proxy/logs/kubelet.log` reads the file of that name, as below /var/log.
        [file] => wanted.push(file.strip_suffix(".log").unwrap_or(file)),
        _ => return Err(Failure::unknown_resource()),
    }
    if wanted.is_empty() {
        let names: Vec<String> =
            logs.keys().map(|unit| format!("<a href=\"{unit}.log\">{unit}.log</a>\n")).collect();
        let names = names.concat();
        let page = format!(
            "<!doctype html>\n<meta name=\"viewport\" content=\"width=device-width\">\n<pre>\n{names}</pre>\n"
        );
        return Ok(
            (StatusCode::OK, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
        );
    }
    let pattern = request.param("pattern").map(pattern).transpose()?;
    let window = Window::of(store.captured_at, request)?.keeping_stamps();
    let mut out = Vec::new();
    for unit in wanted {
        let unit = unit.strip_suffix(".service").unwrap_or(unit);
        let log = logs.get(unit).ok_or_else(|| {
            let known = logs.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            Failure::not_recorded(format!(
                "logs of {unit:?} on node {node:?} were not recorded in this incident; recorded: {known}"
            ))
        })?;
        let matching: Vec<u8> = match &pattern {
            Some(pattern) => {
                let lines = log.split_inclusive(|b| *b == b'\n').filter(|line| pattern.is_match(line));
                lines.flatten().copied().collect()
            }
            None => log.to_vec(),
        };
        // Lines of `journalctl -o short` have no year or zone, so sinceTime cuts only where RFC 3339 times lead.
        out.extend(window.cut(&matching, Stamps::of(&matching)));
        if out.last().is_some_and(|b| *b != b'\n') {
            out.push(b'\n');
        }
    }
    Ok(text(out))
}

fn pattern(text: &str) -> Result<regex::bytes::Regex, Failure> {
    let built = RegexBuilder::new(text).size_limit(PATTERN_MEMORY).build();
    match built {
        Ok(regex) if text.len() <= PATTERN_BYTES => Ok(regex),
        Ok(_) => Err(Failure::bad_request(format!("pattern is longer than {PATTERN_BYTES} bytes"))),
        Err(error) => Err(Failure::bad_request(format!("invalid pattern {text:?}: {error}"))),
    }
}
