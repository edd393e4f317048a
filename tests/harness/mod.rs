//! Running the real binary, and finding what the tests read.

#![allow(dead_code, unreachable_pub, clippy::must_use_candidate, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// One of our own incidents.
pub fn incident(name: &str) -> PathBuf {
    root().join("evals/incidents").join(name)
}

/// The binary with an environment in which only what the test sets is set.
#[expect(clippy::disallowed_methods, reason = "a test that runs the real binary")]
pub fn stethoscope() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stethoscope"));
    command
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("COLUMNS", "100")
        .stdin(Stdio::null())
        .current_dir(root());
    command
}

/// What a run printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}\nstdout: {}\nstderr: {}", self.stdout, self.stderr))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs the binary with these arguments.
pub fn run(arguments: &[&str]) -> Ran {
    stethoscope().args(arguments).output().unwrap().into()
}

/// Runs the binary with these arguments and a text on stdin.
pub fn run_with_stdin(arguments: &[&str], stdin: &str) -> Ran {
    use std::io::Write;
    let mut child = stethoscope()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

/// Recorded incidents beside the project, if they are there; says so when they are not.
pub fn shared(what: &str) -> Option<PathBuf> {
    let path = root().join("../shared").join(what);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}
