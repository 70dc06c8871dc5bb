//! Flags of what is sent with each request of `gannet fetch`.

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Requests")]
pub(crate) struct BodyArgs {
    /// The request's method [default: GET, with a body POST]
    #[arg(short = 'X', long, alias = "request", value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// The request's body, @FILE, or @- for stdin; sent as a form unless -H says another Content-Type
    #[arg(long, value_name = "TEXT|@FILE")]
    pub(crate) data: Option<String>,
    /// The request's body as JSON, @FILE, or @- for stdin; Content-Type and Accept are application/json unless -H says otherwise
    #[arg(long, value_name = "TEXT|@FILE", conflicts_with = "data")]
    pub(crate) json: Option<String>,
}
