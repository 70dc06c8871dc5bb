//! The synthetic web over real sockets: it does what its truth says, and stops when told.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use gannet::origin::{Addressing, Expect, Faults, Latency, Origin, Robots, Site, What};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
/// Long enough for a loaded machine, short enough to fail before the test harness gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection that is spoken to in plain text.
struct Client(TcpStream);

/// An answer, as far as it came.
#[derive(Debug, PartialEq, Eq)]
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
    /// How the body ended too soon, if it did.
    cut: Option<ErrorKind>,
}

impl Reply {
    fn field(&self, name: &str) -> Option<&str> {
        let line = |line: &'_ str| line.split_once(':').is_some_and(|(n, _)| n.eq_ignore_ascii_case(name));
        let found = self.head.lines().find(|l| line(l))?;
        found.split_once(':').map(|(_, value)| value.trim())
    }
}

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    async fn get(&mut self, target: &str) -> io::Result<Reply> {
        self.send(&format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n")).await;
        self.reply(true).await
    }

    /// Reads an answer; an error when there is no whole head.
    async fn reply(&mut self, with_body: bool) -> io::Result<Reply> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if self.0.read_buf(&mut bytes).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut reply = Reply { status, head, body: bytes.split_off(end), cut: None };
        let length: usize = reply.field("content-length").unwrap().parse().unwrap();
        while with_body && reply.body.len() < length && reply.cut.is_none() {
            reply.cut = match self.0.read_buf(&mut reply.body).await {
                Ok(0) => Some(ErrorKind::UnexpectedEof),
                Ok(_) => None,
                Err(error) => Some(error.kind()),
            };
        }
        assert!(reply.body.len() <= length, "more than announced");
        Ok(reply)
    }
}

async fn start(site: Site) -> (Origin, SocketAddr) {
    let origin = Origin::start(site, ANY).await.unwrap();
    let address = origin.addresses()[0];
    (origin, address)
}

#[tokio::test]
async fn connections_are_kept_alive_and_pages_repeat() {
    let (origin, address) = start(Site::default()).await;
    let mut client = Client::connect(address).await;
    let first = client.get("/p/7").await.unwrap();
    assert_eq!((first.status, first.body.len(), first.cut), (200, 4096, None));
    assert_eq!(client.get("/p/7").await.unwrap(), first);
    client.send("HEAD /p/7 HTTP/1.1\r\n\r\n").await;
    let head = client.reply(false).await.unwrap();
    assert_eq!((head.head, head.body.len()), (first.head, 0));
    client.send("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12").await;
    client.send("345").await;
    assert_eq!(client.reply(true).await.unwrap().body, b"5 bytes received\n");
    assert_eq!(client.get("/p/100").await.unwrap().status, 404);
    let robots = client.get("/robots.txt").await.unwrap();
    assert_eq!(robots.body, b"User-agent: *\nDisallow: /private/\n");
    client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert_eq!(client.reply(true).await.unwrap().field("connection"), Some("close"));
    assert_eq!(client.get("/").await.unwrap_err().kind(), ErrorKind::UnexpectedEof);

    let stats = origin.stop().await;
    assert_eq!((stats.connections, stats.requests, stats.unanswered), (1, 7, 0));
    assert_eq!(stats.by_status, BTreeMap::from([(200, 6), (404, 1)]));
}

#[tokio::test]
async fn the_proxy_answers_for_every_host() {
    let site = Site { hosts: 1_000_000, addressing: Addressing::Names, ..Site::default() };
    let (origin, address) = start(site).await;
    assert_eq!(origin.proxy(), Some(format!("http://{address}")));
    let mut client = Client::connect(address).await;
    for host in ["h0.test", "h999999.test", "H17.TEST:80"] {
        let page = client.get(&format!("http://{host}/p/3")).await.unwrap();
        let title = format!("page 3 of {}", host.to_lowercase().replace(":80", ""));
        assert!(page.status == 200 && String::from_utf8(page.body).unwrap().contains(&title), "{host}");
    }
    client.send("GET /p/3 HTTP/1.1\r\nHost: h5.test\r\n\r\n").await;
    assert_eq!(client.reply(true).await.unwrap().status, 200);
    assert_eq!(client.get("http://h1000000.test/").await.unwrap().status, 502);
    assert_eq!(client.get("http://example.org/").await.unwrap().status, 502);
    assert_eq!(client.get("/").await.unwrap().status, 404);
    client.send("CONNECT h1.test:443 HTTP/1.1\r\n\r\n").await;
    assert_eq!(client.reply(true).await.unwrap().status, 501);
    origin.stop().await;
}

#[tokio::test]
async fn faults_look_like_faults() {
    let (origin, address) = start(Site { robots: Robots::Unavailable, ..Site::default() }).await;
    let connect = || Client::connect(address);

    assert_eq!(connect().await.get("/x/reset/1").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let reset = connect().await.get("/x/reset-body/1").await.unwrap();
    assert_eq!((reset.status, reset.body.len(), reset.cut), (200, 2048, Some(ErrorKind::ConnectionReset)));
    let cut = connect().await.get("/x/truncated/1").await.unwrap();
    assert_eq!((cut.status, cut.body.len(), cut.cut), (200, 2048, Some(ErrorKind::UnexpectedEof)));

    let mut client = connect().await;
    let drip = client.get("/x/drip/1").await.unwrap();
    assert_eq!((drip.status, drip.body.len(), drip.cut), (200, 4096, None));
    let flaky = client.get("/x/flaky/1").await.unwrap();
    assert_eq!((flaky.status, flaky.field("retry-after")), (503, Some("1")));
    assert_eq!(client.get("/x/flaky/1").await.unwrap().status, 200);
    assert_eq!(client.get("/x/410/1").await.unwrap().status, 410);
    assert_eq!(client.get("/robots.txt").await.unwrap().status, 503);
    for (from, to) in [
        ("/x/loop/1", format!("http://{address}/x/loop/1?b")),
        ("/x/loop/2?b", "/x/loop/2".to_owned()),
        ("/x/chain/2", "/x/chain/1".to_owned()),
        ("/x/chain/1", format!("http://{address}/")),
    ] {
        assert_eq!(client.get(from).await.unwrap().field("location"), Some(&*to));
    }
    origin.stop().await;
}

#[tokio::test]
async fn the_trap_has_no_end_and_one_entrance() {
    let robots = Robots::Rules { crawl_delay: Some(Duration::from_millis(1500)) };
    let (origin, address) = start(Site { trap: true, robots, hosts: 2, ..Site::default() }).await;
    let mut client = Client::connect(address).await;
    let root = client.get("/").await.unwrap();
    assert!(String::from_utf8(root.body).unwrap().contains("href=\"/trap/\""));
    for depth in [0, 1, 2000] {
        let page = client.get(&format!("/trap/{}", "a/".repeat(depth))).await.unwrap();
        let html = String::from_utf8(page.body).unwrap();
        assert!(page.status == 200 && html.contains("href=\"a/\"") && html.contains("href=\"b/\""));
    }
    let robots = client.get("/robots.txt").await.unwrap();
    assert!(robots.body.ends_with(b"\nCrawl-delay: 1.5\n"));
    let mut other = Client::connect(origin.addresses()[1]).await;
    let root = other.get("/").await.unwrap();
    assert!(!String::from_utf8(root.body).unwrap().contains("/trap/"));
    let huge = client.get(&format!("/{}", "x".repeat(70_000))).await;
    assert_eq!(huge.unwrap().status, 431);
    origin.stop().await;
}

#[tokio::test]
async fn a_stall_lasts_until_the_server_stops() {
    let site = Site { latency: Latency::Fixed(Duration::from_secs(3600)), record: true, ..Site::default() };
    let (origin, address) = start(site).await;
    let mut clients = Vec::new();
    for n in 0..20 {
        let mut client = Client::connect(address).await;
        let target = if n % 2 == 0 { "/x/stall/1" } else { "/p/1" };
        client.send(&format!("GET {target} HTTP/1.1\r\n\r\n")).await;
        clients.push(client);
    }
    let all_seen = async {
        while origin.stats().requests < 20 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, all_seen).await.unwrap();
    assert_eq!((origin.log().len(), origin.max_in_flight(0)), (20, 20));
    assert!(origin.min_gap(0).is_some());
    let silent = |client: &Client| client.0.try_read(&mut [0]).unwrap_err().kind() == ErrorKind::WouldBlock;
    assert!(clients.iter().all(silent));

    timeout(PATIENCE, origin.stop()).await.unwrap();
    for client in &mut clients {
        assert!(client.reply(true).await.is_err());
    }
    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn one_client_at_a_time_is_seen_as_one() {
    let (origin, address) = start(Site { record: true, page_size: 200_000, ..Site::default() }).await;
    for n in 1..20 {
        let mut client = Client::connect(address).await;
        client.get(&format!("/p/{n}")).await.unwrap();
    }
    assert_eq!(origin.max_in_flight(0), 1);
    let log = origin.log();
    assert!(log.is_sorted_by_key(|hit| hit.at) && log.iter().all(|hit| hit.host == Some(0)));
    assert_eq!(log[2].url, origin.graph().url(0, What::Page(3)));
}

/// What is seen of a URL by asking the server: an expectation, and the page.
async fn observe(url: &url::Url, origin: &Origin) -> (Expect, Option<String>) {
    let mut client = Client::connect(origin.addresses()[0]).await;
    let before = origin.stats().unanswered;
    let stalled = async {
        while origin.stats().unanswered == before {
            tokio::task::yield_now().await;
        }
        // Now it is a stall or a reset, and a reset is already on its way.
        tokio::time::sleep(Duration::from_millis(300)).await;
    };
    let first = tokio::select! {
        first = client.get(url.as_str()) => first,
        () = stalled => return (Expect::Stall, None),
    };
    let reply = match first {
        Ok(reply) if reply.status == 503 => client.get(url.as_str()).await.map(|again| (again, true)),
        other => other.map(|reply| (reply, false)),
    };
    let Ok((reply, again)) = reply else { return (Expect::Reset, None) };
    let body = String::from_utf8_lossy(&reply.body).into_owned();
    match (reply.status, reply.cut) {
        (200, Some(ErrorKind::UnexpectedEof)) => (Expect::Truncated, None),
        (200, Some(_)) => (Expect::ResetBody, None),
        (200, None) if again => (Expect::Flaky, Some(body)),
        (200, None) => (Expect::Page, Some(body)),
        (302, _) => {
            let to = url.join(reply.field("location").unwrap()).unwrap();
            let back = client.get(to.as_str()).await.unwrap();
            let looping = back.field("location").is_some_and(|back| url.join(back).unwrap() == *url);
            (if looping { Expect::RedirectLoop } else { Expect::Redirect(to.into()) }, None)
        }
        (status, _) => (Expect::Error(status), None),
    }
}

#[tokio::test]
async fn a_crawl_over_sockets_finds_the_truth() {
    let share = 0.06;
    let faults = Faults {
        errors: 0.3,
        flaky: share,
        stalls: 0.02,
        resets: 0.2,
        redirects: share,
        loops: share,
        truncated: share,
        drips: 0.03,
        encoded: 0.1,
    };
    let site = Site { hosts: 3, pages: 30, faults, addressing: Addressing::Names, ..Site::default() };
    let (origin, _) = start(site).await;
    let mut queue: Vec<url::Url> = origin.graph().seeds().map(|seed| seed.parse().unwrap()).collect();
    let mut found = BTreeMap::new();
    while let Some(mut url) = queue.pop() {
        url.set_fragment(None);
        if found.contains_key(url.as_str()) {
            continue;
        }
        if url.path().starts_with("/private/") {
            found.insert(url.to_string(), Expect::RobotsDenied);
            continue;
        }
        let (expect, body) = observe(&url, &origin).await;
        if let Expect::Redirect(to) = &expect {
            queue.push(to.parse().unwrap());
        }
        // Outside of the lists the references are those of the noise.
        let items = body.iter().flat_map(|body| body.split("<li>").skip(1));
        queue.extend(items.map(|item| {
            let value = item.split_once(['"', '\'']).unwrap().1;
            let value = if item.contains("HREF") { value.split_once('\'').unwrap().1 } else { value };
            let value = if item.contains("rel=") { value.split_once("href='").unwrap().1 } else { value };
            url.join(&value.split(['"', '\'']).next().unwrap().replace("&amp;", "&")).unwrap()
        }));
        found.insert(url.to_string(), expect);
    }
    let truth: BTreeMap<_, _> = origin.graph().truth().collect();
    let kinds = truth.values().map(std::mem::discriminant).collect::<std::collections::HashSet<_>>();
    assert_eq!(kinds.len(), 10, "the site has some of everything");
    assert_eq!(found, truth);
    origin.stop().await;
}
