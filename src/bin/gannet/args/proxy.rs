//! Flags of proxies.

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Connections")]
pub(crate) struct ProxyArgs {
    /// An HTTP proxy for all requests [default: HTTP_PROXY, HTTPS_PROXY, NO_PROXY]
    #[arg(short = 'x', long, value_name = "URL")]
    pub(crate) proxy: Option<String>,
}
