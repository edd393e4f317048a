use super::*;
use pretty_assertions::assert_eq;
use proptest::prelude::*;

fn shown(text: &str) -> Vec<String> {
    let recording = read(text.as_bytes(), 5_000, &Bounds::default());
    let mut lines: Vec<String> = recording
        .series
        .iter()
        .flat_map(|series| {
            series.points.iter().map(|point| format!("{} {} {}", series.labels, point.value, point.at))
        })
        .collect();
    lines.extend(recording.problems);
    lines
}

#[test]
fn names_labels_escapes_times_and_exemplars_are_read() {
    let text = "# TYPE a counter\n# HELP a What\\nit is.\n# UNIT a bytes\n\
        a_total{x=\"1\",path=\"C:\\\\d \\\"q\\\" }\",} 3.5 1.25 # {trace=\"z\"} 1 1\n\
        a_total {x=\"2\"} +Inf 2\nplain 7\n{\"any name\",k=\"v\"} NaN 1764315194000\nempty{k=\"\"} 1 1\n# EOF\nafter 1 1\n";
    assert_eq!(
        shown(text),
        [
            "a_total{path=\"C:\\\\d \\\"q\\\" }\", x=\"1\"} 3.5 1250",
            "a_total{x=\"2\"} inf 2000",
            "any name{k=\"v\"} NaN 1764315194000",
            "empty 1 1000",
            "plain 7 5000",
        ]
    );
    let recording = read(text.as_bytes(), 0, &Bounds::default());
    let expected = Metadata { kind: "counter".into(), help: "What\nit is.".into(), unit: "bytes".into() };
    assert_eq!(recording.metadata.get("a"), Some(&expected));
}

#[test]
fn a_wrong_line_costs_that_line_and_is_told() {
    assert_eq!(
        shown("ok 1 1\nno_value\nx{a=\"b} 1 1\nx{a=b} 1 1\n{a=\"b\"} 1 1\ny one 1\ny 1 soon\n"),
        [
            "ok 1 1000",
            "6 lines of the recorded metrics can't be read: line 2 has no value, line 3 has labels without an end, \
             line 4 has a label value without quotes",
        ]
    );
}

#[test]
fn points_are_sorted_and_the_last_of_a_moment_counts() {
    assert_eq!(
        shown("m 2 2\nm 1 1\nm{} 3 2\n"),
        ["m 1 1000", "m 3 2000", "1 samples are recorded twice for one moment; the last one counts"]
    );
}

#[test]
fn bounds_hold_and_are_told() {
    let bounds = Bounds { line_bytes: 40, labels: 2, series: 2, points: 3, families: 1 };
    let text = format!("a 1 1\nb 1 1\nc 1 1\na 1 2\na 1 3\nlong{{x=\"{}\"}} 1 1\n", "y".repeat(50));
    let recording = read(text.as_bytes(), 0, &bounds);
    assert_eq!(recording.series.iter().map(|series| series.points.len()).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(
        recording.problems,
        [
            "1 lines of the recorded metrics can't be read: line 6 is too long",
            "1 samples of series beyond the first 2 were left out",
            "1 samples beyond the first 3 were left out",
        ]
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read(&bytes, 0, &Bounds::default());
    }

    #[test]
    fn any_text_of_the_formats_letters_is_read_without_a_panic(text in "[a{}\"=,\\\\ #0-9\n]{0,200}") {
        read(text.as_bytes(), 0, &Bounds::default());
    }

    #[test]
    fn what_is_written_is_read_back(
        labels in proptest::collection::btree_map("[a-z_]{1,8}", ".{1,12}", 0..5),
        points in proptest::collection::btree_map(0_i64..1_000_000, -1e12_f64..1e12, 1..10),
    ) {
        let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let inside: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
        let inside = inside.join(",");
        let lines: Vec<String> =
            points.iter().map(|(at, value)| format!("m{{{inside}}} {value} {}", *at as f64 / 1000.0)).collect();
        let text = lines.join("\n");
        let recording = read(text.as_bytes(), 0, &Bounds::default());
        let name: (Arc<str>, Arc<str>) = (Arc::from(NAME), Arc::from("m"));
        let pairs = labels.iter().map(|(name, value)| (Arc::from(name.as_str()), Arc::from(value.as_str())));
        let expected = Series {
            labels: Labels::new(pairs.chain([name])),
            points: points.iter().map(|(&at, &value)| Point { at, value }).collect(),
        };
        prop_assert_eq!(recording.series, vec![expected]);
        prop_assert_eq!(recording.problems, Vec::<String>::new());
    }
}
