//! How fast the frontier is, and how much it takes: no network, no parsing, no records.
//!
//! `cargo bench --package gannet-benches --bench frontier -- [--urls 1e5,1e6] [--hosts 1e5] [--memory 1GiB] [--drain 3e5] [--delay-ms 0]
//! [--store disk|memory] [--dir DIR]` crawls pages of made-up links ([`links`]) as the dispatcher would ([`drive`]) until
//! so many distinct URLs were offered, and prints what that took. *net* is without the making of the links. Each step is
//! a process of its own: the first is cut off without warning, the next opens what it left behind and closes it in order,
//! the last opens that and crawls what is on disk, without links. Everything goes into a new directory in DIR (the current
//! one, if none is given), which is removed; 10⁸ URLs take 11 GB there.
//!
//! `-- --idle 1e5` prints what a host at rest costs ([`idle`]).
//!
//! CPU time is that of all threads. "caller" is the thread that calls the frontier, alone; the rest is the threads that
//! keep the job. Outcomes are recorded, but written nowhere.

mod drive;
mod idle;
mod links;
mod measure;
mod steps;

use std::path::PathBuf;
use std::process::Command;

use serde::de::DeserializeOwned;

use self::steps::{Crawled, Drained, Reopened, Setup};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    // Cargo passes flags of its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [step, setup] = &args[..]
        && step.starts_with("step:")
    {
        steps::run(step, &serde_json::from_str(setup).unwrap());
        return;
    }
    let mut setup = Setup::default();
    let (mut all, mut directory) = (vec![100_000, 1_000_000], PathBuf::from("."));
    for pair in args.chunks(2) {
        let [name, value] = pair else { panic!("{} needs a value", pair[0]) };
        match name.as_str() {
            "--idle" => return idle::run(number(value)),
            "--urls" => all = value.split(',').map(number).collect(),
            "--hosts" => setup.hosts = number(value) as usize,
            "--memory" => setup.memory = value.parse::<bytesize::ByteSize>().unwrap().as_u64(),
            "--drain" => setup.drain = number(value),
            "--delay-ms" => setup.delay_ms = number(value),
            "--store" => setup.in_memory = value == "memory",
            "--dir" => directory = value.into(),
            _ => panic!("unknown argument {name}"),
        }
    }
    for urls in all {
        let temporary = tempfile::tempdir_in(&directory).unwrap();
        let setup = Setup { urls, directory: temporary.path().join("job"), ..setup.clone() };
        measure(&setup);
    }
}

fn number(text: &str) -> u64 {
    text.parse::<f64>().unwrap() as u64
}

fn measure(setup: &Setup) {
    let store = if setup.in_memory { "memory".into() } else { bytesize::ByteSize(setup.memory).to_string() };
    println!("\n{} distinct URLs, up to {} hosts, {store}", setup.urls, setup.hosts);
    let crawled: Crawled = step("step:crawl", setup);
    crawled.print(setup.in_memory);
    if setup.in_memory {
        return;
    }
    let bytes = measure::bytes_below(&setup.directory);
    line("disk", &format!("{} bytes, {:.1} per URL", bytes, bytes as f64 / crawled.urls as f64));
    let reopened: Reopened = step("step:reopen", setup);
    reopened.print();
    let bytes = measure::bytes_below(&setup.directory);
    line("disk", &format!("{} bytes, {:.1} per URL", bytes, bytes as f64 / crawled.urls as f64));
    let drained: Drained = step("step:drain", setup);
    drained.print();
}

/// Runs a step in a process of its own.
fn step<T: DeserializeOwned>(name: &str, setup: &Setup) -> T {
    let program = std::env::current_exe().unwrap();
    let setup = serde_json::to_string(setup).unwrap();
    let output =
        Command::new(program).args([name, &setup]).stderr(std::process::Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{name} failed: {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// One line of the table.
fn line(name: &str, value: &str) {
    println!("  {name:<22} {value}");
}
