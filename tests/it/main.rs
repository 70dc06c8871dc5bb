//! The one integration test binary; each module is a theme.

// Clippy's leave to panic in tests covers functions marked `#[test]`, not what they call.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout)]

mod answering;
mod badssl;
mod bandwidth;
mod batch;
mod bombs;
mod cache;
mod capture;
mod charset_conformance;
mod cli_charset;
mod cli_config;
mod cli_crawl;
mod cli_fetch;
mod cli_input;
mod cli_links;
mod cli_mirror;
mod cli_outputs;
mod cli_redirects;
mod cli_robots;
mod cli_session;
mod cli_stop;
mod cli_text;
mod connections;
mod content;
mod curl_replies;
mod data;
mod decoding;
#[cfg(feature = "hickory")]
mod dns;
#[cfg(feature = "cli")]
mod docs;
mod duplicates;
mod engine;
mod engine_cases;
mod engine_faults;
mod engine_limits;
mod engine_web;
mod error_kinds;
mod extract_conformance;
mod extract_differential;
mod extract_html5lib;
mod fetch;
mod filters;
mod frontier_lazy;
mod frontier_model;
mod frontier_walk;
mod fuzz;
mod fuzz_targets;
mod gannet;
mod head_limits;
mod hedge;
mod html5ever_links;
mod http2;
mod imports;
mod job;
mod job_commands;
mod job_faults;
mod job_kill;
mod job_stop;
mod misbehaving;
mod origin;
mod pacing;
#[cfg(feature = "parquet")]
mod parquet;
mod pki;
mod proxies;
mod proxy_faults;
mod queue_key;
mod raw;
mod recrawl;
mod replies;
mod report_html;
mod reports;
mod requests;
mod resume;
mod robots_conformance;
mod robots_fetch;
mod safety;
mod secrets;
mod servers;
mod sitemap_conformance;
mod sitemaps;
#[cfg(feature = "sqlite")]
mod sqlite;
mod tables;
mod terminal;
mod tls;
mod tls_flags;
mod url_conformance;
mod warc;
mod web;
mod wpt_http1;
