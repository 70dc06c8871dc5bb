//! Flags of what a crawl follows: how far, which links, and what robots.txt says to it.

use clap::{Args as ClapArgs, ValueEnum};
use gannet::fetch::ROBOTS_TOKEN;
use gannet::scope::Traps;

use super::values::{parameter, robots_token};

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "What to follow")]
pub(crate) struct ScopeArgs {
    /// Links followed from a seed, at most so many steps [default: no limit]
    #[arg(short, long, value_name = "N")]
    pub(crate) depth: Option<u16>,
    /// How far links may lead: the seed's host, its registrable domain, its directory, or anywhere
    #[arg(long, value_name = "REACH", default_value = "host")]
    pub(crate) scope: Reach,
    /// Also fetch each link that leads out of --scope, to see whether it is there; nothing that it leads to, but for redirects
    #[arg(long)]
    pub(crate) check_external: bool,
    /// Follow only URLs that match (repeatable)
    #[arg(long, value_name = "REGEX")]
    pub(crate) include: Vec<String>,
    /// Do not follow URLs that match (repeatable)
    #[arg(long, value_name = "REGEX")]
    pub(crate) exclude: Vec<String>,
    /// Which links are followed: elements (`a`, `area`, `frame`, …), or the groups navigation, assets and all
    #[arg(long, value_name = "A,B,C", default_value = "navigation", value_delimiter = ',')]
    pub(crate) follow: Vec<String>,
    /// Also fetch what pages need to be shown: style sheets, scripts, images, fonts; past --depth too
    #[arg(long)]
    pub(crate) assets: bool,
    /// Also follow the sitemaps that robots.txt names, of each host that is crawled; /sitemap.xml if it names none
    #[arg(long)]
    pub(crate) sitemaps: bool,
    /// Do not follow links that say rel=nofollow
    #[arg(long)]
    pub(crate) respect_nofollow: bool,
    /// Do not ask for robots.txt, unless --sitemaps needs it, and then do not obey it; nor heed pages that say nofollow
    #[arg(long)]
    pub(crate) ignore_robots: bool,
    /// The name that robots.txt knows this crawler by; `*` heeds only what is said to all
    #[arg(long, value_name = "NAME", default_value = ROBOTS_TOKEN, value_parser = robots_token)]
    pub(crate) robots_token: String,
    /// Take this parameter off the query of links, so that a page has one URL; `*` at its end stands for any rest
    /// (repeatable)
    #[arg(long, value_name = "PARAM", value_parser = parameter)]
    pub(crate) strip_query: Vec<String>,
    /// Skip links longer than this, as traps are; 0 for no limit
    #[arg(long, value_name = "BYTES", default_value_t = Traps::default().url_length)]
    pub(crate) max_url_length: u32,
    /// Skip links with a path segment, or a parameter of the query, that is there more often; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = Traps::default().repeats)]
    pub(crate) max_repeats: u32,
    /// Skip links with more parameters in their query; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = Traps::default().params)]
    pub(crate) max_params: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reach {
    Host,
    Domain,
    Prefix,
    Any,
}
