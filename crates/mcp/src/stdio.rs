//! The server at the two ends of a pipe.

use crate::server::Server;
use rmcp::ServiceExt;
use rmcp::service::ServerInitializeError;
use std::future::Future;

/// The pipe broke before anything was agreed, or the server task died.
#[derive(Debug, thiserror::Error)]
pub enum StdioError {
    /// The first message was not one that begins a conversation.
    #[error("the client did not begin as MCP asks: {0}")]
    Beginning(String),
    /// The task that serves ended abnormally.
    #[error("the server ended abnormally: {0}")]
    Task(String),
}

/// Serves stdin and stdout until the client closes them or `stop` resolves. stdout carries protocol messages alone.
pub async fn serve_stdio(server: Server, stop: impl Future<Output = ()>) -> Result<(), StdioError> {
    let mut stop = std::pin::pin!(stop);
    let serving = server.clone().serve(rmcp::transport::io::stdio_pipes());
    let running = tokio::select! {
        begun = serving => match begun {
            Ok(running) => running,
            // A client that only looked whether we start.
            Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
            Err(error) => return Err(StdioError::Beginning(error.to_string())),
        },
        () = &mut stop => return Ok(()),
    };
    let ended = tokio::select! {
        ended = running.waiting() => ended.map(|_| ()).map_err(|error| StdioError::Task(error.to_string())),
        () = &mut stop => Ok(()),
    };
    server.shut_down();
    ended
}
