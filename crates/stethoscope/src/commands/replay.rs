//! `replay`: a recorded incident as a Kubernetes API on a socket.

use super::print;
use crate::cli::Replay as Arguments;
use crate::compose;
use crate::exit::{Code, Failure};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use stethoscope_incidents::replay::{self, Replay};
use tokio::net::TcpListener;

pub(crate) async fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let bundle = Arc::new(compose::open(&arguments.bundle)?);
    let incident = bundle.incident().clone();
    let problems = bundle.problems().to_vec();
    let listener = TcpListener::bind(arguments.listen).await.map_err(|error| {
        Failure::new(Code::Failure, format!("cannot listen on {}: {error}", arguments.listen))
            .hint("--listen 127.0.0.1:0 picks a free port")
    })?;
    let address =
        listener.local_addr().map_err(|error| Failure::new(Code::Failure, format!("no address: {error}")))?;
    let kubeconfig =
        replay::kubeconfig(&format!("http://{address}"), &incident.name, incident.namespace.as_deref());
    let (path, temporary) = match &arguments.write_kubeconfig {
        Some(path) => (path.clone(), false),
        None => (std::env::temp_dir().join(format!("stethoscope-replay-{}.yaml", address.port())), true),
    };
    write(&path, &kubeconfig)?;
    let mut stderr = std::io::stderr();
    let _ = writeln!(
        stderr,
        "serving {} as of {} on http://{address}, read-only; Ctrl-C ends",
        incident.name, incident.captured_at
    );
    for problem in problems {
        let _ = writeln!(stderr, "note: {}", stethoscope_core::text::sanitize(&problem));
    }
    print(&format!("KUBECONFIG={}\n", path.display()))?;
    let metrics = replay::prometheus::router(&bundle);
    let router = Replay::new(bundle).with_metrics(metrics).router();
    let served = replay::serve(listener, router, super::ask::interrupted()).await;
    if temporary {
        let _ = std::fs::remove_file(&path);
    }
    served.map_err(|error| Failure::new(Code::Failure, format!("serving ended: {error}")))?;
    Ok(Code::Answered)
}

/// Writes a new file that only its owner reads. A file or link that is already there is never followed in a shared directory.
fn write(path: &PathBuf, text: &str) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    let cannot = |error: std::io::Error| {
        Failure::new(Code::Failure, format!("cannot write the kubeconfig {}: {error}", path.display()))
    };
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(cannot(error)),
    }
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(cannot)?;
    file.write_all(text.as_bytes()).map_err(cannot)
}
