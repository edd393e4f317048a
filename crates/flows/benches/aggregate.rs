//! Aggregation of a million flows, from a file and over gRPC in process, each beside a bare decode of the same stream.
//!
//! `cargo bench -p stethoscope-flows --bench aggregate`; it also prints the peak of memory that each pass adds.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use divan::Bencher;
use divan::counter::ItemsCount;
use futures::{StreamExt, stream};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use stethoscope_core::tool::CallContext;
use stethoscope_flows::generate::{Incident, Options, lines};
use stethoscope_flows::{Backend, FlowFiles, Observer, measure, tools};
use stethoscope_hubble::{
    AgentEventStream, FlowStream, GetAgentEventsRequest, GetFlowsRequest, GetNamespacesResponse,
    GetNodesResponse, Observer as Serve, ObserverService, ServerStatusResponse,
};
use stethoscope_incidents::replay::relay::Relay;
use tempfile::TempDir;
use tonic::{Response, Status};

const FLOWS: u64 = 1_000_000;
/// Relay holds its flows decoded, some kilobytes each: so many, served again and again as if time went on.
const HELD: u64 = 50_000;
const ROUNDS: u64 = FLOWS / HELD;

fn options(records: u64) -> Options {
    Options {
        incident: Incident::IngressDefaultDeny,
        records,
        rate: 2_000,
        nodes: 20,
        workloads: 200,
        loss: true,
        ..Options::default()
    }
}

fn write(records: u64) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flows.jsonl");
    let mut file = BufWriter::new(File::create(&path).unwrap());
    for line in lines(&options(records)) {
        writeln!(file, "{line}").unwrap();
    }
    file.flush().unwrap();
    (folder, path)
}

fn path() -> &'static Path {
    static RECORDED: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    &RECORDED.get_or_init(|| write(FLOWS)).1
}

fn recorded() -> File {
    File::open(path()).unwrap()
}

/// A Relay that serves its flows in rounds, each an hour later than the one before.
#[derive(Clone)]
struct Rounds(Relay);

impl Serve for Rounds {
    fn get_flows(&self, request: GetFlowsRequest) -> Result<Response<FlowStream>, Status> {
        // The probe for the oldest flow of each node is one request too.
        let rounds = if request.first { 1 } else { ROUNDS };
        let relay = self.0.clone();
        let round = move |round: u64| {
            let stream = relay.get_flows(request.clone()).map(Response::into_inner).unwrap();
            stream.map(move |message| {
                let mut message = message?;
                if let Some(time) = message.flow.as_mut().and_then(|flow| flow.time.as_mut()) {
                    time.seconds += i64::try_from(round * 3_600).unwrap();
                }
                Ok(message)
            })
        };
        Ok(Response::new(stream::iter(0..rounds).flat_map(round).boxed()))
    }

    fn get_agent_events(&self, request: GetAgentEventsRequest) -> Result<Response<AgentEventStream>, Status> {
        self.0.get_agent_events(request)
    }

    fn get_nodes(&self) -> Result<Response<GetNodesResponse>, Status> {
        self.0.get_nodes()
    }

    fn get_namespaces(&self) -> Result<Response<GetNamespacesResponse>, Status> {
        self.0.get_namespaces()
    }

    fn server_status(&self) -> Result<Response<ServerStatusResponse>, Status> {
        self.0.server_status()
    }
}

fn relay() -> Observer {
    static RELAY: OnceLock<Relay> = OnceLock::new();
    let relay = RELAY.get_or_init(|| {
        let (_folder, path) = write(HELD);
        Relay::read(File::open(path).unwrap(), options(HELD).start + 3_600_000_000_000)
    });
    Observer::over_service(ObserverService::new(Rounds(relay.clone())), "the recording")
}

/// A line of `/proc/self/status` in KiB.
fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or_default()
}

fn main() {
    drop(recorded());
    let before = memory("VmRSS");
    let figures = measure::aggregate_file(recorded());
    println!(
        "one pass over {} flows of a file: {} events, {} drop groups; peak of the process {} MiB, {} MiB before",
        figures.flows,
        figures.events,
        figures.drop_groups,
        memory("VmHWM") / 1024,
        before / 1024
    );
    let answer = runtime().block_on(answer());
    println!("its answer: {} bytes, about {} tokens", answer.len(), answer.len() / 3);
    divan::main();
}

/// What a model is told of the million flows.
async fn answer() -> String {
    let backend = Backend::files(FlowFiles::open(path()).unwrap());
    let tool = tools(&backend).into_iter().find(|tool| tool.spec().name == "flows_summary").unwrap();
    let context = CallContext { namespace: None, now: "2026-01-01T13:00:00Z".parse().unwrap() };
    tool.call(serde_json::json!({}), &context).await.unwrap().text
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn file_decode(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(FLOWS)).bench(|| measure::decode_file(recorded()));
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn file_aggregate(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(FLOWS)).bench(|| measure::aggregate_file(recorded()));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn grpc_decode(bencher: Bencher<'_, '_>) {
    let (observer, runtime) = (relay(), runtime());
    bencher
        .counter(ItemsCount::new(FLOWS))
        .bench_local(|| runtime.block_on(measure::decode_relay(&observer)).unwrap());
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn grpc_aggregate(bencher: Bencher<'_, '_>) {
    let (observer, runtime) = (relay(), runtime());
    bencher
        .counter(ItemsCount::new(FLOWS))
        .bench_local(|| runtime.block_on(measure::aggregate_relay(&observer)).unwrap());
}
