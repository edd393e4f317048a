//! The MCP server beside `kubernetes-mcp-server`, on the same API server: a recorded incident behind a socket.
//!
//! `cargo bench -p stethoscope --bench mcp` prints a table. Needs Linux (`/proc`). The peer runs where it is installed:
//! `npm i --prefix target/mcp kubernetes-mcp-server` in the workspace's root; without it its column is empty.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark"
)]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const STARTS: usize = 9;
const CLIENTS: usize = 8;
const CALLS: usize = 500;
/// The peer asks the API server five times a second by default: as many calls would take minutes.
const PEER_CALLS: usize = 5;

struct Measured {
    start: Duration,
    memory_mb: f64,
    binary_mb: f64,
    list_bytes: usize,
    visible_bytes: usize,
    pods: Load,
    namespaces: Load,
}

/// What eight clients got.
struct Load {
    calls_per_second: f64,
    p50: Duration,
    p99: Duration,
}

fn main() {
    // `cargo test --benches` asks every benchmark to prove that it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (mut api, kubeconfig) = replay(directory.path());
    let config = directory.path().join("stethoscope.toml");
    // The peer's own bound on requests to the API server stays at its default; ours is taken away to measure ourselves.
    std::fs::write(&config, "[cluster]\nqps = 0\n").unwrap();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_stethoscope"));
    let ours = measure(
        &program,
        &|http| {
            let mut command = Command::new(&program);
            command
                .args(["mcp", "--tools", "read", "--config"])
                .arg(&config)
                .arg("--kubeconfig")
                .arg(&kubeconfig);
            if let Some(port) = http {
                command.args(["--http", &format!("127.0.0.1:{port}")]);
            }
            command
        },
        [("k8s_list", json!({"kind": "pods"})), ("k8s_list", json!({"kind": "namespaces"}))],
        CALLS,
    );
    let peer = peer().map(|program| {
        measure(
            &program,
            &|http| {
                let mut command = Command::new(&program);
                command.args(["--read-only", "--kubeconfig"]).arg(&kubeconfig);
                if let Some(port) = http {
                    command.args(["--port", &port.to_string()]);
                }
                command
            },
            [("pods_list", json!({})), ("namespaces_list", json!({}))],
            PEER_CALLS,
        )
    });
    let _ = api.kill();
    let _ = api.wait();
    table(&ours, peer.as_ref());
}

/// One figure of what was measured.
type Figure = fn(&Measured) -> f64;

fn table(ours: &Measured, peer: Option<&Measured>) {
    let rows: [(&str, Figure); 11] = [
        ("start to first answer, ms (target 30)", |m| m.start.as_secs_f64() * 1e3),
        ("memory when idle, MB (target 25)", |m| m.memory_mb),
        ("binary, MB", |m| m.binary_mb),
        ("tools/list, bytes", |m| m.list_bytes as f64),
        ("of it what a model reads, bytes", |m| m.visible_bytes as f64),
        ("15 pods: calls/s, 8 clients (target 1000)", |m| m.pods.calls_per_second),
        ("15 pods: p50, ms", |m| m.pods.p50.as_secs_f64() * 1e3),
        ("15 pods: p99, ms (target 10)", |m| m.pods.p99.as_secs_f64() * 1e3),
        ("5 namespaces: calls/s, 8 clients", |m| m.namespaces.calls_per_second),
        ("5 namespaces: p50, ms", |m| m.namespaces.p50.as_secs_f64() * 1e3),
        ("5 namespaces: p99, ms", |m| m.namespaces.p99.as_secs_f64() * 1e3),
    ];
    println!("{:<42} {:>12} {:>12} {:>8}", "", "stethoscope", "peer", "ratio");
    for (name, figure) in rows {
        let own = figure(ours);
        match peer.map(figure) {
            Some(other) => println!("{name:<42} {own:>12.1} {other:>12.1} {:>8.2}", own / other),
            None => println!("{name:<42} {own:>12.1} {:>12} {:>8}", "-", "-"),
        }
    }
}

/// The peer's native binary, without its launcher.
fn peer() -> Option<PathBuf> {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/mcp/node_modules");
    let path = modules.join("kubernetes-mcp-server-linux-amd64/bin/kubernetes-mcp-server-linux-amd64");
    let path = path.exists().then_some(path);
    if path.is_none() {
        println!("kubernetes-mcp-server is not installed in target/mcp: its column stays empty");
    }
    path
}

fn measure(
    program: &Path,
    command: &dyn Fn(Option<u16>) -> Command,
    lists: [(&str, Value); 2],
    calls: usize,
) -> Measured {
    let mut starts: Vec<Duration> = (0..STARTS).map(|_| Pipe::start(command(None)).1).collect();
    starts.sort_unstable();
    let (mut pipe, _) = Pipe::start(command(None));
    let list = pipe.call("tools/list", json!({}));
    let memory_mb = memory(pipe.child.id());
    let tools = list["result"]["tools"].as_array().unwrap();
    let visible = |tool: &Value| {
        ["name", "description", "inputSchema"].iter().map(|part| tool[part].to_string().len()).sum::<usize>()
    };
    let visible_bytes = tools.iter().map(visible).sum();
    drop(pipe);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = command(Some(port)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    while TcpStream::connect(address).is_err() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let [pods, namespaces] = lists.map(|(tool, arguments)| load(address, tool, &arguments, calls));
    let _ = server.kill();
    let _ = server.wait();
    Measured {
        start: starts[STARTS / 2],
        memory_mb,
        binary_mb: std::fs::metadata(program).unwrap().len() as f64 / 1e6,
        list_bytes: list.to_string().len(),
        visible_bytes,
        pods,
        namespaces,
    }
}

/// The same call from eight clients, over and over.
fn load(address: SocketAddr, tool: &str, arguments: &Value, calls: usize) -> Load {
    let params = json!({"name": tool, "arguments": arguments});
    let body = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}).to_string();
    Client::begin(address).post(&body);
    let began = Instant::now();
    let threads: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let body = body.clone();
            std::thread::spawn(move || {
                let mut client = Client::begin(address);
                (0..calls)
                    .map(|_| {
                        let began = Instant::now();
                        let answer = client.post(&body);
                        assert!(answer.contains("\"content\""), "{answer}");
                        began.elapsed()
                    })
                    .collect::<Vec<Duration>>()
            })
        })
        .collect();
    let mut took: Vec<Duration> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    let whole = began.elapsed();
    took.sort_unstable();
    Load {
        calls_per_second: took.len() as f64 / whole.as_secs_f64(),
        p50: took[took.len() / 2],
        p99: took[took.len() * 99 / 100],
    }
}

fn memory(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

fn hello() -> Value {
    json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}
    })
}

/// A conversation over stdin and stdout.
struct Pipe {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Pipe {
    /// Starts the process and gives the time to its first answer.
    fn start(mut command: Command) -> (Self, Duration) {
        let began = Instant::now();
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut pipe = Self { child, stdin, stdout };
        pipe.call("initialize", hello());
        let took = began.elapsed();
        writeln!(pipe.stdin, "{}", json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).unwrap();
        (pipe, took)
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        writeln!(self.stdin, "{}", json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
            .unwrap();
        loop {
            let mut line = String::new();
            assert!(self.stdout.read_line(&mut line).unwrap() > 0, "the server went away");
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["id"] == 1 {
                return message;
            }
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection with a session of 2025-11-25, which both servers speak.
struct Client {
    stream: BufReader<TcpStream>,
    session: String,
}

impl Client {
    fn begin(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Self { stream: BufReader::new(stream), session: String::new() };
        client
            .post(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello()}).to_string());
        client.post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string());
        client
    }

    /// Sends a message and reads the answer to its end.
    fn post(&mut self, body: &str) -> String {
        let session = match self.session.as_str() {
            "" => String::new(),
            id => format!("Mcp-Session-Id: {id}\r\nMcp-Protocol-Version: 2025-11-25\r\n"),
        };
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n{session}Content-Length: {}\r\n\r\n",
            body.len()
        );
        self.stream.get_mut().write_all(format!("{head}{body}").as_bytes()).unwrap();
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line();
            let Some((name, value)) = line.trim().split_once(": ") else {
                if line.trim().is_empty() {
                    break;
                }
                continue;
            };
            match name.to_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "transfer-encoding" => chunked = value == "chunked",
                "mcp-session-id" => value.clone_into(&mut self.session),
                _ => {}
            }
        }
        if !chunked {
            return self.bytes(length);
        }
        let mut whole = String::new();
        loop {
            let size = usize::from_str_radix(self.line().trim(), 16).unwrap();
            whole.push_str(&self.bytes(size));
            self.line();
            if size == 0 {
                return whole;
            }
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.stream.read_line(&mut line).unwrap() > 0, "the server closed");
        line
    }

    fn bytes(&mut self, length: usize) -> String {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// One of our incidents as a Kubernetes API.
fn replay(directory: &Path) -> (Child, PathBuf) {
    let kubeconfig = directory.join("kubeconfig");
    let incident =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../evals/incidents/lantern-checkout-errors");
    let mut child = Command::new(env!("CARGO_BIN_EXE_stethoscope"))
        .arg("replay")
        .arg(incident)
        .arg("--write-kubeconfig")
        .arg(&kubeconfig)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, kubeconfig)
}
