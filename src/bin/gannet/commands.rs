//! The commands: each builds its settings, runs, and says how it went.

use std::io::{self, Write as _};

use clap::CommandFactory as _;
use gannet::error::Error;

use crate::args::{Args, Command};
use crate::config::{Loaded, load};
use crate::exit::Code;
use crate::run::run_settings;
use crate::settings::Settings;

mod config;
mod demo;
mod job;
mod origin;
mod report;
mod robots;

/// Runs what was typed.
pub(crate) fn run(loaded: Loaded) -> Result<Code, Error> {
    let loaded = match crate::job::remembered(&loaded.args)? {
        Some(words) => load(&words, true)?,
        None => loaded,
    };
    let Loaded { args, matches: typed, hosts, notices, .. } = loaded;
    match args.command {
        Command::Crawl(args) => run_settings(Settings::crawl(args, &typed, hosts)?.with_notices(notices)),
        Command::Fetch(args) => run_settings(Settings::fetch(args, &typed, hosts)?.with_notices(notices)),
        Command::Robots(args) => robots::run(args, &hosts),
        Command::Config(args) => config::run(&args),
        Command::Report(args) => report::run(args),
        Command::Job(args) => job::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Origin(args) => origin::run(args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "gannet", &mut script);
            print(&script)
        }
        Command::Man => {
            let mut page = Vec::new();
            man(&mut page).map_err(|why| Error::Io("cannot render the manual".into(), why))?;
            print(&page)
        }
    }
}

/// The manual page: the command, then each of its subcommands.
fn man(page: &mut Vec<u8>) -> io::Result<()> {
    let mut command = Args::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(page)?;
    for subcommand in command.get_subcommands().filter(|c| c.get_name() != "help") {
        let man = clap_mangen::Man::new(subcommand.clone());
        man.render_name_section(page)?;
        man.render_synopsis_section(page)?;
        man.render_description_section(page)?;
        man.render_options_section(page)?;
    }
    Ok(())
}

/// Writes to stdout; a reader that went away is no error.
fn print(bytes: &[u8]) -> Result<Code, Error> {
    match io::stdout().write_all(bytes) {
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Io("cannot write to stdout".into(), why))
        }
        _ => Ok(Code::Done),
    }
}
