//! Flags of configuration files, and of the command that shows what holds.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct ConfigArgs {
    /// Read settings from this file [default: ~/.config/gannet/gannet.toml, and ./gannet.toml over it]
    #[arg(long, value_name = "FILE", conflicts_with = "no_config")]
    pub(crate) config: Option<PathBuf>,
    /// Read no configuration file
    #[arg(long)]
    pub(crate) no_config: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ShowConfigArgs {
    /// As one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// The command
    #[arg(value_name = "COMMAND", default_value = "crawl")]
    pub(crate) command: Configured,
    /// Flags as they would be typed
    #[arg(value_name = "FLAGS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) flags: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Configured {
    Crawl,
    Fetch,
    Robots,
}

impl Configured {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crawl => "crawl",
            Self::Fetch => "fetch",
            Self::Robots => "robots",
        }
    }
}
