//! One module a command.

mod ask;
mod doctor;
mod eval;
mod mcp;
mod rbac;
mod replay;
mod scan;
mod tools;

use crate::cli::{Cli, Command};
use crate::config;
use crate::exit::{Code, Failure};

/// Runs the command.
pub(crate) async fn run(cli: &Cli) -> Result<Code, Failure> {
    let config = config::load(cli.global.config.as_deref())?;
    match &cli.command {
        Command::Ask(arguments) => ask::run(arguments, &cli.global, &config).await,
        Command::Scan(arguments) => scan::run(arguments, &cli.global, &config).await,
        Command::Tools(arguments) => tools::run(arguments, &cli.global, &config).await,
        Command::Replay(arguments) => replay::run(arguments).await,
        Command::Doctor(arguments) => doctor::run(arguments, &cli.global, &config).await,
        Command::Eval(arguments) => eval::run(arguments, &cli.global, &config).await,
        Command::Mcp(arguments) => mcp::run(arguments, &cli.global, &config).await,
        Command::Rbac(arguments) => rbac::run(arguments, &cli.global, &config),
    }
}

/// Prints data to stdout.
fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// Prints a value as JSON to stdout.
fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(Code::Failure, error.to_string()))?;
    print(&format!("{text}\n"))
}
