//! A router in process as the backend: a recorded incident is asked by the very same client.

use super::{LARGEST_ANSWER, Transport};
use crate::error::MetricsError;
use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty, Limited};
use std::error::Error;
use tower::{Service, ServiceExt};

/// Any tower service over HTTP requests, e.g. an axum router.
pub struct ServiceTransport<S> {
    service: S,
    address: String,
    limit: usize,
}

impl<S> ServiceTransport<S> {
    /// Wraps a service; `address` is what messages call it, e.g. `the recording`.
    pub fn new(service: S, address: impl Into<String>) -> Self {
        Self { service, address: address.into(), limit: LARGEST_ANSWER }
    }
}

#[async_trait]
impl<S, R> Transport for ServiceTransport<S>
where
    S: Service<Request<Empty<Bytes>>, Response = http::Response<R>> + Clone + Send + Sync,
    S::Error: std::fmt::Display + Send,
    S::Future: Send,
    R: http_body::Body + Send,
    R::Data: Send,
    R::Error: Into<Box<dyn Error + Send + Sync>>,
{
    async fn get(&self, path_and_query: &str) -> Result<(u16, Bytes), MetricsError> {
        let unreachable = |why: String| MetricsError::Unreachable { address: self.address.clone(), why };
        let request = Request::get(path_and_query)
            .body(Empty::new())
            .map_err(|error| unreachable(error.to_string()))?;
        let response =
            self.service.clone().oneshot(request).await.map_err(|error| unreachable(error.to_string()))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), self.limit).collect().await.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                MetricsError::TooLarge { address: self.address.clone(), limit: self.limit }
            } else {
                unreachable(error.to_string())
            }
        })?;
        Ok((status, body.to_bytes()))
    }

    fn address(&self) -> &str {
        &self.address
    }
}
