//! What a process used: CPU time, memory, disk.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// CPU time of this thread.
pub fn thread_cpu() -> Duration {
    cpu(ClockId::ThreadCPUTime)
}

/// CPU time of all threads of this process, user and system.
pub fn process_cpu() -> Duration {
    cpu(ClockId::ProcessCPUTime)
}

fn cpu(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The most memory this process ever had resident, MiB; 0 where `/proc` is not to be had.
pub fn peak_mib() -> u64 {
    status("VmHWM:") / 1024
}

/// Bytes that are resident now.
pub fn resident() -> u64 {
    status("VmRSS:") * 1024
}

/// A line of `/proc/self/status` in KiB.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0)
}

/// Bytes of the files below a directory.
pub fn bytes_below(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(Result::unwrap).fold(0, |sum, entry| {
        let metadata = entry.metadata().unwrap();
        sum + if metadata.is_dir() { bytes_below(&entry.path()) } else { metadata.len() }
    })
}

/// Shorter calls are not looked at.
const LONG: Duration = Duration::from_micros(200);

/// The longest that any call took, in CPU time of this thread: what other programs take does not count.
#[derive(Default)]
pub struct Worst(Duration);

impl Worst {
    /// Makes a call. `cpu` is the CPU time of this thread when it was last asked for, which is after every long call.
    pub fn of<T>(&mut self, cpu: &mut Duration, call: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = call();
        let elapsed = start.elapsed();
        if elapsed > LONG {
            let before = std::mem::replace(cpu, thread_cpu());
            self.0 = self.0.max((*cpu - before).min(elapsed));
        }
        result
    }

    pub fn millis(&self) -> f64 {
        self.0.as_secs_f64() * 1e3
    }
}
