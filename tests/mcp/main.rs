//! The MCP server over the real binary: stdio, HTTP and its protections, tokens, clusters.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod clients;
mod clusters;
mod http;
mod oauth;
mod stdio;
mod talk;
