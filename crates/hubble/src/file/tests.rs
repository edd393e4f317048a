use super::*;
use crate::Flow;
use flate2::{Compression, write::GzEncoder};
use pretty_assertions::assert_eq;
use proptest::prelude::*;
use std::io::{Cursor, Write};

const A: &str = r#"{"flow":{"verdict":"DROPPED","uuid":"a"},"node_name":"n1","time":"2026-01-01T00:00:00Z"}"#;
const B: &str = r#"{"flow":{"verdict":"FORWARDED","uuid":"b","Summary":"}{ \"quoted\" ]"},"node_name":"n2"}"#;

/// The ids of the flows read, and the report.
fn read(bytes: impl Into<Vec<u8>>) -> (Vec<String>, Report) {
    read_within(bytes, &Bounds::default())
}

fn read_within(bytes: impl Into<Vec<u8>>, bounds: &Bounds) -> (Vec<String>, Report) {
    let mut ids = Vec::new();
    let report = each(Cursor::new(bytes.into()), bounds, |record| {
        match decode::<Flow>(record)? {
            Entry::Flow { flow, .. } => ids.push(flow.uuid),
            Entry::Lost { event, .. } => ids.push(format!("lost {}", event.num_events_lost)),
            Entry::NodeStatus(status) => ids.push(format!("status {}", status.state_change)),
            Entry::Agent { event, .. } => ids.push(format!("agent {}", event.kind)),
            Entry::Debug => ids.push("debug".to_owned()),
        }
        Ok(ControlFlow::Continue(()))
    });
    (ids, report)
}

#[test]
fn every_shape_of_file_gives_the_same_flows() {
    let pretty = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        serde_json::to_string_pretty(&value).unwrap()
    };
    let bare = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["flow"].to_string()
    };
    let (head, tail) = B.split_at(30);
    let shipped =
        serde_json::json!({"log": format!("{B}\n"), "stream": "stdout", "time": "2026-01-01T00:00:00Z"});
    for (shape, text) in [
        ("lines", format!("{A}\n{B}\n")),
        ("no last line feed", format!("{A}\n{B}")),
        ("Windows lines", format!("\u{feff}{A}\r\n\r\n{B}\r\n")),
        ("array on a line", format!("[{A},{B}]")),
        ("array of lines", format!("[\n{A},\n{B}\n]\n")),
        ("pretty array", format!("[\n{},\n{}\n]", pretty(A), pretty(B))),
        ("pretty objects", format!("{}\n{}\n", pretty(A), pretty(B))),
        ("one line of two", format!("{A} {B}\n")),
        ("text sequence", format!("\u{1e}{A}\n\u{1e}{B}\n")),
        ("bare", format!("{}\n{}\n", bare(A), bare(B))),
        ("container", format!("2026-01-01T00:00:00.1Z stdout F {A}\n2026-01-01T00:00:00.2Z stdout F {B}\n")),
        (
            "container, cut lines",
            format!(
                "2026-01-01T00:00:00.1Z stdout F {A}\n2026-01-01T00:00:00.2Z stdout P {head}\n2026-01-01T00:00:00.2Z stdout F {tail}\n"
            ),
        ),
        ("syslog", format!("<14>Jan  1 00:00:00 host hubble: {A}\n<14>Jan  1 00:00:00 host hubble: {B}\n")),
        ("Elasticsearch", format!("{{\"_source\":{A}}}\n{{\"_source\":{B}}}\n")),
        ("Docker", format!("{A}\n{shipped}\n")),
    ] {
        let (ids, report) = read(text.clone());
        assert_eq!(
            (ids, report.rejected, report.stopped),
            (vec!["a".into(), "b".into()], 0, None),
            "{shape}"
        );
        assert_eq!(report.records, 2, "{shape}");
        assert_eq!(report.bytes, text.len() as u64, "{shape}");
    }
}

#[test]
fn packed_files_are_told_by_content() {
    let text = format!("{A}\n{B}\n");
    let gzip = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let ids = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(read(gzip(&text)).0, ids);
    // Rotated files are often put behind one another.
    let members = [gzip(&format!("{A}\n")), gzip(&format!("{B}\n"))].concat();
    assert_eq!(read(members).0, ids);
    assert_eq!(read(zstd::encode_all(text.as_bytes(), 1).unwrap()).0, ids);
    let mut cut = gzip(&text.repeat(200));
    cut.truncate(cut.len() - 20);
    let (ids, report) = read(cut);
    assert!(ids.len() > 10, "what came before the cut counts");
    assert!(report.stopped.unwrap().starts_with("it ends early"));
}

#[test]
fn bad_lines_are_counted_and_cost_only_themselves() {
    let cut = &A[..33];
    let (ids, report) = read(format!("{cut}\n{A}\nnot json\n{{\"x\":1}}\n{{}}\n{{\"flow\":7}}\n{B}\n{cut}"));
    assert_eq!(ids, ["a", "b"]);
    assert_eq!((report.records, report.rejected), (8, 6));
    assert_eq!(report.first_rejected, Some((1, "cut off in the middle".to_owned())));
}

#[test]
fn protocol_records_are_read_and_odd_values_survive() {
    let text = concat!(
        r#"{"lost_events":{"source":"HUBBLE_RING_BUFFER","num_events_lost":"12"},"node_name":"n1"}"#,
        "\n",
        r#"{"node_status":{"state_change":"NODE_CONNECTED","node_names":["n1"]}}"#,
        "\n",
        r#"{"agent_event":{"type":"POLICY_UPDATED","policy_update":{"labels":null,"revision":"6"}}}"#,
        "\n",
        r#"{"debug_event":{"type":"DBG_CT_LOOKUP"}}"#,
        "\n",
        r#"{"flow":{"verdict":15,"uuid":"retina","extensions":{"@type":"x"},"l7":{"latency_ns":"999"},"source":{"labels":null}}}"#,
        "\n",
        r#"{"flow":{"verdict":"NEWER","uuid":"newer","is_reply":null}}"#,
        "\n",
    );
    let (ids, report) = read(text);
    assert_eq!(ids, ["lost 12", "status 1", "agent 3", "debug", "retina", "newer"]);
    assert_eq!(report.rejected, 0);
    let Entry::Flow { flow, .. } =
        decode::<Flow>(br#"{"flow":{"verdict":15,"l7":{"latency_ns":"999"}}}"#).unwrap()
    else {
        panic!("a flow");
    };
    assert_eq!((flow.verdict, flow.l7.unwrap().latency_ns), (15, 999));
}

#[test]
fn a_wrapped_boolean_has_three_values() {
    let replies = ["true", "false", "null", r#"{"value":true}"#, "{}"].map(|given| {
        let line = format!(r#"{{"flow":{{"verdict":1,"is_reply":{given}}}}}"#);
        match decode::<Flow>(line.as_bytes()).unwrap() {
            Entry::Flow { flow, .. } => flow.is_reply,
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(replies, [Some(true), Some(false), None, Some(true), Some(false)]);
}

#[test]
fn reading_is_bounded() {
    let text = format!("{A}\n").repeat(100);
    let (ids, report) = read_within(text.clone(), &Bounds { records: 7, ..Bounds::default() });
    assert_eq!((ids.len(), report.stopped.as_deref()), (7, Some("only the first 7 records were read")));
    let (ids, report) = read_within(text, &Bounds { bytes: 300, ..Bounds::default() });
    assert_eq!((ids.len(), report.stopped.as_deref()), (4, Some("only the first 300 bytes were read")));
    let long = format!("{{\"a\":\"{}\"}}\n{A}\n{}\n{B}\n", "x".repeat(5_000), "y".repeat(900_000));
    let (ids, report) = read_within(long, &Bounds { record_bytes: 1_000, ..Bounds::default() });
    assert_eq!((ids, report.rejected), (vec!["a".to_owned(), "b".to_owned()], 2));
    // A line that never ends is not kept in memory.
    let endless = std::io::repeat(b'{').take(50_000_000);
    let report = each(endless, &Bounds { record_bytes: 1_000, ..Bounds::default() }, |_| {
        Ok(ControlFlow::Continue(()))
    });
    assert_eq!((report.rejected, report.records), (1, 1));
}

#[test]
fn what_is_written_is_read_back() {
    let Entry::Flow { flow, .. } = decode::<Flow>(B.as_bytes()).unwrap() else { panic!("a flow") };
    let again = serde_json::json!({ "flow": flow }).to_string();
    let Entry::Flow { flow: back, .. } = decode::<Flow>(again.as_bytes()).unwrap() else { panic!("a flow") };
    assert_eq!(flow, back);
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let (ids, report) = read(bytes);
        prop_assert!(ids.len() as u64 + report.rejected <= report.records);
    }

    #[test]
    fn no_mixture_of_json_breaks_the_reader(text in "(\\{\"flow\":|\\{|\\}|\\[|\\]|\"|,|:|\n|null|1|\\\\|verdict|2026-01-01T00:00:00Z stdout P |F|é){0,60}") {
        let (ids, report) = read(text);
        prop_assert!(ids.len() as u64 + report.rejected <= report.records);
    }

    /// Whatever garbage lies between lines, whole records are found.
    #[test]
    fn garbage_between_lines_hides_no_record(garbage in "[^\n{}\\[\\]\"]{0,40}") {
        let (ids, _) = read(format!("{A}\n{garbage}\n{B}\n"));
        prop_assert_eq!(ids, ["a", "b"]);
    }
}
