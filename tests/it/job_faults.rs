//! Disks that are full or lie, power that goes, files that are damaged: a job goes on, or says why not. Never wrong in
//! silence.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;

use gannet::origin::{Latency, Site};
use rustix::process::Signal;
use serde_json::Value;

use crate::gannet::{call, run};
use crate::job::{Desk, MS, Random, assert_truth, everywhere, fates, kills, records, troubled};
use crate::web::Web;

/// A job that was stopped in order after `first` pages, and its command.
fn stopped(web: &Web, desk: &Desk, first: &str, options: &[&str]) -> Vec<String> {
    let args = everywhere(web);
    let args: Vec<_> = args.iter().map(String::as_str).chain(options.iter().copied()).collect();
    let args = desk.args(&args);
    call(args.iter().map(String::as_str).chain(["--max-pages", first])).run().exits(5);
    args
}

fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// The file of the frontier with this name, up to its number.
fn file(desk: &Desk, name: &str) -> PathBuf {
    let mut all = files(&desk.path("job/frontier")).into_keys();
    all.rfind(|path| path.file_name().unwrap().to_str().unwrap().starts_with(name)).unwrap()
}

fn flip(path: &Path, at: u64) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at as usize] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

fn cut(path: &Path, length: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
}

/// Each way to damage a file of the frontier is noticed before anything is written, or at the latest when it is read.
fn damage(web: &Web, desk: &Desk, args: &[String], names: &[&str], random: &mut Random) {
    let kept = files(&desk.path("job/frontier"));
    let (manifest, output) = (desk.path("job/job.json"), desk.path("job/records.jsonl"));
    let others = [&manifest, &output].map(|path| fs::read(path).unwrap());
    for name in names {
        let path = file(desk, name);
        let length = kept[&path].len() as u64;
        for how in ["flipped", "cut", "gone"] {
            match how {
                "flipped" => flip(&path, random.range(8, length - 1)),
                "cut" => cut(&path, length / 2),
                _ => fs::remove_file(&path).unwrap(),
            }
            println!("{name} {how}");
            let ran = call(args).run();
            let what = ran.stderr.clone();
            assert_eq!(ran.code, Some(1), "{name} {how}: {what}");
            assert!(what.contains(path.file_name().unwrap().to_str().unwrap()), "{name} {how}: {what}");
            for path in files(&desk.path("job/frontier")).into_keys() {
                fs::remove_file(path).unwrap();
            }
            kept.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
            let [manifest_before, output_before] = &others;
            fs::write(&manifest, manifest_before).unwrap();
            let now = fs::read(&output).unwrap();
            assert!(now.starts_with(output_before), "{name} {how}: records are gone");
            fs::write(&output, output_before).unwrap();
        }
    }
    call(args).run().exits(0);
    assert_truth(&records(&output), web.graph());
    desk.assert_over();
}

#[test]
fn a_damaged_frontier_is_refused() {
    let (web, desk) = (Web::start(troubled(60)), Desk::new());
    let args = stopped(&web, &desk, "100", &[]);
    let mut random = Random::new("damage");
    damage(&web, &desk, &args, &["checkpoint", "hosts", "seen", "queue"], &mut random);
}

#[test]
fn a_damaged_sieve_is_refused() {
    let (web, desk) = (Web::start(troubled(450)), Desk::new());
    let args = stopped(&web, &desk, "1500", &["--frontier-memory", "16KiB"]);
    let mut random = Random::new("sieve");
    damage(&web, &desk, &args, &["sorted"], &mut random);
}

#[test]
fn a_checkpoint_of_another_version_is_named() {
    let (web, desk) = (Web::start(troubled(20)), Desk::new());
    let args = stopped(&web, &desk, "20", &[]);
    flip(&file(&desk, "checkpoint"), 8);
    call(&args).run().exits(1).says(&["checkpoint` is of format 18; this gannet reads format 2"]);
}

#[test]
fn a_damaged_manifest_is_refused() {
    let (web, desk) = (Web::start(troubled(20)), Desk::new());
    let args = stopped(&web, &desk, "20", &[]);
    let path = desk.path("job/job.json");
    let good = fs::read_to_string(&path).unwrap();
    let before = fs::read(desk.path("job/records.jsonl")).unwrap();
    fs::write(&path, &good[..good.len() / 2]).unwrap();
    call(&args).run().exits(2).says(&["job.json` is damaged"]);
    fs::write(&path, good.replace("\"format\": 4", "\"format\": 7")).unwrap();
    call(&args).run().exits(2).says(&["is of format 7; this gannet reads formats 3 to 4", "hint: "]);
    fs::remove_file(&path).unwrap();
    call(&args).run().exits(2).says(&["is not empty, and no job of gannet"]);
    // Also when its records are elsewhere, so that nothing but the frontier is there.
    fs::rename(desk.path("job/records.jsonl"), desk.path("records.jsonl")).unwrap();
    call(&args).run().exits(2).says(&["is not empty, and no job of gannet"]);
    fs::rename(desk.path("records.jsonl"), desk.path("job/records.jsonl")).unwrap();
    assert_eq!(fs::read(desk.path("job/records.jsonl")).unwrap(), before);
    fs::write(&path, good).unwrap();
    call(&args).run().exits(0);
    assert_truth(&records(&desk.path("job/records.jsonl")), web.graph());
}

/// The job of a crawl that was killed after some time.
fn killed(web: &Web, desk: &Desk, options: &[&str], random: &mut Random) -> Vec<String> {
    let args = everywhere(web);
    let args: Vec<_> = args.iter().map(String::as_str).chain(options.iter().copied()).collect();
    let args = desk.args(&args);
    loop {
        let live = call(&args).start();
        std::thread::park_timeout(MS * u32::try_from(random.range(150, 400)).unwrap());
        live.signal(Signal::KILL);
        live.finish();
        if desk.path("job/records.jsonl").metadata().is_ok_and(|metadata| metadata.len() > 0) {
            return args;
        }
    }
}

#[test]
fn a_torn_journal_is_cut_and_that_is_said() {
    for garbage in [false, true] {
        let (web, desk, mut random) = (Web::start(troubled(40)), Desk::new(), Random::new("torn"));
        let args = killed(&web, &desk, &[], &mut random);
        let path = file(&desk, "journal");
        if garbage {
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, [&bytes[..], &[7; 300]].concat()).unwrap();
        } else {
            cut(&path, path.metadata().unwrap().len() - random.range(1, 10));
        }
        call(&args).run().exits(0).says(&["the job did not end in order", "journal were cut off half-way"]);
        assert_truth(&records(&desk.path("job/records.jsonl")), web.graph());
        desk.assert_over();
    }
}

#[test]
fn a_missing_segment_is_noticed() {
    let (web, desk, mut random) = (Web::start(troubled(60)), Desk::new(), Random::new("gap"));
    let args = killed(&web, &desk, &[], &mut random);
    let first = file(&desk, "journal");
    killed(&web, &desk, &[], &mut random);
    let kept = fs::read(&first).unwrap();
    fs::remove_file(&first).unwrap();
    call(&args).run().exits(1).says(&["journal-00000001` is missing"]);
    fs::write(&first, kept).unwrap();
    call(&args).run().exits(0);
    assert_truth(&records(&desk.path("job/records.jsonl")), web.graph());
}

#[test]
fn records_too_many_are_cut_and_records_too_few_are_refused() {
    let (web, desk) = (Web::start(troubled(40)), Desk::new());
    let args = stopped(&web, &desk, "60", &[]);
    let path = desk.path("job/records.jsonl");
    let good = fs::read(&path).unwrap();
    fs::write(&path, &good[..good.len() - 1]).unwrap();
    let says = ["an output is shorter than it was", "hint: put the file back"];
    call(&args).run().exits(1).says(&says);
    desk.show(&["--verify"]).exits(1).says(&says[..1]);
    fs::remove_file(&path).unwrap();
    call(&args).run().exits(1).says(&says);
    fs::write(&path, [&good[..], b"{\"url\":\"gar"].concat()).unwrap();
    call(&args).run().exits(0).says(&["11 B of records at the end of its outputs are cut off"]);
    assert_truth(&records(&path), web.graph());
    desk.assert_over();
}

#[test]
fn records_lost_by_tampering_after_a_kill_are_refused_too() {
    let (web, desk, mut random) = (Web::start(troubled(60)), Desk::new(), Random::new("tamper"));
    let args = killed(&web, &desk, &[], &mut random);
    cut(&desk.path("job/records.jsonl"), 10);
    call(&args).run().exits(1).says(&["an output is shorter than it was"]);
}

/// What the disk holds after a loss of power: nothing of the last run is sure to be there, since it synced nothing.
#[test]
fn what_was_not_synced_may_be_lost() {
    let rounds = kills() + 3;
    let (web, mut random) = (Web::start(troubled(100)), Random::new("power"));
    let desk = Desk::new();
    let csv = desk.name("out.csv");
    let mut args = stopped(&web, &desk, "30", &["--sync", "1h", "-o", &csv, "-o", &desk.name("out.jsonl")]);
    for round in 0..rounds {
        let sure: BTreeMap<_, _> = all(&desk).into_iter().map(|path| (path.clone(), length(&path))).collect();
        args = killed_once(args, &mut random);
        for path in all(&desk) {
            lose(&path, sure.get(&path).copied().unwrap_or(20), &mut random);
        }
        reboot(&desk);
        // Stopping in order syncs all; sometimes it dies again instead.
        if round % 2 == 0 {
            let end = args.iter().map(String::as_str).chain(["--max-pages", "20"]);
            let ran = call(end).run();
            assert!(matches!(ran.code, Some(0 | 5)), "{}", ran.stderr);
        } else {
            let end = args.iter().map(String::as_str).chain(["--max-pages", "1"]);
            call(end).run();
        }
        desk.state();
        desk.verify();
    }
    call(&args).run().exits(0);
    let found = records(&desk.path("out.jsonl"));
    assert_truth(&found, web.graph());
    assert_eq!(fates(&found), fates(&records(&desk.path("out.csv"))));
    desk.assert_over();
}

fn killed_once(args: Vec<String>, random: &mut Random) -> Vec<String> {
    let live = call(&args).start();
    std::thread::park_timeout(MS * u32::try_from(random.range(100, 400)).unwrap());
    live.signal(Signal::KILL);
    live.finish();
    args
}

/// The files that a run appends to: journal and outputs.
fn all(desk: &Desk) -> Vec<PathBuf> {
    let journals = files(&desk.path("job/frontier"))
        .into_keys()
        .filter(|path| path.to_str().unwrap().contains("journal"));
    journals.chain([desk.path("out.csv"), desk.path("out.jsonl")]).collect()
}

fn length(path: &Path) -> u64 {
    path.metadata().unwrap().len()
}

/// Something after the first `sure` bytes is lost: cut off, or never written.
fn lose(path: &Path, sure: u64, random: &mut Random) {
    let mut bytes = fs::read(path).unwrap();
    let from = random.range(sure.min(bytes.len() as u64), bytes.len() as u64) as usize;
    match random.range(0, 2) {
        0 => bytes.truncate(from),
        1 => bytes[from..].fill(0),
        _ => return,
    }
    fs::write(path, bytes).unwrap();
}

/// The machine was started anew since.
fn reboot(desk: &Desk) {
    let path = desk.path("job/job.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["boot_id"] = "00000000-0000-0000-0000-000000000000".into();
    fs::write(path, manifest.to_string()).unwrap();
}

/// A small file system in memory; gone with this.
pub(crate) struct Small(PathBuf);

impl Small {
    /// `None` where that is not allowed.
    pub(crate) fn mount(at: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir(&at).unwrap();
        let options = format!("size={size}");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&at).output();
        match mount {
            Ok(output) if output.status.success() => Some(Self(at)),
            other => {
                println!("skipped: no file system can be mounted here: {other:?}");
                None
            }
        }
    }

    pub(crate) fn grow(&self, size: &str) {
        let options = format!("remount,size={size}");
        let grown = Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap();
        assert!(grown.success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_ends_the_run_and_not_the_job() {
    let (web, desk) = (Web::start(troubled(150)), Desk::new());
    // Where the job is, or where its output is.
    for (name, small_job, size) in [("small-job", true, "64k"), ("small-out", false, "128k")] {
        let Some(small) = Small::mount(desk.path(name), size) else { return };
        let (small_dir, large_dir) = (desk.name(name), desk.name(&format!("{name}-large")));
        fs::create_dir(&large_dir).unwrap();
        let (job, out) = if small_job { (&small_dir, &large_dir) } else { (&large_dir, &small_dir) };
        let (job, out) = (format!("{job}/job"), format!("{out}/out.jsonl"));
        let mut args = everywhere(&web);
        args.extend(["--job", &job, "-o", &out].map(str::to_owned));
        call(&args).run().exits(1).says(&["No space left on device", &job, "goes on"]);
        // Nothing has changed: it says so again, and breaks nothing.
        call(&args).run().exits(1).says(&["No space left on device", &job]);
        small.grow("64m");
        call(&args).run().exits(0);
        assert_truth(&records(Path::new(&out)), web.graph());
        run(["job", &job, "--verify"]).exits(0);
    }
}

#[test]
fn what_cannot_be_written_is_said_at_once() {
    let web = Web::start(Site { latency: Latency::None, ..Site::default() });
    let (desk, seed) = (Desk::new(), web.url("/"));
    // Not even root may write there.
    run(["crawl", &seed, "--job", "/proc/gannet"]).exits(1).says(&["/proc/gannet"]);
    desk.run(&["crawl", &seed, "-o", "/dev/full"]).exits(2).says(&["/dev/full", "no ordinary file"]);
    let pipe = desk.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    desk.run(&["crawl", &seed, "-o", pipe.to_str().unwrap()]).exits(2).says(&["no ordinary file"]);
    File::create(desk.path("taken")).unwrap();
    let below = desk.name("taken/out.jsonl");
    desk.run(&["crawl", &seed, "-o", &below]).exits(1).says(&["taken/out.jsonl"]);
    assert!(!desk.path("job/job.json").exists(), "nothing was begun");
    let out = desk.name("out.jsonl");
    desk.run(&["crawl", &seed, "-o", &out]).exits(0);
    assert_truth(&records(Path::new(&out)), web.graph());
}
