//! What the tests of several crates need: a fake OpenAI-compatible model server that checks every request it
//! gets, and a transport that records what a client sends.
//!
//! ```text
//! code under test --HTTP over a real socket--> FakeModel: rules check the body -> the next scripted Turn answers
//! code under test --tower----> RecordingTransport (method, URI, headers without credentials) --> the real service
//! ```
//!
//! A dev-dependency only: nothing here is ever in a binary.

mod fake_model;
mod recording;

pub use fake_model::{
    Call, Dialect, FakeModel, History, Reply, RequestHead, Rules, StreamEnd, Turn, shown_evidence,
};
pub use recording::{Recorded, Recording, RecordingTransport};
