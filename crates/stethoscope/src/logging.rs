//! Diagnostics of the program itself, to stderr.

use crate::cli::LogFormat;
use tracing_subscriber::EnvFilter;

/// Installs the subscriber. Nothing is logged unless asked for by `-v` or `STETHOSCOPE_LOG`.
pub(crate) fn install(verbose: u8, format: LogFormat) {
    let level = match verbose {
        0 => "off",
        1 => "stethoscope=info,warn",
        2 => "stethoscope=debug,info",
        _ => "stethoscope=trace,debug",
    };
    let filter = EnvFilter::try_from_env("STETHOSCOPE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    // async-openai logs whole response bodies on a parse failure; bodies are never logged.
    let quiet = ["async_openai=off", "async_openai::error=off"];
    let filter =
        quiet.iter().filter_map(|directive| directive.parse().ok()).fold(filter, EnvFilter::add_directive);
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    let installed = match format {
        LogFormat::Text => builder.compact().try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    // Tests in one process may have installed one already.
    drop(installed);
}
