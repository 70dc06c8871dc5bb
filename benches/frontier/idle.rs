//! What a host at rest costs: `--idle 1e5` meets so many hosts one after another, each with a robots.txt of one rule and
//! three pages, and prints how much more memory is resident than after the first tenth of them. Everything counts: the
//! host, its name, its rules, what the store keeps, and the fingerprints of its three URLs.

use std::time::Instant;

use gannet::CrawlUrl;
use gannet::frontier::store::Memory;
use gannet::frontier::{
    Candidate, Disposition, Found, Frontier, HostSignal, Politeness, Position, Scheduler, Work,
};
use gannet::robots::Rules;
use gannet::url::Fingerprinter;

use crate::{line, measure};

/// See the module.
pub fn run(hosts: u64) {
    let mut frontier = Scheduler::new(Memory::unique(), Politeness::default());
    let fingerprinter = Fingerprinter::with_key(1, 2);
    let mut before = 0;
    for host in 0..hosts {
        if host == hosts / 10 {
            before = measure::resident();
        }
        meet(host, &mut frontier, &fingerprinter);
    }
    assert_eq!(frontier.counts().hosts, hosts);
    let (grown, hosts) = (measure::resident().saturating_sub(before), hosts - hosts / 10);
    println!("\n{hosts} hosts at rest, three pages each, one rule in robots.txt");
    line("resident", &format!("{grown} bytes, {:.0} per host", grown as f64 / hosts as f64));
}

/// Crawls one host to its end.
fn meet(host: u64, frontier: &mut Scheduler<Memory>, fingerprinter: &Fingerprinter) {
    let page = |page: u64| {
        let url = CrawlUrl::parse(&format!("https://www.example-{host}.org/articles/{page}.html")).unwrap();
        let found = Found::seed(Position { source: 0, line: host }, None);
        Candidate { fingerprint: fingerprinter.fingerprint(&url), url, depth: 0, found }
    };
    frontier.admit(&mut (0..3).map(page).collect(), Instant::now());
    while let Some(job) = frontier.pop(Instant::now()) {
        let how = match job.work {
            Work::Robots { .. } => {
                Disposition::Robots(Ok(Rules::parse(b"User-agent: *\nDisallow: /private/\n", "gannet")))
            }
            _ => Disposition::Done { signal: HostSignal::Healthy, failed: false },
        };
        frontier.finished(job, how, Instant::now());
    }
}
