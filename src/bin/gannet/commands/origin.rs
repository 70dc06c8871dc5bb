//! `gannet origin`: serves the synthetic web, or prints what is on it.

use std::io::{self, BufWriter, Write as _};
use std::net::SocketAddr;

use gannet::error::Error;
use gannet::origin::{Addressing, Faults, Graph, Origin, Robots, Site};

use crate::args::{OriginArgs, RobotsKind};
use crate::exit::Code;
use crate::report;
use crate::run::{descriptors, runtime};

pub(super) fn run(args: OriginArgs) -> Result<Code, Error> {
    let site = site(&args);
    site.check().map_err(|why| Error::Config(why.to_string()))?;
    if args.seeds || args.truth {
        return list(&args, site);
    }
    descriptors();
    runtime()?.block_on(async {
        let origin = Origin::start(site, args.listen)
            .await
            .map_err(|why| Error::Io(format!("cannot listen on {}", args.listen), why))?;
        announce(&origin).map_err(|why| Error::Io("cannot write to stdout".into(), why))?;
        wait_for_signal().await;
        let stats = origin.stop().await;
        report::say(format_args!(
            "gannet origin: {} requests on {} connections",
            stats.requests, stats.connections
        ));
        for (status, count) in stats.by_status {
            report::say(format_args!("  {status}: {count}"));
        }
        Ok(Code::Done)
    })
}

fn site(args: &OriginArgs) -> Site {
    Site {
        seed: args.seed,
        hosts: args.hosts,
        pages: args.pages,
        links: args.links,
        cross_links: args.cross_links,
        page_size: usize::try_from(args.page_size.0).unwrap_or(usize::MAX),
        latency: args.latency,
        faults: Faults {
            errors: args.errors,
            flaky: args.flaky,
            stalls: args.stalls,
            resets: args.resets,
            redirects: args.redirects,
            loops: args.redirect_loops,
            truncated: args.truncated,
            drips: args.drips,
            encoded: args.encoded,
        },
        robots: match args.robots {
            RobotsKind::Rules => Robots::Rules { crawl_delay: args.crawl_delay },
            RobotsKind::Missing => Robots::Missing,
            RobotsKind::Unavailable => Robots::Unavailable,
        },
        trap: args.trap,
        addressing: if args.proxy { Addressing::Names } else { Addressing::Ports },
        ..Site::default()
    }
}

/// Seeds or truth of a site that need not be running; its ports must be known then.
fn list(args: &OriginArgs, site: Site) -> Result<Code, Error> {
    let mut ports = Vec::new();
    if !args.proxy {
        let first = args.listen.port();
        if first == 0 {
            return Err(Error::Config(
                "which ports the hosts will have is not known\nhint: name the first with --listen 127.0.0.1:PORT, or use --proxy".into(),
            ));
        }
        let last = u16::try_from(u32::from(first) + site.hosts.saturating_sub(1));
        let last = last.map_err(|_| Error::Config("there are not enough ports for all hosts".into()))?;
        ports = (first..=last).map(|port| SocketAddr::new(args.listen.ip(), port)).collect();
    }
    let graph = Graph::new(site, ports);
    let mut out = BufWriter::new(io::stdout().lock());
    let written = match args.seeds {
        true => graph.seeds().try_for_each(|url| writeln!(out, "{url}")),
        false => graph.truth().try_for_each(|(url, expect)| writeln!(out, "{url}\t{expect}")),
    };
    match written.and_then(|()| out.flush()) {
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Io("cannot write to stdout".into(), why))
        }
        _ => Ok(Code::Done),
    }
}

/// The seeds go to stdout, as a list that `crawl -` can read; the rest is for people.
fn announce(origin: &Origin) -> io::Result<()> {
    const MOST: usize = 1000;
    let mut out = io::stdout().lock();
    match origin.proxy() {
        Some(proxy) => {
            report::say(format_args!("gannet origin: forward proxy at {proxy}; stop with Ctrl-C"));
            report::say(format_args!("try: gannet crawl -x {proxy} http://h0.test/ --scope any"));
        }
        None => {
            report::say(format_args!("gannet origin: {} hosts; stop with Ctrl-C", origin.addresses().len()))
        }
    }
    for seed in origin.graph().seeds().take(MOST) {
        writeln!(out, "{seed}")?;
    }
    out.flush()
}

async fn wait_for_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
