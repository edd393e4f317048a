//! `stethoscope`: flags, configuration, terminal, wiring. Thin: what it can do lives in the other crates.

mod cli;
mod commands;
mod compose;
mod config;
mod exit;
mod logging;
mod terminal;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error),
    };
    match run(&cli) {
        Ok(code) => code.into(),
        Err(failure) => exit::report(&failure, &terminal::Terminal::new(cli.global.color)),
    }
}

fn run(cli: &cli::Cli) -> Result<exit::Code, exit::Failure> {
    logging::install(cli.global.verbose, cli.global.log_format);
    // The one TLS provider, for the Kubernetes client and the model endpoint alike. A second install is refused, harmlessly.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(
            |error| exit::Failure::new(exit::Code::Failure, format!("the runtime cannot start: {error}")),
        )?;
    let code = runtime.block_on(commands::run(cli));
    // Work that was cut off (a call to a dead backend) must not hold the process.
    runtime.shutdown_background();
    code
}
