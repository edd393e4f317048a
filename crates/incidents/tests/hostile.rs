//! Archives and directories that want to do harm, or are too large.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

use pretty_assertions::assert_eq;
use proptest::prelude::*;
use std::io::Write;
use std::path::{Path, PathBuf};
use stethoscope_incidents::{Bundle, BundleError, OpenLimits, Refusal};

const POD: &[u8] = br#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","creationTimestamp":"2026-01-01T00:00:00Z"}}"#;
const POD_PATH: &str = "cluster-resources/pods/shop.json";

/// A tar header without the checks of the tar crate.
fn header(name: &[u8], size: u64, kind: tar::EntryType, link: &[u8]) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    let bytes = header.as_mut_bytes();
    bytes[..name.len()].copy_from_slice(name);
    bytes[157..157 + link.len()].copy_from_slice(link);
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

fn entry(name: &[u8], kind: tar::EntryType, link: &[u8], content: &[u8]) -> Vec<u8> {
    let mut out = header(name, content.len() as u64, kind, link).as_bytes().to_vec();
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    entry(name.as_bytes(), tar::EntryType::Regular, b"", content)
}

fn tar_of(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut out = entries.concat();
    out.extend_from_slice(&[0; 1024]);
    out
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn open_with(bytes: &[u8], limits: &OpenLimits) -> Result<Bundle, BundleError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    Bundle::open(file.path(), limits)
}

fn open(bytes: &[u8]) -> Result<Bundle, BundleError> {
    open_with(bytes, &OpenLimits::default())
}

fn refusal(bytes: &[u8]) -> Refusal {
    refusal_with(bytes, &OpenLimits::default())
}

fn refusal_with(bytes: &[u8], limits: &OpenLimits) -> Refusal {
    match open_with(bytes, limits) {
        Err(BundleError::Refused { refusal, .. }) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn tar_gzip_and_zstd_are_told_apart_by_content() {
    let plain = tar_of(&[file(POD_PATH, POD)]);
    let zstd = zstd::encode_all(plain.as_slice(), 1).unwrap();
    for bytes in [plain.clone(), gzip(&plain), zstd] {
        assert_eq!(open(&bytes).unwrap().objects().len(), 1);
    }
}

#[test]
fn paths_that_leave_the_bundle_are_refused() {
    let with = |name: &str| refusal(&tar_of(&[file(POD_PATH, POD), file(name, b"x")]));
    assert_eq!(with("/etc/passwd"), Refusal::AbsolutePath("/etc/passwd".into()));
    assert_eq!(with("C:\\x"), Refusal::AbsolutePath("C:\\x".into()));
    assert_eq!(with("../x"), Refusal::ParentPath("../x".into()));
    assert_eq!(with("a/../../x"), Refusal::ParentPath("a/../../x".into()));
    assert_eq!(with("a\\..\\x"), Refusal::ParentPath("a\\..\\x".into()));
    let deep = "d/".repeat(45) + "x";
    assert!(matches!(with(&deep), Refusal::LongPath(_)));
}

#[test]
fn links_out_and_special_files_are_refused() {
    let with = |kind, link: &[u8]| refusal(&tar_of(&[entry(b"dir/evil", kind, link, b"")]));
    let escaping = |target: &str| Refusal::EscapingLink { entry: "dir/evil".into(), target: target.into() };
    assert_eq!(with(tar::EntryType::Symlink, b"/etc/passwd"), escaping("/etc/passwd"));
    assert_eq!(with(tar::EntryType::Symlink, b"../../x"), escaping("../../x"));
    assert_eq!(with(tar::EntryType::Symlink, b"a/../../../x"), escaping("a/../../../x"));
    assert_eq!(with(tar::EntryType::Link, b"other"), Refusal::HardLink("dir/evil".into()));
    let special = |what| Refusal::Special { entry: "dir/evil".into(), what };
    assert_eq!(with(tar::EntryType::Char, b""), special("character device"));
    assert_eq!(with(tar::EntryType::Block, b""), special("block device"));
    assert_eq!(with(tar::EntryType::Fifo, b""), special("named pipe"));
}

#[test]
fn a_link_that_stays_inside_is_passed_over_with_a_note() {
    let link =
        entry(b"podlogs/web.log", tar::EntryType::Symlink, b"../cluster-resources/pods/shop.json", b"");
    let bundle = open(&tar_of(&[file(POD_PATH, POD), link])).unwrap();
    assert_eq!(
        bundle.problems(),
        ["podlogs/web.log is a link to ../cluster-resources/pods/shop.json and was passed over"]
    );
}

#[test]
fn names_that_are_not_utf8_are_refused() {
    let bytes = tar_of(&[entry(b"a\xff\xfe", tar::EntryType::Regular, b"", b"")]);
    assert!(matches!(refusal(&bytes), Refusal::NotUtf8(_)));
}

#[test]
fn bombs_are_refused_by_total_file_size_count_and_ratio() {
    let zeros = vec![0; 300_000];
    let bytes = gzip(&tar_of(&[file("a", &zeros), file("b", &zeros)]));
    let limits = OpenLimits { file_bytes: 200_000, ..OpenLimits::default() };
    assert_eq!(refusal_with(&bytes, &limits), Refusal::FileTooLarge { entry: "a".into(), limit: 200_000 });
    let limits = OpenLimits { total_bytes: 400_000, ..OpenLimits::default() };
    assert_eq!(refusal_with(&bytes, &limits), Refusal::TotalTooLarge(400_000));
    let limits = OpenLimits { files: 1, ..OpenLimits::default() };
    assert_eq!(refusal_with(&bytes, &limits), Refusal::TooManyFiles(1));

    let zeros = vec![0; 80 << 20];
    let bomb = zstd::encode_all(tar_of(&[file("a", &zeros)]).as_slice(), 1).unwrap();
    assert_eq!(refusal(&bomb), Refusal::Ratio(500));
}

#[test]
fn a_million_tiny_objects_are_refused_and_a_flood_of_problems_is_counted() {
    let pod = std::str::from_utf8(POD).unwrap();
    let objects = format!("[{}]", vec![pod; 30].join(","));
    let limits = OpenLimits { objects: 20, ..OpenLimits::default() };
    let bytes = tar_of(&[file(POD_PATH, objects.as_bytes())]);
    assert_eq!(refusal_with(&bytes, &limits), Refusal::TooManyObjects(20));

    let broken = format!("[{pod},{}]", vec!["{}"; 1000].join(","));
    let bundle = open(&tar_of(&[file(POD_PATH, broken.as_bytes())])).unwrap();
    assert_eq!(bundle.problems().len(), 201);
    assert_eq!(bundle.problems().last().unwrap(), "and 800 problems more");
}

#[test]
fn yaml_that_explodes_through_aliases_is_a_problem_and_costs_no_time() {
    let mut yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        yaml.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let started = std::time::Instant::now();
    let bytes = tar_of(&[file(POD_PATH, POD), file("cluster-resources/bomb.yaml", yaml.as_bytes())]);
    let bundle = open(&bytes).unwrap();
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(bundle.problems().len(), 1);
    assert!(
        bundle.problems()[0].starts_with("cluster-resources/bomb.yaml: invalid YAML"),
        "{:?}",
        bundle.problems()
    );
}

#[test]
fn json_nested_a_hundred_thousand_deep_neither_overflows_the_stack_nor_hides_the_rest() {
    let deep = format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"deep","namespace":"shop"}},"data":{}1{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let lists = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let files = [
        file(POD_PATH, POD),
        file("cluster-resources/x.json", deep.as_bytes()),
        file("cluster-resources/y.json", lists.as_bytes()),
    ];
    let bundle = open(&tar_of(&files)).unwrap();
    assert!(bundle.objects().iter().any(|o| o.name == "web"));
    let replay = stethoscope_incidents::replay::Replay::new(std::sync::Arc::new(bundle));
    drop(replay.router());
}

#[test]
fn a_header_that_claims_a_huge_name_is_refused_before_it_is_read() {
    let name = vec![b'a'; 4 << 20];
    let long = entry(b"././@LongLink", tar::EntryType::GNULongName, b"", &name);
    let bytes = tar_of(&[long, file("x", b"")]);
    assert_eq!(refusal(&bytes), Refusal::HeaderTooLarge(1 << 20));
}

#[test]
fn a_cut_archive_is_damaged_wherever_it_is_cut() {
    let plain = tar_of(&[file(POD_PATH, POD), file("cluster-resources/nodes.json", &[b' '; 2000])]);
    let packed = gzip(&plain);
    let zstd = zstd::encode_all(plain.as_slice(), 1).unwrap();
    for (whole, cuts) in
        [(&plain, vec![600, 1024, 2000, 3584]), (&packed, vec![20, 60]), (&zstd, vec![20, 60])]
    {
        for cut in cuts {
            let error = open(&whole[..cut]).unwrap_err();
            assert!(matches!(error, BundleError::Damaged { .. }), "{cut} of {}: {error:?}", whole.len());
        }
    }
}

#[test]
fn other_formats_are_named_as_such() {
    for bytes in [&b"PK\x03\x04 a zip"[..], b"", b"{}", &[0; 2048]] {
        let error = open(bytes).unwrap_err();
        assert!(matches!(error, BundleError::WrongFormat { .. }), "{error:?}");
        assert!(error.to_string().contains("neither gzip, zstd nor tar"), "{error}");
    }
    let error = open(&gzip(
        b"text, not a tar archive, that is longer than one block of 512 bytes".repeat(20).as_slice(),
    ));
    assert!(matches!(error, Err(BundleError::WrongFormat { .. })), "{error:?}");
}

#[cfg(unix)]
mod directories {
    use super::*;
    use pretty_assertions::assert_eq;
    use std::os::unix::fs::symlink;

    fn directory() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let pods = dir.path().join("bundle/cluster-resources/pods");
        std::fs::create_dir_all(&pods).unwrap();
        std::fs::write(pods.join("shop.json"), POD).unwrap();
        let root = dir.path().join("bundle");
        (dir, root)
    }

    fn open(root: &Path) -> Result<Bundle, BundleError> {
        Bundle::open(root, &OpenLimits::default())
    }

    #[test]
    fn a_link_out_of_the_directory_is_refused_to_files_and_directories() {
        for target in ["outside.txt", "outside"] {
            let (dir, root) = directory();
            std::fs::write(dir.path().join("outside.txt"), "x").unwrap();
            std::fs::create_dir(dir.path().join("outside")).unwrap();
            symlink(dir.path().join(target), root.join("link")).unwrap();
            let error = open(&root).unwrap_err();
            let refused =
                matches!(&error, BundleError::Refused { refusal: Refusal::EscapingLink { .. }, .. });
            assert!(refused, "{error:?}");
        }
    }

    #[test]
    fn links_inside_are_read_once_and_loops_are_passed_over() {
        let (_dir, root) = directory();
        symlink("pods/shop.json", root.join("cluster-resources/again.json")).unwrap();
        symlink(".", root.join("loop")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        let bundle = open(&root).unwrap();
        assert_eq!(bundle.objects().len(), 1);
        let mut problems = bundle.problems().to_vec();
        problems.sort();
        assert_eq!(
            problems,
            [
                "dangling is a dangling link and was passed over",
                "loop is a link to a directory and was passed over"
            ]
        );
    }

    #[test]
    fn sockets_are_refused_and_limits_hold() {
        let (_dir, root) = directory();
        let socket = root.join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let error = open(&root).unwrap_err();
        assert!(matches!(error, BundleError::Refused { refusal: Refusal::Special { .. }, .. }), "{error:?}");
        std::fs::remove_file(&socket).unwrap();

        for (limits, expected) in [
            (OpenLimits { files: 2, ..OpenLimits::default() }, Refusal::TooManyFiles(2)),
            (OpenLimits { total_bytes: 10, ..OpenLimits::default() }, Refusal::TotalTooLarge(10)),
            (
                OpenLimits { file_bytes: 10, ..OpenLimits::default() },
                Refusal::FileTooLarge { entry: POD_PATH.into(), limit: 10 },
            ),
        ] {
            match Bundle::open(&root, &limits) {
                Err(BundleError::Refused { refusal, .. }) => assert_eq!(refusal, expected),
                other => panic!("not refused: {other:?}"),
            }
        }
    }

    #[test]
    fn a_name_that_is_not_utf8_is_refused() {
        use std::os::unix::ffi::OsStrExt;
        let (_dir, root) = directory();
        if std::fs::write(root.join(std::ffi::OsStr::from_bytes(b"a\xff")), "x").is_err() {
            eprintln!("SKIPPED: the file system takes only UTF-8 names");
            return;
        }
        let error = open(&root).unwrap_err();
        assert!(matches!(error, BundleError::Refused { refusal: Refusal::NotUtf8(_), .. }), "{error:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn arbitrary_bytes_as_archive_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..3000),
        magic in prop_oneof![Just(&b""[..]), Just(&[0x1f, 0x8b, 8, 0][..]), Just(&[0x28, 0xb5, 0x2f, 0xfd][..])],
    ) {
        let _ = open(&[magic, &bytes].concat());
    }

    #[test]
    fn an_archive_with_flipped_bytes_never_panics(
        flips in proptest::collection::vec((0_usize..3000, any::<u8>()), 1..20),
        packed in any::<bool>(),
    ) {
        let mut bytes = tar_of(&[file("incident.yaml", b"kind: Incident"), file(POD_PATH, POD)]);
        if packed {
            bytes = gzip(&bytes);
        }
        for (at, byte) in flips {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        let _ = open(&bytes);
    }

    #[test]
    fn arbitrary_text_as_objects_never_panics(text in "[\\[\\]{}:,\"a-z0-9 \n-]{0,400}", json in any::<bool>()) {
        let name = if json { "cluster-resources/x/a.json" } else { "cluster-resources/x/a.yaml" };
        let _ = Bundle::from_files("test", [(name, text.into_bytes())]);
    }
}
