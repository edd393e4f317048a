//! A Service read through the API server, for who stands outside the cluster's network.

use crate::cluster::Cluster;
use crate::error::ClusterError;
use bytes::Bytes;

impl Cluster {
    /// GETs a path of a Service through `services/proxy`: status and body. The guard lets metrics queries through and
    /// nothing else.
    ///
    /// # Errors
    /// When there is no answer, when it is forbidden, or when it is larger than any answer may be. What the Service itself
    /// calls a bad request is an answer.
    pub async fn service_get(
        &self,
        namespace: &str,
        service: &str,
        port: u16,
        path_and_query: &str,
    ) -> Result<(u16, Bytes), ClusterError> {
        let path = format!("/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy{path_and_query}");
        match self.api().get(&path, "application/json").await {
            Ok(body) => Ok((200, body)),
            Err(ClusterError::BadRequest { message, .. }) => Ok((400, Bytes::from(message))),
            Err(error) => Err(error),
        }
    }
}
