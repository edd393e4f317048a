//! The client against the replay Relay over a socket: plain, TLS, mTLS; and `hubble` itself where it is installed.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use pretty_assertions::assert_eq;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use secrecy::SecretString;
use stethoscope_flows::generate::Incident;
use stethoscope_flows::{FlowsError, Observer, RelayOptions};
use stethoscope_hubble::GetAgentEventsRequest;
use stethoscope_incidents::replay::relay::{RelayTls, serve};
use support::incident;
use tokio::sync::oneshot;

/// The name in Relay's certificate, and one that a client may ask for.
const WILDCARD: &str = "*.hubble-relay.cilium.io";
const INSTANCE: &str = "instance.hubble-relay.cilium.io";

/// A served recording: its address, and what stops it.
async fn served(tls: Option<RelayTls>) -> (String, oneshot::Sender<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let relay = incident(Incident::DenyRule);
        let shutdown = async {
            let _ = stopped.await;
        };
        serve(listener, &relay, tls.as_ref(), shutdown).await.unwrap();
    });
    (address, stop)
}

/// An authority, and a certificate of it with its key.
struct Certificates {
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Certificates {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { authority: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    fn pem(&self) -> String {
        self.authority.pem()
    }

    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

#[tokio::test]
async fn a_plain_relay_tells_its_state_its_nodes_and_its_namespaces() {
    let (address, _stop) = served(None).await;
    let observer = Observer::new(&RelayOptions::new(address)).unwrap();
    let status = observer.server_status().await.unwrap();
    assert_eq!((status.num_connected_nodes, status.num_unavailable_nodes), (Some(3), Some(0)));
    assert!(status.num_flows > 1_000);
    let nodes: Vec<String> = observer.nodes().await.unwrap().into_iter().map(|node| node.name).collect();
    assert_eq!(nodes, ["quay-1", "quay-2", "quay-3"]);
    let spaces: Vec<String> =
        observer.namespaces().await.unwrap().into_iter().map(|space| space.namespace).collect();
    assert_eq!(spaces, ["kube-system", "pier"]);
    let events = observer.agent_events(GetAgentEventsRequest::default(), 10).await;
    assert!(matches!(events, Err(FlowsError::NotServed { call: "GetAgentEvents", .. })));
}

#[tokio::test]
async fn tls_checks_the_name_and_the_authority_unless_told_otherwise() {
    let certificates = Certificates::new();
    let (certificate, key) = certificates.issue(WILDCARD);
    let (address, _stop) = served(Some(RelayTls { certificate, key, client_authority: None })).await;
    let options = RelayOptions {
        ca_pem: vec![certificates.pem().into_bytes()],
        server_name: Some(INSTANCE.to_owned()),
        ..RelayOptions::new(format!("tls://{address}"))
    };
    let ask = async |options: &RelayOptions| Observer::new(options).unwrap().server_status().await;
    assert!(ask(&options).await.is_ok());
    let misnamed = RelayOptions { server_name: Some("hubble-ui.cilium.io".to_owned()), ..options.clone() };
    let error = ask(&misnamed).await.unwrap_err().to_string();
    assert!(error.contains("can't reach Hubble Relay"), "{error}");
    let stranger = RelayOptions { ca_pem: vec![Certificates::new().pem().into_bytes()], ..options.clone() };
    assert!(ask(&stranger).await.is_err());
    let anything = RelayOptions { ca_pem: Vec::new(), server_name: None, allow_insecure: true, ..options };
    assert!(ask(&anything).await.is_ok());
}

#[tokio::test]
async fn mtls_wants_the_client_s_certificate() {
    let certificates = Certificates::new();
    let (certificate, key) = certificates.issue(WILDCARD);
    let tls = RelayTls { certificate, key, client_authority: Some(certificates.pem()) };
    let (address, _stop) = served(Some(tls)).await;
    let options = RelayOptions {
        ca_pem: vec![certificates.pem().into_bytes()],
        server_name: Some(INSTANCE.to_owned()),
        tls: true,
        ..RelayOptions::new(address)
    };
    assert!(Observer::new(&options).unwrap().server_status().await.is_err());
    let (certificate, key) = certificates.issue("*.hubble-ui.cilium.io");
    let known =
        RelayOptions { client_pem: Some((certificate.into_bytes(), SecretString::from(key))), ..options };
    assert!(Observer::new(&known).unwrap().server_status().await.is_ok());
}

/// The real client, where it is installed.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the hubble CLI is what is tested against")]
async fn hubble_observe_reads_the_recording() {
    if std::process::Command::new("hubble").arg("version").output().is_err() {
        eprintln!("skipped: no hubble on the PATH");
        return;
    }
    let (address, _stop) = served(None).await;
    let run = move || {
        let mut command = std::process::Command::new("hubble");
        command.args(["observe", "--server", &address, "--all", "-o", "jsonpb", "--verdict", "DROPPED"]);
        command.output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.lines().filter(|line| line.contains("POLICY_DENY")).count() > 10, "{text}");
}
