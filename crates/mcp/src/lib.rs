//! The MCP server: the registry's tools and the whole agent for IDE assistants, over stdio and streamable HTTP.
//!
//! ```text
//! client -> transport (stdio, or HTTP behind the gate: origin, rate, authentication, size)
//!             |
//!         Server: who asks? what may they see? -> tools, prompts, resources, completions, tasks
//!             |                                        |
//!         Place (one cluster as one identity)       Desk (what one caller has gathered: evidence, answers)
//!             |
//!         Registry -> Intake::admit (the one choke point) -> evidence -> result
//! ```
//!
//! Both revisions of the protocol (2025-11-25 with sessions, 2026-07-28 without) are spoken by `rmcp`; this crate decides
//! what is said. It knows tools only as `dyn Tool`, clusters only through [`Sources`], HTTP clients only through [`Fetch`].
//! Whatever is filtered out of a list is also refused when it is called.

mod audit;
mod call;
mod caller;
mod catalogue;
mod completion;
#[cfg(test)]
mod conformance;
mod desk;
mod http;
mod investigate;
mod log;
mod offer;
mod permission;
mod place;
mod ports;
mod prompts;
mod resources;
mod schema;
mod server;
mod stdio;

pub use audit::Audit;
pub use caller::{Caller, Identity, Scope, Secret};
pub use http::{
    Authentication, Fetch, HttpError, HttpOptions, Impersonation, OAuth, Rate, bind, bind_error, serve_http,
};
pub use ports::{Concluded, Granted, Investigate, Permits, Source, SourceError, Sources, Stop};
pub use server::{Offer, Options, Payload, Server};
pub use stdio::{StdioError, serve_stdio};
