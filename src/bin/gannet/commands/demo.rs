//! `gannet demo`: the ordinary crawl, of a synthetic site on loopback, checked against its truth.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use clap::{CommandFactory as _, FromArgMatches as _};
use gannet::error::Error;
use gannet::origin::{Expect, Faults, Graph, Latency, Origin, Site};
use tokio::sync::oneshot;

use crate::args::{Args, Command, DemoArgs};
use crate::exit::Code;
use crate::report;
use crate::run::{run_settings, runtime};
use crate::settings::Settings;

pub(super) fn run(args: DemoArgs) -> Result<Code, Error> {
    let server = Server::start(site(&args))?;
    let output = args.output.clone().unwrap_or_else(|| std::env::temp_dir().join("gannet-demo.jsonl"));
    let line = command_line(&server.seed, &args, &output);
    report::say(format_args!(
        "a synthetic site of {} hosts, some of it broken, is up on loopback; now running",
        server.graph.site().hosts
    ));
    report::say(format_args!("  gannet {}\n", line.join(" ")));
    let typed = std::iter::once("gannet".to_owned()).chain(line);
    let wrong = |_| Error::Internal("the demo's command line does not parse".into());
    let typed = Args::command().try_get_matches_from(typed).map_err(wrong)?;
    let Ok(Args { command: Command::Crawl(mut crawl) }) = Args::from_arg_matches(&typed) else {
        return Err(Error::Internal("the demo runs a crawl".into()));
    };
    crawl.run.output.progress = args.progress;
    let code = run_settings(Settings::crawl(crawl, &typed, Vec::new())?)?;
    let (found, truth) = compare(&output, &server.graph)?;
    server.stop();
    let output = output.display();
    report::say(format_args!(
        "\n{found} of the {truth} pages that exist were found; the records are in {output}"
    ));
    report::say(format_args!(
        "look at them:  jq -c 'select(.outcome==\"failed\")|[.error_kind,.url]' {output}"
    ));
    report::say(format_args!("next:          gannet crawl https://YOUR.SITE --depth 2 -o pages.jsonl"));
    Ok(if found == truth { code } else { Code::Internal })
}

/// Hundreds of pages on four hosts; faults of each kind, but nothing that takes long.
fn site(args: &DemoArgs) -> Site {
    Site {
        hosts: 4,
        pages: args.pages,
        latency: Latency::Uniform(Duration::from_millis(5), Duration::from_millis(50)),
        faults: Faults {
            errors: 0.05,
            flaky: 0.02,
            stalls: 0.01,
            resets: 0.02,
            redirects: 0.05,
            loops: 0.01,
            truncated: 0.02,
            drips: 0.0,
            encoded: 0.0,
        },
        trap: true,
        ..Site::default()
    }
}

fn command_line(seed: &str, args: &DemoArgs, output: &Path) -> Vec<String> {
    let workers = args.workers.to_string();
    let output = output.display().to_string();
    let words = [
        "crawl",
        "--format",
        "jsonl",
        seed,
        "--scope",
        "any",
        "--workers",
        &workers,
        "--exclude",
        "/trap/",
        "--idle-timeout",
        "1s",
        "--retries",
        "1",
        "--output",
        &output,
    ];
    words.map(str::to_owned).to_vec()
}

/// How many of the pages that must be found are in the records.
fn compare(output: &PathBuf, graph: &Graph) -> Result<(usize, usize), Error> {
    let file =
        File::open(output).map_err(|why| Error::Io(format!("cannot read `{}`", output.display()), why))?;
    let url = |line: std::io::Result<String>| -> Option<String> {
        let record: serde_json::Value = serde_json::from_str(&line.ok()?).ok()?;
        Some(record.get("url")?.as_str()?.to_owned())
    };
    let found: HashSet<String> = BufReader::new(file).lines().filter_map(url).collect();
    let truth: Vec<String> =
        graph.truth().filter(|(_, e)| matches!(e, Expect::Page)).map(|(url, _)| url).collect();
    Ok((truth.iter().filter(|url| found.contains(*url)).count(), truth.len()))
}

/// The origin, on a thread and a runtime of its own, so that it takes nothing from the crawl's.
struct Server {
    seed: String,
    graph: Graph,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    fn start(site: Site) -> Result<Self, Error> {
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = mpsc::channel();
        let runtime = runtime()?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let origin = Origin::start(site, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await;
                let origin = match origin {
                    Ok(origin) => origin,
                    Err(why) => return drop(ready.send(Err(why))),
                };
                let _ = ready.send(Ok(origin.graph().clone()));
                // Either way: asked to stop, or nobody is left to ask.
                let _ = stopped.await;
                origin.stop().await;
            });
        });
        let graph = match is_ready.recv() {
            Ok(Ok(graph)) => graph,
            Ok(Err(why)) => return Err(Error::Io("cannot listen on loopback".into(), why)),
            Err(_) => return Err(Error::Internal("the demo's server ended".into())),
        };
        let seed = graph.seeds().next().unwrap_or_default();
        Ok(Self { seed, graph, stop, thread })
    }

    fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}
