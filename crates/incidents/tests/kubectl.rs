//! Real kubectl against a replay over a real socket. Skips, saying so, where there is no kubectl v1.32.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

mod support;

use insta::assert_snapshot;
use regex::Regex;
use std::fmt::Write as _;
use std::path::Path;
use stethoscope_incidents::replay::{Replay, kubeconfig};
use support::Server;

/// The client whose output was recorded.
const RECORDED_WITH: &str = "v1.32.";

/// Whether the output holds ages that kubectl computes against its own clock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ages {
    FromServer,
    FromClient,
}

struct Kubectl {
    server: Server,
    home: tempfile::TempDir,
}

impl Kubectl {
    /// `None` when kubectl is missing or another version.
    fn start() -> Option<Self> {
        let bundle = support::fixture();
        let home = tempfile::tempdir().unwrap();
        let server = Server::start(&Replay::new(bundle.clone()));
        let config = kubeconfig(&server.url, "lighthouse", bundle.namespace());
        std::fs::write(home.path().join("config"), config).unwrap();
        let kubectl = Self { server, home };
        match kubectl.run(&["version", "--client", "-o", "yaml"]) {
            Ok(output) if output.contains(RECORDED_WITH) => Some(kubectl),
            Ok(output) => {
                eprintln!(
                    "SKIPPED: the outputs were recorded with kubectl {RECORDED_WITH}x, here is\n{output}"
                );
                None
            }
            Err(error) => {
                eprintln!("SKIPPED: kubectl can't be run: {error}");
                None
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "kubectl is what is tested here")]
    fn command(home: &Path) -> std::process::Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = std::process::Command::new("kubectl");
        command.env_clear().env("PATH", path).env("HOME", home).env("TZ", "UTC");
        command.env("KUBECONFIG", home.join("config")).env("KUBECACHEDIR", home.join("cache"));
        command
    }

    /// Exit code, stdout and stderr in one text.
    fn run(&self, args: &[&str]) -> std::io::Result<String> {
        let output = Self::command(self.home.path()).args(args).output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&self.server.url, "<url>");
        let mut out = text(&output.stdout);
        if !output.stderr.is_empty() {
            write!(out, "[stderr]\n{}", text(&output.stderr)).unwrap();
        }
        if !output.status.success() {
            writeln!(out, "[exit {}]", output.status.code().unwrap_or(-1)).unwrap();
        }
        Ok(out)
    }

    /// Runs each line and puts the outputs one below the other.
    fn transcript(&self, ages: Ages, lines: &[&str]) -> String {
        let mut out = String::new();
        for line in lines {
            let args: Vec<&str> = line.split(' ').collect();
            let output = self.run(&args).unwrap();
            let output = match ages {
                Ages::FromServer => output,
                Ages::FromClient => without_ages(&output),
            };
            // Trailing blanks of columns would be lost to editors.
            let output: Vec<&str> = output.lines().map(str::trim_end).collect();
            write!(out, "$ kubectl {line}\n{}\n\n", output.join("\n")).unwrap();
        }
        out
    }
}

/// Ages of years are the client's; with them go the blanks that align columns to them.
fn without_ages(text: &str) -> String {
    let age = Regex::new(r"\b(\d+y)?\d{2,}d\b|\b\d+y(\d+d)?\b").unwrap();
    let blanks = Regex::new(r"(\S) {2,}").unwrap();
    blanks.replace_all(&age.replace_all(text, "<age>"), "$1  ").into_owned()
}

#[test]
fn kubectl_lists_with_the_columns_and_ages_of_the_capture() {
    let Some(kubectl) = Kubectl::start() else { return };
    assert_snapshot!(kubectl.transcript(
        Ages::FromServer,
        &[
            "get pods -A",
            "get pods -A -o wide",
            "get pods --show-labels -l app=lamp",
            "get pods -l tier,app!=lamp -o name",
            "get pods -A --field-selector status.phase=Pending,metadata.namespace!=shore",
            "get pods -A --sort-by=.metadata.creationTimestamp",
            "get pods -A --chunk-size=2",
            "get nodes -o wide",
            "get events -o wide",
            "get all -A",
        ]
    ));
}

#[test]
fn kubectl_lists_every_family_of_kinds() {
    let Some(kubectl) = Kubectl::start() else { return };
    assert_snapshot!(kubectl.transcript(
        Ages::FromServer,
        &[
            "get ns,cm,secrets,sa,quota,leases -A",
            "get pvc,pv,sc -o wide",
            "get svc,ep,endpointslices,ing,netpol -o wide",
            "get deploy,rs,sts,hpa,pdb -o wide",
            "get ds,jobs,cronjobs -n shore -o wide",
            "get rolebindings,crd -o wide",
            "get sig,tides -A -o wide",
        ]
    ));
}

#[test]
fn kubectl_prints_objects_in_every_output_form() {
    let Some(kubectl) = Kubectl::start() else { return };
    assert_snapshot!(kubectl.transcript(
        Ages::FromServer,
        &[
            "get cm lamp-config -o yaml",
            "get signal north -o json",
            "get secret keeper-key -o yaml",
            "get pods -o custom-columns=NAME:.metadata.name,PHASE:.status.phase",
            "get pods -o jsonpath={.items[*].metadata.name}",
            "get nodes -o name",
        ]
    ));
}

#[test]
fn kubectl_describes_objects_with_their_events() {
    let Some(kubectl) = Kubectl::start() else { return };
    assert_snapshot!(kubectl.transcript(
        Ages::FromClient,
        &[
            "describe pod lamp-6c9f7d5b8c-x2x4p",
            "describe deployment lamp",
            "describe node rock-2",
            "describe service beacon",
            "describe pvc air-foghorn-0",
            "describe secret keeper-key",
            "events --types=Warning",
        ]
    ));
}

#[test]
fn kubectl_reads_logs_and_is_told_why_there_are_none() {
    let Some(kubectl) = Kubectl::start() else { return };
    assert_snapshot!(kubectl.transcript(
        Ages::FromServer,
        &[
            "logs lamp-6c9f7d5b8c-x2x4p",
            "logs lamp-6c9f7d5b8c-x2x4p --timestamps --since=3m --tail=2",
            "logs lamp-6c9f7d5b8c-x2x4p --previous",
            "logs deploy/beacon --tail=2",
            "logs -f beacon-7d8f9c6b5d-aaaaa -c beacon --limit-bytes=6",
            "logs beacon-7d8f9c6b5d-aaaaa -c sidecar",
            "logs beacon-7d8f9c6b5d-aaaaa -c beacon --previous",
            "logs painter-28 -n shore -c mix",
            "logs foghorn-0",
            "get --raw /api/v1/nodes/rock-1/proxy/logs/",
            "get --raw /api/v1/nodes/rock-1/proxy/logs/?query=kubelet&pattern=error",
        ]
    ));
}

#[test]
fn kubectl_discovers_measures_and_asks_for_permission() {
    let Some(kubectl) = Kubectl::start() else { return };
    assert_snapshot!(kubectl.transcript(
        Ages::FromServer,
        &[
            "api-resources --no-headers",
            "api-versions",
            "get --raw /version",
            "get --raw /readyz",
            "top nodes",
            "top pods --containers",
            "auth can-i list pods",
            "auth can-i get secrets",
            "auth can-i delete pods -A",
            "auth whoami",
            "explain signal.spec",
            "explain tide",
        ]
    ));
}

#[test]
fn kubectl_explains_built_in_kinds_in_upstreams_words() {
    let Some(kubectl) = Kubectl::start() else { return };
    let pod = kubectl.run(&["explain", "pod"]).unwrap();
    assert!(
        pod.contains("KIND:       Pod") && pod.contains("Specification of the desired behavior of the pod."),
        "{pod}"
    );
    let containers = kubectl.run(&["explain", "pods.spec.containers"]).unwrap();
    assert!(
        containers.contains("FIELD: containers <[]Container>") && containers.contains("livenessProbe"),
        "{containers}"
    );
    let surge = kubectl.run(&["explain", "deploy.spec.strategy.rollingUpdate.maxSurge"]).unwrap();
    assert!(surge.contains("FIELD: maxSurge <IntOrString>"), "{surge}");
}

#[test]
fn kubectl_is_refused_every_change() {
    let Some(kubectl) = Kubectl::start() else { return };
    assert_snapshot!(kubectl.transcript(
        Ages::FromServer,
        &[
            "delete pod foghorn-0",
            "scale deployment lamp --replicas=3",
            "label pod foghorn-0 a=b",
            "create configmap new --from-literal=a=b",
            "cordon rock-1",
            "get pod nosuch",
            "get nosuch",
        ]
    ));
}
