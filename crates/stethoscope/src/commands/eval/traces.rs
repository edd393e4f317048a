//! Traces of an eval run, to a file and to a collector over OTLP/HTTP.

use crate::config::environment;
use crate::exit::{Code, Failure};
use std::time::Duration;
use stethoscope_evals::{Results, traces};
use stethoscope_models::http::{Reach, client};

/// What OTLP/HTTP appends to a base address.
const PATH: &str = "/v1/traces";
/// Headers for the collector, `key=value` with commas between, as every OpenTelemetry SDK reads them.
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const CONNECT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);
/// Letters of a collector's refusal that are shown.
const SHOWN: usize = 300;

/// Sends every case's trace. The address is a flag only: one that lies in the environment for other programs is no permission.
pub(crate) async fn send(results: &Results, endpoint: &str) -> Result<(), Failure> {
    let address = address(endpoint)?;
    let headers = environment(HEADERS).map(|text| headers(&text)).transpose()?.unwrap_or_default();
    let client = client(reach(&address), CONNECT).map_err(|error| Failure::usage(error.to_string()))?;
    let unreachable = |why: String| {
        Failure::new(Code::Unreachable, format!("the traces could not be sent to {address}: {why}"))
            .hint("the results are written; `stethoscope eval run --traces FILE` keeps the traces in a file")
    };
    for request in traces::requests(results) {
        let mut post = client
            .post(&address)
            .timeout(TIMEOUT)
            .header("content-type", "application/json")
            .body(request.to_string());
        for (name, value) in &headers {
            post = post.header(name, value);
        }
        let answer = post.send().await.map_err(|error| unreachable(error.without_url().to_string()))?;
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        let shown: String = text.chars().filter(|letter| !letter.is_control()).take(SHOWN).collect();
        if !status.is_success() {
            return Err(unreachable(format!("it answered {status}: {shown}")));
        }
        if let Some(rejected) = rejected(&text) {
            return Err(unreachable(format!("it refused {rejected} spans: {shown}")));
        }
    }
    Ok(())
}

/// Spans that a collector refused although it took the request (`ExportTracePartialSuccess`).
fn rejected(answer: &str) -> Option<u64> {
    let answer: serde_json::Value = serde_json::from_str(answer).ok()?;
    let count = &answer["partialSuccess"]["rejectedSpans"];
    // 64-bit numbers are strings in this encoding; some collectors write numbers.
    let count = count.as_u64().or_else(|| count.as_str()?.parse().ok())?;
    (count > 0).then_some(count)
}

fn address(endpoint: &str) -> Result<String, Failure> {
    let endpoint = endpoint.trim_end_matches('/');
    if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
        return Err(Failure::usage(format!("{endpoint} is no address of a collector"))
            .hint("write it like http://localhost:4318"));
    }
    Ok(if endpoint.ends_with(PATH) { endpoint.to_owned() } else { format!("{endpoint}{PATH}") })
}

fn reach(address: &str) -> Reach {
    let (scheme, rest) = address.split_once("://").unwrap_or(("http", address));
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let local = host == "localhost"
        || host.starts_with("localhost:")
        || host.starts_with("127.")
        || host.starts_with("[::1]");
    match (scheme, local) {
        ("https", true) => Reach::LoopbackTls,
        ("https", false) => Reach::Tls,
        (_, true) => Reach::Loopback,
        (_, false) => Reach::Plain,
    }
}

fn headers(text: &str) -> Result<Vec<(String, String)>, Failure> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').ok_or_else(|| {
                // Never the part itself: it may be a secret.
                Failure::usage(format!("a part of {HEADERS} is no key=value"))
            })?;
            Ok((name.trim().to_owned(), value.trim().replace("%20", " ")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn an_address_gets_the_path_of_the_protocol_once() {
        let made = |endpoint: &str| address(endpoint).map_err(|failure| failure.to_string());
        assert_eq!(made("http://localhost:4318/"), Ok("http://localhost:4318/v1/traces".to_owned()));
        assert_eq!(made("https://c.example.com/v1/traces"), Ok("https://c.example.com/v1/traces".to_owned()));
        assert_eq!(made("localhost:4318"), Err("localhost:4318 is no address of a collector".to_owned()));
    }

    #[test]
    fn a_collector_on_this_machine_is_asked_without_a_proxy() {
        assert_eq!(reach("http://127.0.0.1:1/v1/traces"), Reach::Loopback);
        assert_eq!(reach("https://localhost/v1/traces"), Reach::LoopbackTls);
        assert_eq!(reach("http://localhost.example.com/v1/traces"), Reach::Plain);
    }

    #[test]
    fn headers_are_pairs_and_a_wrong_one_is_not_repeated() {
        assert_eq!(
            headers("authorization=Bearer%20x, a=b=c,").unwrap(),
            [("authorization".to_owned(), "Bearer x".to_owned()), ("a".to_owned(), "b=c".to_owned())]
        );
        let why = headers("hunter2").unwrap_err().to_string();
        assert!(!why.contains("hunter2"), "{why}");
    }

    #[test]
    fn a_partial_success_counts_what_was_refused() {
        assert_eq!(rejected(r#"{"partialSuccess":{"rejectedSpans":"3"}}"#), Some(3));
        assert_eq!(rejected(r#"{"partialSuccess":{}}"#), None);
        assert_eq!(rejected(""), None);
    }
}
