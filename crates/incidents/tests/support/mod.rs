//! The fixture and ways to ask its replay.
#![allow(dead_code, reason = "each test crate uses its own part")]

use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stethoscope_incidents::replay::{self, Replay};
use stethoscope_incidents::{Bundle, OpenLimits};
use tower::ServiceExt;

pub(crate) fn fixture_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/lighthouse")
}

pub(crate) fn fixture() -> Arc<Bundle> {
    Arc::new(Bundle::open(&fixture_path(), &OpenLimits::default()).unwrap())
}

/// A bundle of a few files of our own layout.
pub(crate) fn bundle(files: &[(&str, &str)]) -> Bundle {
    let files = files.iter().map(|(path, content)| (path.to_string(), content.as_bytes().to_vec()));
    Bundle::from_files("test", files).unwrap()
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Names of the items of a list.
    pub(crate) fn names(&self) -> Vec<String> {
        let items = self.json()["items"].as_array().unwrap().clone();
        items.iter().map(|i| i["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Code, reason and message of a Status.
    pub(crate) fn failure(&self) -> (u16, String, String) {
        let status = self.json();
        assert_eq!(status["kind"], "Status", "{}", self.text());
        assert_eq!(status["code"], self.status.as_u16());
        let text = |key: &str| status[key].as_str().unwrap().to_owned();
        (self.status.as_u16(), text("reason"), text("message"))
    }
}

pub(crate) async fn ask(replay: &Replay, request: Request<Body>) -> Answer {
    let response = replay.router().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(crate) async fn get(replay: &Replay, path: &str) -> Answer {
    get_as(replay, path, "application/json").await
}

pub(crate) async fn get_as(replay: &Replay, path: &str, accept: &str) -> Answer {
    ask(replay, Request::get(path).header("accept", accept).body(Body::empty()).unwrap()).await
}

pub(crate) async fn send(replay: &Replay, method: Method, path: &str, body: &Value) -> Answer {
    let request = Request::builder().method(method).uri(path).body(Body::from(body.to_string())).unwrap();
    ask(replay, request).await
}

/// A replay on a loopback port, served from a thread of its own.
pub(crate) struct Server {
    pub(crate) url: String,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(replay: &Replay) -> Self {
        let router = replay.router();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (told, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                told.send(listener.local_addr().unwrap()).unwrap();
                let stopped = async {
                    let _ = stopped.await;
                };
                replay::serve(listener, router, stopped).await.unwrap();
            });
        });
        let url = format!("http://{}", address.recv().unwrap());
        Self { url, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}
