//! What can be typed: flags, their names, defaults and help. No I/O and no decisions here.

mod body;
mod config;
mod connection;
mod dns;
mod host;
mod origin;
mod output;
mod pacing;
mod proxy;
mod recrawl;
mod scope;
mod session;
mod values;
mod warc;

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use gannet::fetch::{MediaTypes, ROBOTS_TOKEN};
use gannet::job::Sync;

use self::values::{duration, frontier_memory, positive, robots_token, size, sync};
use crate::exit::TABLE;
use crate::fail_on::FailOn;
use crate::reports::Report;

pub(crate) use self::body::BodyArgs;
pub(crate) use self::config::{ConfigArgs, ShowConfigArgs};
pub(crate) use self::connection::{ConnectionArgs, MinTls};
pub(crate) use self::dns::DnsArgs;
pub(crate) use self::host::{HostArgs, HostSettings};
pub(crate) use self::origin::{DemoArgs, OriginArgs, RobotsKind};
pub(crate) use self::output::{BodyForm, Duplicates, Extract, Format, OutputArgs, When};
pub(crate) use self::pacing::{KeyKind, PacingArgs};
pub(crate) use self::proxy::{ProxyArgs, Rotation};
pub(crate) use self::recrawl::RecrawlArgs;
pub(crate) use self::scope::{Reach, ScopeArgs};
pub(crate) use self::session::{AuthType, CookieArgs, LoginArgs};
pub(crate) use self::warc::{WarcArgs, WarcDigest};

/// A concurrent HTTP fetcher and crawler.
#[derive(Debug, Parser)]
#[command(name = "gannet", version, max_term_width = 110, after_help = TABLE, after_long_help = format!("{EXAMPLES}\n\n{TABLE}"))]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  gannet demo                                           see it work, no network needed
  gannet fetch urls.txt --mode gather                   a list, results in input order
  gannet fetch urls.txt | jq -r 'select(.status_code>=400).url'
  gannet fetch https://api.example.org/price --timeout 300ms --fallback '{\"price\":null}'
  gannet crawl https://example.org --depth 3 -o pages.jsonl
  gannet crawl urls.txt --workers 200 --delay 1s --max-time 1h -o crawl.jsonl
  gannet crawl urls.txt --job ./crawl                   once more the same: it goes on where it was";

const CRAWL_EXAMPLES: &str = "\
Examples:
  gannet crawl https://example.org --depth 3 -o pages.jsonl
  gannet crawl https://example.org/docs/ --scope prefix --exclude '\\.pdf$' --links
  gannet crawl https://example.org --depth 0 --assets --save-bodies page -o page.jsonl
  gannet crawl urls.txt --workers 200 --delay 1s --max-time 1h -o crawl.jsonl
  gannet crawl https://example.org --fail-on error -q | jq -r 'select(.error).url'";

const FETCH_EXAMPLES: &str = "\
Examples:
  gannet fetch urls.txt --mode gather --format json > results.json
  generate-urls | gannet fetch - --workers 200 --body | process-as-they-come
  gannet fetch https://api.example.org/price --timeout 300ms --fallback '{\"price\":null}'
  gannet fetch urls.txt --fail-fast --fail-on status -q --fields url,status_code,error_kind
  gannet fetch https://api.example.org/items -H 'Authorization: Bearer …' --json @item.json";

const REPORT_EXAMPLES: &str = "\
Examples:
  gannet report pages.jsonl -o report.html
  gannet report monday.jsonl.gz tuesday.jsonl.gz -o both.html --report junit:both.xml
  gannet report ./crawl/records.jsonl -o so-far.html     of a job, while it runs";

const CONFIG_EXAMPLES: &str = "\
Examples:
  gannet config
  gannet config fetch --workers 100
  gannet config --json crawl | jq '.settings.timeout'";

const ROBOTS_EXAMPLES: &str = "\
Examples:
  gannet robots https://example.org/ https://example.org/private/x
  gannet robots https://example.org/ --robots-token examplebot --format json
  gannet robots https://example.org/a --robots new-robots.txt     what a file would say, before it is served";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Follow links from the seeds
    ///
    /// robots.txt is obeyed, and a host gets at most 6 requests at once unless --per-host says otherwise.
    #[command(after_help = TABLE, after_long_help = format!("{CRAWL_EXAMPLES}\n\n{TABLE}"))]
    Crawl(CrawlArgs),
    /// Fetch exactly the listed URLs
    ///
    /// One record per line of the input. robots.txt is not asked: you named the URLs.
    #[command(after_help = TABLE, after_long_help = format!("{FETCH_EXAMPLES}\n\n{TABLE}"))]
    Fetch(FetchArgs),
    /// Explain what robots.txt says about URLs, line by line
    ///
    /// robots.txt is fetched and read as `gannet crawl` does it, but asked for only once. The exit code is 3 when some
    /// URL is not allowed.
    #[command(after_help = TABLE, after_long_help = format!("{ROBOTS_EXAMPLES}\n\n{TABLE}"))]
    Robots(RobotsArgs),
    /// Make reports from the records of a run
    ///
    /// As `gannet crawl -o report.html` makes them at its end: of a run that was killed, or of several runs together. Reports
    /// about links need records that were made with --links.
    #[command(after_help = TABLE, after_long_help = format!("{REPORT_EXAMPLES}\n\n{TABLE}"))]
    Report(ReportArgs),
    /// Show what a --job directory holds, list what is left of it, check it
    Job(ShowJobArgs),
    /// Show the settings that hold, and where each comes from
    ///
    /// A flag counts before a variable (GANNET_WORKERS for --workers), that before ./gannet.toml, and that before
    /// ~/.config/gannet/gannet.toml.
    #[command(after_long_help = CONFIG_EXAMPLES)]
    Config(ShowConfigArgs),
    /// Crawl a built-in synthetic site on loopback: no network needed
    Demo(DemoArgs),
    /// Serve the synthetic web, to size a machine or test a client
    Origin(OriginArgs),
    /// Print a shell completion script
    Completions {
        /// The shell to complete for
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff)
    Man,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CrawlArgs {
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Which failures make the exit code 3 or 4, and how many of them: none, seeds, error, status, status>=500, status=404,
    /// error_kind=tls, each with a limit as :5% or :10; 5% alone is status:5%; several with commas
    #[arg(long, value_name = "WHAT", default_value = "seeds", help_heading = "Stopping")]
    pub(crate) fail_on: FailOn,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct FetchArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Order of the records: each as it finishes, or all in input order once all are done
    #[arg(long, value_name = "MODE", default_value = "as-completed")]
    pub(crate) mode: Mode,
    /// Fetch a repeated URL once, and say how many were dropped
    #[arg(long)]
    pub(crate) unique: bool,
    #[command(flatten)]
    pub(crate) body: BodyArgs,
    /// Which failures make the exit code 3 or 4, and how many of them: none, seeds, error, status, status>=500, status=404,
    /// error_kind=tls, each with a limit as :5% or :10; 5% alone is status:5%; several with commas
    #[arg(long, value_name = "WHAT", default_value = "error", help_heading = "Stopping")]
    pub(crate) fail_on: FailOn,
}

/// What `crawl` and `fetch` share. A heading that was set before holds until another is.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = None::<&'static str>)]
pub(crate) struct RunArgs {
    /// URLs, files with one URL or JSON object per line (`#` comments, .gz as is), or `-` for stdin; none to go on with a --job
    #[arg(value_name = "SEED", required_unless_present = "job")]
    pub(crate) seeds: Vec<String>,

    /// Fetches at once
    #[arg(short, long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) workers: u32,
    /// Threads that fetch, with connections of their own [default: one per core, each with 16 workers or more]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) threads: Option<u32>,

    #[command(flatten)]
    pub(crate) pacing: PacingArgs,
    #[command(flatten)]
    pub(crate) job: JobArgs,
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    #[command(flatten)]
    pub(crate) cookies: CookieArgs,
    #[command(flatten)]
    pub(crate) recrawl: RecrawlArgs,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) warc: WarcArgs,
    #[command(flatten)]
    pub(crate) stop: StopArgs,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Job")]
pub(crate) struct JobArgs {
    /// Keep everything in this directory, so that the same command goes on after any end; records go to
    /// DIR/records.jsonl unless -o says otherwise
    #[arg(long, value_name = "DIR")]
    pub(crate) job: Option<PathBuf>,
    /// When a job is made to survive a loss of power too: so often, `always`, or `never`
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = sync)]
    pub(crate) sync: Sync,
    /// Memory for the URLs of a job; the disk takes the rest
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = frontier_memory)]
    pub(crate) frontier_memory: ByteSize,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ShowJobArgs {
    /// The directory given with --job
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// List the URLs without a record, one per line
    #[arg(long, group = "what")]
    pub(crate) pending: bool,
    /// List the URLs that failed, one per line
    #[arg(long, group = "what")]
    pub(crate) failed: bool,
    /// Put the URLs that failed back, and take their records out of the outputs
    #[arg(long, group = "what")]
    pub(crate) retry_failed: bool,
    /// Check everything that must hold, and the records against it
    #[arg(long, group = "what")]
    pub(crate) verify: bool,
    /// The state as one JSON object
    #[arg(long, group = "what")]
    pub(crate) json: bool,
}

/// How requests are made, whatever for.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Requests")]
pub(crate) struct RequestArgs {
    /// Time for a whole fetch, redirects and body included
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = positive)]
    pub(crate) timeout: Duration,
    /// Time for a connection: name, TCP and TLS
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = positive)]
    pub(crate) connect_timeout: Duration,
    /// Longest silence while waiting for an answer or its next bytes
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = positive)]
    pub(crate) idle_timeout: Duration,
    /// A request header, `Name: value` (repeatable), with `env:VARIABLE` for a value from the environment; what sounds like
    /// a secret goes to hosts of seeds only
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,
    /// The User-Agent [default: gannet/VERSION and what it is]
    #[arg(short = 'A', long, value_name = "TEXT")]
    pub(crate) user_agent: Option<String>,
    /// When to refuse loopback, private, link-local and metadata addresses: where a public page or redirect leads there,
    /// always (also without a value), or never
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "public",
        num_args = 0..=1,
        default_missing_value = "always",
        require_equals = true
    )]
    pub(crate) deny_private: Deny,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) dns: DnsArgs,
    #[command(flatten)]
    pub(crate) proxy: ProxyArgs,
    #[command(flatten)]
    pub(crate) login: LoginArgs,
}

/// What is made of answers, and of what is none.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Requests")]
pub(crate) struct AnswerArgs {
    /// JSON that stands in for a fetch that failed; its record says `outcome: fallback`
    #[arg(long, value_name = "JSON|@FILE")]
    pub(crate) fallback: Option<String>,
    /// Tries after the first, for failures that may pass; after 429 or 503 the host rests as it asks, else 60s
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) retries: u32,
    /// Most bytes kept of a body, decoded; more is cut and marked `truncated`
    #[arg(long, value_name = "SIZE", default_value = "10MiB", value_parser = size)]
    pub(crate) max_body: ByteSize,
    /// Most redirects followed
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) max_redirects: usize,
    /// Read only bodies of these media types, such as 'text/*,!text/css': `!` takes one out, the last match decides; what has
    /// none counts as application/octet-stream. Others are `skipped` by their head [default: any]
    #[arg(long, value_name = "LIST")]
    pub(crate) filter_mime_type: Option<MediaTypes>,
    /// Read no body that is larger than this, as it comes over the wire; by its Content-Length, or once it is [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_filesize: Option<ByteSize>,
    /// Do not ask for the rest of a body that broke off, but fetch it anew; otherwise --retries is also how often in a fetch
    #[arg(long)]
    pub(crate) no_range: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ReportArgs {
    /// Files of records as `-o FILE.jsonl` writes them, also as .gz or .zst, or `-` for stdin
    #[arg(value_name = "RECORDS", required = true)]
    pub(crate) records: Vec<PathBuf>,
    /// Write this report; .html, or .md for one on links (repeatable)
    #[arg(short, long, value_name = "FILE", required_unless_present = "report")]
    pub(crate) output: Vec<PathBuf>,
    /// Make this report: junit, html, links or github, as for a run (repeatable)
    #[arg(long, value_name = "KIND[:FILE]")]
    pub(crate) report: Vec<Report>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RobotsArgs {
    /// URLs, or host names
    #[arg(value_name = "URL", required = true)]
    pub(crate) urls: Vec<String>,
    /// The name that robots.txt knows the crawler by; `*` heeds only what is said to all
    #[arg(long, value_name = "NAME", default_value = ROBOTS_TOKEN, value_parser = robots_token)]
    pub(crate) robots_token: String,
    /// Read the rules from this file, or `-` for stdin, and ask nobody
    #[arg(long, value_name = "FILE")]
    pub(crate) robots: Option<PathBuf>,
    /// Form of the answer: lines for people, or one JSON object per URL; auto is human on a terminal, json elsewhere
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub(crate) format: RobotsFormat,
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Stopping")]
pub(crate) struct StopArgs {
    /// Fetch at most so many URLs; retries do not count again [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_pages: Option<u64>,
    /// Start nothing new after this long [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = positive)]
    pub(crate) max_time: Option<Duration>,
    /// How long running fetches may go on after a stop
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) grace: Duration,
    /// The first failure cancels all others; they are recorded as `cancelled`
    #[arg(long)]
    pub(crate) fail_fast: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    Gather,
    AsCompleted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Deny {
    Never,
    Public,
    Always,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RobotsFormat {
    Auto,
    Human,
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
    }
}
