//! How a request reaches a backend: one GET, one bounded answer.

mod http;
mod service;

pub use self::http::{HttpOptions, HttpTransport};
pub use service::ServiceTransport;

use crate::error::MetricsError;
use async_trait::async_trait;
use bytes::Bytes;

/// Bytes of one answer at most, unless a transport is told otherwise.
pub(crate) const LARGEST_ANSWER: usize = 32 << 20;

/// A way to a backend. It can only read: there is no other method.
#[async_trait]
pub trait Transport: Send + Sync {
    /// GETs a path with its query, e.g. `/api/v1/query?query=up`: status and body.
    ///
    /// # Errors
    /// When there is no answer, or one that is too large.
    async fn get(&self, path_and_query: &str) -> Result<(u16, Bytes), MetricsError>;

    /// Where it leads, for messages; never with credentials.
    fn address(&self) -> &str;
}
