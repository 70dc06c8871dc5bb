//! The yardstick: a loop over bare reqwest that fetches a list and only reads the bodies.
//!
//! `cargo bench --package gannet-benches --bench bare -- URLS.txt [AT_ONCE]` prints requests, bytes and the CPU time of the process. One
//! current-thread runtime, no parsing, no records: what gannet does beyond this is what `compare.sh` measures.

use futures::stream::{FuturesUnordered, StreamExt as _};

fn main() {
    // Cargo passes flags of its own.
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let Some(list) = args.next() else {
        println!("usage: cargo bench --package gannet-benches --bench bare -- URLS.txt [AT_ONCE]");
        return;
    };
    let at_once = args.next().map_or(50, |n| n.parse().unwrap());
    let urls = std::fs::read_to_string(list).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (requests, bytes) = runtime.block_on(fetch_all(&urls, at_once));
    println!("{requests} requests, {bytes} bytes");
}

async fn fetch_all(urls: &str, at_once: usize) -> (u64, u64) {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let fetch = |url| {
        let request = client.get(url);
        async move {
            let mut response = request.send().await.unwrap();
            let mut bytes = 0;
            while let Some(chunk) = response.chunk().await.unwrap() {
                bytes += chunk.len() as u64;
            }
            bytes
        }
    };
    let mut waiting = urls.lines().map(fetch);
    let mut running: FuturesUnordered<_> = waiting.by_ref().take(at_once).collect();
    let (mut requests, mut bytes) = (0, 0);
    while let Some(read) = running.next().await {
        requests += 1;
        bytes += read;
        running.extend(waiting.next());
    }
    (requests, bytes)
}
