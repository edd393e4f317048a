//! A transport that records what passes through it.

use http::{HeaderMap, Method, Request, Uri};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tower::{Layer, Service};

/// Headers that carry credentials. Their values are never kept.
const CREDENTIAL_HEADERS: [&str; 6] =
    ["authorization", "proxy-authorization", "cookie", "api-key", "x-api-key", "x-auth-token"];

/// A request that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its method.
    pub method: Method,
    /// Its URI.
    pub uri: Uri,
    /// Its headers, without credentials.
    pub headers: HeaderMap,
}

/// The requests that passed, in order. Clones share one record; as a layer it wraps a service.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    requests: Arc<Mutex<Vec<Recorded>>>,
}

impl Recording {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The requests that can change a cluster: everything but GET, HEAD, and POST to the two reviews that ask what
    /// the caller itself may do.
    pub fn writes(&self) -> Vec<Recorded> {
        let harmless = |request: &Recorded| {
            let path = request.uri.path();
            matches!(request.method, Method::GET | Method::HEAD)
                || request.method == Method::POST
                    && path.starts_with("/apis/authorization.k8s.io/")
                    && (path.ends_with("/selfsubjectaccessreviews")
                        || path.ends_with("/selfsubjectrulesreviews"))
        };
        self.requests().into_iter().filter(|request| !harmless(request)).collect()
    }

    fn push<B>(&self, request: &Request<B>) {
        let mut headers = request.headers().clone();
        strip_credentials(&mut headers);
        let recorded = Recorded { method: request.method().clone(), uri: request.uri().clone(), headers };
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(recorded);
    }
}

impl<S> Layer<S> for Recording {
    type Service = RecordingTransport<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RecordingTransport { inner, recording: self.clone() }
    }
}

/// Records each request, then hands it to the service inside.
#[derive(Clone, Debug)]
pub struct RecordingTransport<S> {
    inner: S,
    recording: Recording,
}

impl<S> RecordingTransport<S> {
    /// Wraps a service; the recording is read through [`RecordingTransport::recording`].
    pub fn new(inner: S) -> Self {
        Recording::new().layer(inner)
    }

    /// What passed.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for RecordingTransport<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.recording.push(&request);
        self.inner.call(request)
    }
}

/// Removes the headers that carry credentials and gives the names of those that were there.
pub(crate) fn strip_credentials(headers: &mut HeaderMap) -> Vec<String> {
    let present = CREDENTIAL_HEADERS.iter().filter(|name| headers.remove(**name).is_some());
    present.map(|name| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn records_what_passes_without_credentials_and_tells_writes_from_reads() {
        let inner = tower::service_fn(|request: Request<()>| async move {
            Ok::<_, std::convert::Infallible>(request.uri().path().to_owned())
        });
        let transport = RecordingTransport::new(inner);
        let review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        for (method, path) in [("GET", "/api/v1/pods"), ("POST", review), ("DELETE", "/api/v1/pods/x")] {
            let request = Request::builder().method(method).uri(path).header("Authorization", "Bearer t");
            let request = request.header("accept", "json").body(()).unwrap();
            assert_eq!(transport.clone().oneshot(request).await.unwrap(), path);
        }
        let seen = transport.recording().requests();
        assert_eq!(seen.len(), 3);
        assert!(seen.iter().all(|one| one.headers.len() == 1 && one.headers["accept"] == "json"), "{seen:?}");
        let writes = transport.recording().writes();
        assert_eq!(writes.iter().map(|one| one.method.as_str()).collect::<Vec<_>>(), ["DELETE"]);
    }
}
