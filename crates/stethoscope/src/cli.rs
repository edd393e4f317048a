//! Flags and arguments, declared once; help comes from here.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Read-only troubleshooting for Kubernetes: ask why, get a root cause with checked evidence.
#[derive(Debug, Parser)]
#[command(
    name = "stethoscope",
    version,
    propagate_version = true,
    max_term_width = 100,
    arg_required_else_help = true
)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  stethoscope ask \"why is checkout failing?\" -n shop
  stethoscope ask --incident incident.tar.gz
  echo \"$ALERT_TEXT\" | stethoscope ask --output json -
  stethoscope scan -n shop --fail-on high
  stethoscope doctor

Exit codes: 0 answered, 1 failure, 2 usage, 3 inconclusive, 4 limit hit, 5 unreachable,
6 authentication, 7 denied by policy, 10 findings (--fail-on), 130 interrupted.";

/// Flags of every command.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// Read a recorded incident (directory, .tar.gz, .tar.zst) instead of a live cluster
    #[arg(long, global = true, value_name = "BUNDLE", env = "STETHOSCOPE_INCIDENT")]
    pub(crate) incident: Option<PathBuf>,
    /// Kubeconfig context to use
    #[arg(long, global = true, value_name = "NAME", env = "STETHOSCOPE_CONTEXT")]
    pub(crate) context: Option<String>,
    /// Kubeconfig file to use
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Namespace to look at first
    #[arg(long, short, global = true, value_name = "NAME", env = "STETHOSCOPE_NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Look at every namespace, whatever the context or the incident says
    #[arg(long, short = 'A', global = true, conflicts_with = "namespace")]
    pub(crate) all_namespaces: bool,
    /// Configuration file, instead of stethoscope.toml here and in the XDG configuration directory
    #[arg(long, global = true, value_name = "FILE", env = "STETHOSCOPE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// When to colour: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
    /// No progress on stderr
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Log to stderr; repeat for more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Format of the log
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "text",
        env = "STETHOSCOPE_LOG_FORMAT"
    )]
    pub(crate) log_format: LogFormat,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask a question about a cluster, get a checked answer
    Ask(Ask),
    /// Run the detectors only, without a question or a model
    Scan(Scan),
    /// List the tools, or call one by hand
    #[command(subcommand)]
    Tools(Tools),
    /// Serve a recorded incident as a Kubernetes API
    Replay(Replay),
    /// Show what is reachable, permitted and missing, and how to mend it
    Doctor(Doctor),
    /// Score answers against recorded incidents
    #[command(subcommand)]
    Eval(Eval),
    /// Serve the tools and the agent to IDE assistants (Model Context Protocol)
    Mcp(Mcp),
    /// Print the least Kubernetes permissions that the tools need
    Rbac(Rbac),
}

/// Arguments of `mcp`.
#[derive(Args, Debug)]
pub(crate) struct Mcp {
    /// Serve streamable HTTP at /mcp on this address instead of stdin and stdout; port 0 picks a free one
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
    /// What to offer: single tools, the whole agent, or both
    #[arg(long, value_name = "SET", default_value = "all")]
    pub(crate) tools: OfferFlag,
    /// Where results go: text in `content`, text in `structuredContent`, typed data; auto looks at the client
    #[arg(long, value_name = "WHERE", default_value = "auto")]
    pub(crate) payload: PayloadFlag,
    /// Model of `investigate`: `builtin` (rules, no network) or a name that the endpoint knows
    #[arg(long, short, value_name = "NAME", env = "STETHOSCOPE_MODEL")]
    pub(crate) model: Option<String>,
    /// OpenAI-compatible endpoint
    #[arg(long, value_name = "URL", env = "OPENAI_BASE_URL")]
    pub(crate) base_url: Option<String>,
    /// Append who asked what of which object to a file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) audit: Option<PathBuf>,
    /// Host name by which clients know this server; repeat for more
    #[arg(long, value_name = "HOST", requires = "http")]
    pub(crate) allowed_host: Vec<String>,
    /// Origin of web pages that may call; repeat for more
    #[arg(long, value_name = "ORIGIN", requires = "http")]
    pub(crate) allowed_origin: Vec<String>,
}

/// What `mcp` offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OfferFlag {
    /// Single tools.
    Read,
    /// The whole agent.
    Investigate,
    /// Both.
    All,
}

/// Where results go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PayloadFlag {
    /// By the client's name.
    Auto,
    /// Text in `content`.
    Content,
    /// Text in `structuredContent`.
    Structured,
    /// Typed data in `structuredContent`.
    Data,
}

/// Arguments of `rbac`.
#[derive(Args, Debug)]
pub(crate) struct Rbac {
    /// Only these tools or toolsets; a trailing * stands for any ending
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) tools: Vec<String>,
    /// A Role for one namespace (-n) instead of a ClusterRole
    #[arg(long)]
    pub(crate) namespaced: bool,
    /// Name of the role, its binding and the service account
    #[arg(long, value_name = "NAME", default_value = "stethoscope")]
    pub(crate) name: String,
}

/// Arguments of `ask`.
#[derive(Args, Debug)]
pub(crate) struct Ask {
    /// The question; `-` reads it from stdin; without one, an incident's own question is asked
    pub(crate) question: Vec<String>,
    /// Model to use: `builtin` (rules, no network) or a name that the endpoint knows
    #[arg(long, short, value_name = "NAME", env = "STETHOSCOPE_MODEL")]
    pub(crate) model: Option<String>,
    /// OpenAI-compatible endpoint
    #[arg(long, value_name = "URL", env = "OPENAI_BASE_URL")]
    pub(crate) base_url: Option<String>,
    /// Output format; progress always goes to stderr
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: AnswerFormat,
    /// Exchanges with the model at most
    #[arg(long, value_name = "N")]
    pub(crate) max_turns: Option<u32>,
    /// Tool calls at most
    #[arg(long, value_name = "N")]
    pub(crate) max_steps: Option<u32>,
    /// Tokens, in and out, at most
    #[arg(long, value_name = "N")]
    pub(crate) max_tokens: Option<u64>,
    /// US dollars at most; needs the model's price in the configuration
    #[arg(long, value_name = "USD")]
    pub(crate) max_cost: Option<f64>,
    /// Seconds at most
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<f64>,
    /// Write the whole investigation (redacted) as JSON to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) transcript: Option<PathBuf>,
}

/// Output of `ask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnswerFormat {
    /// For people.
    Text,
    /// answer.v1, one document.
    Json,
    /// Every event, one a line.
    Jsonl,
    /// Markdown.
    Markdown,
}

/// Arguments of `scan`.
#[derive(Args, Debug)]
pub(crate) struct Scan {
    /// Exit with 10 when a finding is at least this severe
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<SeverityFlag>,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ScanFormat,
}

/// Severity on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SeverityFlag {
    /// Worth knowing.
    Info,
    /// May suffer later.
    Low,
    /// Degraded.
    Medium,
    /// A workload does not do its job.
    High,
    /// Many workloads, or the cluster itself.
    Critical,
}

/// Output of `scan`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScanFormat {
    /// A table.
    Table,
    /// JSON.
    Json,
}

/// `tools list` and `tools call`.
#[derive(Debug, Subcommand)]
pub(crate) enum Tools {
    /// List the tools with what they need
    List {
        /// Output format
        #[arg(long, short, value_name = "FORMAT", default_value = "text")]
        output: ToolFormat,
    },
    /// Call one tool by hand, on the same path as the agent
    Call {
        /// Tool name
        name: String,
        /// Arguments, a JSON object
        #[arg(long, value_name = "JSON", default_value = "{}")]
        args: String,
        /// Output format
        #[arg(long, short, value_name = "FORMAT", default_value = "text")]
        output: ToolFormat,
    },
}

/// Output of `tools` and `doctor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ToolFormat {
    /// For people.
    Text,
    /// JSON.
    Json,
}

/// Arguments of `replay`.
#[derive(Args, Debug)]
pub(crate) struct Replay {
    /// The incident (directory, .tar.gz, .tar.zst)
    pub(crate) bundle: PathBuf,
    /// Address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Where to write the kubeconfig, instead of a temporary file
    #[arg(long, value_name = "FILE")]
    pub(crate) write_kubeconfig: Option<PathBuf>,
}

/// Arguments of `doctor`.
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: ToolFormat,
}

/// `eval …`
#[derive(Debug, Subcommand)]
pub(crate) enum Eval {
    /// Run a suite, print the table; exit code 1 when a threshold of the suite is missed
    Run(Box<EvalRun>),
    /// List a suite's cases
    List {
        /// The suite's file
        suite: PathBuf,
        /// Incidents instead of the suite's: directories, bundles or globs
        #[arg(long, value_name = "PATH")]
        incidents: Vec<String>,
    },
    /// Make a report of stored results
    Report {
        /// Results (JSON lines of `eval run --out`)
        results: PathBuf,
        /// Format of the report
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: ReportFormat,
    },
    /// Compare a run with a baseline, case by case; exit code 1 when it is worse
    Compare {
        /// Results of the run
        run: PathBuf,
        /// Results to compare with
        baseline: PathBuf,
    },
    /// Show one case with its whole transcript
    Show {
        /// Results
        results: PathBuf,
        /// Name of the case, as the table prints it
        case: String,
    },
    /// Put the results of shards together; exit code 1 when the whole misses a threshold of the suite
    Merge {
        /// Results of every shard, or a directory with them
        #[arg(required = true)]
        shards: Vec<PathBuf>,
        /// Where to write them
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Write the HTML report
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// Write JUnit XML
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
    },
}

/// Arguments of `eval run`.
#[derive(Args, Debug)]
pub(crate) struct EvalRun {
    /// The suite's file
    pub(crate) suite: PathBuf,
    /// Incidents instead of the suite's: directories, bundles or globs
    #[arg(long, value_name = "PATH")]
    pub(crate) incidents: Vec<String>,
    /// Models instead of the suite's
    #[arg(long, short, value_name = "NAME")]
    pub(crate) model: Vec<String>,
    /// Runs of each case
    #[arg(long, value_name = "N")]
    pub(crate) repeat: Option<u32>,
    /// Investigations at the same time
    #[arg(long, value_name = "N", default_value = "2")]
    pub(crate) jobs: std::num::NonZeroUsize,
    /// Only cases whose name, label or cause matches
    #[arg(long, value_name = "GLOB")]
    pub(crate) filter: Option<String>,
    /// Only a part of the cases, e.g. 2/8; `eval merge` puts the parts together, and only then thresholds count
    #[arg(long, value_name = "I/N", conflicts_with = "shard_index")]
    pub(crate) shard: Option<String>,
    /// The part as a Job's completion index counts: from 0
    #[arg(long, value_name = "I", requires = "shards")]
    pub(crate) shard_index: Option<usize>,
    /// How many parts there are
    #[arg(long, value_name = "N", requires = "shard_index")]
    pub(crate) shards: Option<usize>,
    /// Only the incidents as they are, without the suite's variants
    #[arg(long, conflicts_with = "variants")]
    pub(crate) originals: bool,
    /// Variants instead of the suite's, e.g. rename,swap; the incidents as they are come first
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub(crate) variants: Vec<String>,
    /// Seed of the variants instead of the suite's
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Keep the models' traffic below a directory
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    pub(crate) record: Option<PathBuf>,
    /// Answer from traffic kept below a directory; no model is asked
    #[arg(long, value_name = "DIR")]
    pub(crate) replay: Option<PathBuf>,
    /// A model that judges answers besides; its figures stand apart. Its prompt is `judge.md.tera` among the prompts
    #[arg(long, value_name = "NAME")]
    pub(crate) judge: Option<String>,
    /// Write the results as JSON lines
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write the HTML report
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write OpenTelemetry traces as OTLP JSON lines: a trace a case, a span a turn and a tool call
    #[arg(long, value_name = "FILE")]
    pub(crate) traces: Option<PathBuf>,
    /// Send the traces to a collector (OTLP/HTTP, e.g. http://localhost:4318); OTEL_EXPORTER_OTLP_HEADERS goes along
    #[arg(long, value_name = "URL")]
    pub(crate) otlp_endpoint: Option<String>,
}

/// Format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For a terminal.
    Table,
    /// JSON lines.
    Jsonl,
    /// JUnit XML.
    Junit,
    /// One self-contained page.
    Html,
}
