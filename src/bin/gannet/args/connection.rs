//! Flags of connections: which protocol they speak, and whom they trust.

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Connections")]
pub(crate) struct ConnectionArgs {
    /// Speak HTTP/1.1 only
    #[arg(long)]
    pub(crate) http1: bool,
    /// Accept any TLS certificate
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,
}
