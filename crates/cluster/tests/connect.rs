//! Kubeconfigs that do not work, and what is said of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test fails")]

use pretty_assertions::assert_eq;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use stethoscope_cluster::{Cluster, ClusterError, ConnectOptions, InCluster, Sealer};
use stethoscope_core::clock::FixedClock;

fn kubeconfig(folder: &Path, server: &str, user: &str) -> PathBuf {
    let path = folder.join("config");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: shop\nclusters:\n- name: c\n  cluster:\n    server: {server}\n\
         contexts:\n- name: shop\n  context: {{cluster: c, user: u, namespace: shop}}\n\
         - name: lab\n  context: {{cluster: c, user: u}}\nusers:\n- name: u\n  user: {user}\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

async fn connect(kubeconfig: PathBuf, context: Option<&str>) -> Result<Cluster, ClusterError> {
    let options = ConnectOptions {
        kubeconfig: Some(kubeconfig),
        context: context.map(str::to_owned),
        in_cluster: InCluster::Never,
        request_timeout: Duration::from_secs(5),
        retries: 0,
        ..ConnectOptions::default()
    };
    let clock = Arc::new(FixedClock("2026-03-01T12:00:00Z".parse().unwrap()));
    Cluster::connect(options, Sealer::new([0; 32]), clock).await
}

async fn refused(kubeconfig: PathBuf, context: Option<&str>) -> ClusterError {
    match connect(kubeconfig, context).await {
        Ok(cluster) => panic!("connected to {}", cluster.server()),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nowhere");
    assert_eq!(
        refused(path.clone(), None).await,
        ClusterError::Kubeconfig {
            message: format!("no such file: {}", path.display()),
            hint: "check --kubeconfig and KUBECONFIG".to_owned(),
        }
    );
}

#[tokio::test]
async fn an_unknown_context_gives_those_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = kubeconfig(folder.path(), "http://127.0.0.1:9", "{token: t}");
    match refused(path, Some("prod")).await {
        ClusterError::Kubeconfig { hint, .. } => assert_eq!(hint, "contexts there: lab, shop"),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_address_where_nothing_listens_is_unreachable() {
    let folder = tempfile::tempdir().unwrap();
    for server in ["http://127.0.0.1:9", "https://127.0.0.1:9"] {
        let path = kubeconfig(folder.path(), server, "{token: t}");
        match refused(path, None).await {
            ClusterError::Unreachable { server: named, message, .. } => {
                assert_eq!(named, format!("{server}/"));
                assert!(message.contains("refused"), "{message}");
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_credential_plugin_that_fails_is_an_authentication_error_without_its_output() {
    let folder = tempfile::tempdir().unwrap();
    let user = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ls, \
                args: [--no-such-flag-s3cr3t], interactiveMode: Never}}";
    let path = kubeconfig(folder.path(), "http://127.0.0.1:9", user);
    match refused(path, None).await {
        ClusterError::Authentication { message, .. } => {
            assert!(message.starts_with("the credential plugin "), "{message}");
            assert!(!message.contains("s3cr3t"), "{message}");
        }
        other => panic!("{other}"),
    }
}
