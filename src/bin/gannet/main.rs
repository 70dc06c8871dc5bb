//! The `gannet` command: one match from what happened to an exit code.
//!
//! `args` says what can be typed, `config` adds what files and variables say, `settings` checks it and builds what runs, `job` is what a job directory adds, `run` runs it (`commands` is
//! the list), `signals` stops it, `report` tells
//! people about it, `exit` names the codes. Records go to stdout, everything else to stderr.

mod args;
mod command_line;
mod commands;
mod config;
mod cookies;
mod exit;
mod fail_on;
mod form;
mod job;
mod outputs;
mod report;
mod reports;
mod run;
mod settings;
mod signals;
mod whole_file;

use std::process::ExitCode;

/// Outcomes are made on one thread and dropped on another, where the system's allocator has the two wait for
/// each other (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    match config::load(&words, false).and_then(commands::run) {
        Ok(code) => code.into(),
        Err(error) => {
            report::error(&error);
            exit::Code::of(&error).into()
        }
    }
}
