//! The rules of RFC 6265 as the jar keeps them, cookie files, and whose credentials win.

use proptest::prelude::*;
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use url::Url;

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// An answer from a URL that sets this.
fn set(jar: &Jar, from: &str, cookies: &[&str]) {
    let value = |text: &&str| (SET_COOKIE, HeaderValue::from_bytes(text.as_bytes()).unwrap());
    jar.take(|| url(from), &cookies.iter().map(value).collect());
}

/// The cookies that a URL is sent.
fn sent(jar: &Jar, to: &str) -> String {
    sent_with(jar, to, &[])
}

fn sent_with(jar: &Jar, to: &str, given: &[&str]) -> String {
    let mut headers = HeaderMap::new();
    for value in given {
        headers.append(COOKIE, HeaderValue::from_str(value).unwrap());
    }
    jar.put(&mut headers, &url(to));
    assert!(headers.get_all(COOKIE).iter().count() <= 1);
    headers
        .get(COOKIE)
        .map_or_else(String::new, |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

#[test]
fn cookies_go_where_they_may() {
    let jar = Jar::default();
    set(
        &jar,
        "https://a.example.org/dir/page",
        &[
            "host=1",
            "site=2; Domain=.Example.org; Path=/",
            "safe=3; Secure; Path=/",
            "deep=4; Path=/dir/deep",
            "hidden=5; HttpOnly; Path=/; SameSite=Strict",
        ],
    );
    for (to, expected) in [
        ("https://a.example.org/dir/deep/x", "deep=4; host=1; site=2; safe=3; hidden=5"),
        ("https://a.example.org/dir", "host=1; site=2; safe=3; hidden=5"),
        ("https://a.example.org/directory", "site=2; safe=3; hidden=5"),
        ("http://a.example.org:81/", "site=2; hidden=5"),
        ("https://b.example.org/dir/", "site=2"),
        ("https://example.org/", "site=2"),
        ("https://badexample.org/", ""),
        ("https://example.com/", ""),
    ] {
        assert_eq!(sent(&jar, to), expected, "{to}");
    }
}

#[test]
fn cookies_that_nobody_may_set_are_refused() {
    for (from, cookie) in [
        ("https://a.co.uk/", "a=1; Domain=co.uk"),
        ("https://me.github.io/", "a=1; Domain=github.io"),
        ("https://a.internal/", "a=1; Domain=internal"),
        ("https://a.org/", "a=1; Domain=b.org"),
        ("https://a.org/", "a=1; Domain=x.a.org"),
        ("https://127.0.0.1/", "a=1; Domain=0.0.1"),
        ("http://a.org/", "a=1; Secure"),
        ("https://a.org/", "__Secure-a=1"),
        ("https://a.org/", "__host-a=1; Secure; Path=/x"),
        ("https://a.org/", "__Host-a=1; Secure; Path=/; Domain=a.org"),
        ("https://a.org/", "no pair"),
        ("https://a.org/", "=1"),
        ("https://a.org/", "a=1\t2"),
        ("https://a.org/", "a=1; Max-Age=0"),
        ("https://a.org/", "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
    ] {
        let jar = Jar::default();
        set(&jar, from, &[cookie]);
        assert_eq!(sent(&jar, &format!("{from}x/y")), "", "{cookie}");
        assert_eq!(jar.to_netscape(true).lines().count(), 2, "{cookie}");
    }
    let jar = Jar::default();
    set(
        &jar,
        "https://a.org/",
        &[&format!("a={}", "x".repeat(4096)), "__Host-b=1; Secure; Path=/", "c=\u{e9}"],
    );
    set(&jar, "https://github.io/", &["own=1; Domain=github.io"]);
    assert_eq!(sent(&jar, "https://a.org/"), "__Host-b=1; c=\u{e9}");
    assert_eq!(sent(&jar, "https://github.io/") + &sent(&jar, "https://x.github.io/"), "own=1");
}

#[test]
fn cookies_are_replaced_and_taken_away() {
    let jar = Jar::default();
    set(&jar, "https://a.org/", &["a=1", "b=1; Secure"]);
    set(&jar, "https://a.org/", &["a=2; Max-Age=99", "c=3; Domain=a.org"]);
    set(&jar, "http://a.org/", &["b=2"]);
    assert_eq!(sent(&jar, "https://a.org/"), "a=2; b=1; c=3");
    set(&jar, "https://a.org/", &["a=; Max-Age=-1", "c=4"]);
    assert_eq!(sent(&jar, "https://a.org/"), "b=1; c=3; c=4");
    assert_eq!(jar.changes(), 6);
}

#[test]
fn what_the_user_gives_comes_first_and_stands() {
    let jar = Jar::default();
    set(&jar, "https://a.org/", &["a=1", "b=2"]);
    assert_eq!(sent_with(&jar, "https://a.org/", &["b=mine; x=y", "z=0"]), "b=mine; x=y; z=0; a=1");
    assert_eq!(sent_with(&jar, "https://b.org/", &["b=mine"]), "b=mine");
    let mut headers = HeaderMap::new();
    jar.put(&mut headers, &url("https://a.org/"));
    assert!(headers[COOKIE].is_sensitive());
    assert!(!format!("{jar:?}").contains("a=1"));
}

#[test]
fn a_jar_is_bounded() {
    let jar = Jar::default();
    for nth in 0..200 {
        set(&jar, "https://a.org/", &[&format!("n{nth}=1; Path=/{nth}/")]);
    }
    assert_eq!(sent(&jar, "https://a.org/0/"), "", "the first went");
    assert_eq!(sent(&jar, "https://a.org/199/"), "n199=1");
    assert_eq!(jar.to_netscape(true).lines().count(), 2 + 180);
    for nth in 0..3200 {
        set(&jar, &format!("https://{nth}.example/"), &["a=1"]);
        // What is used stays.
        assert_eq!(sent(&jar, "https://a.org/199/"), "n199=1");
    }
    assert_eq!(jar.to_netscape(true).lines().count(), 2 + 3000);
    let big = "x".repeat(4000);
    for name in ["big1", "big2", "big3"] {
        set(&jar, "https://big.org/", &[&format!("{name}={big}")]);
    }
    set(&jar, "https://big.org/", &["small=1"]);
    let all = sent(&jar, "https://big.org/");
    assert!(all.len() <= 8192 && all.contains("big2=") && all.ends_with("; small=1"));
}

#[test]
fn hosts_without_cookies_take_no_room() {
    let jar = Jar::default();
    for nth in 0..100 {
        set(&jar, &format!("https://{nth}.example/"), &["never=; Max-Age=0"]);
    }
    set(&jar, "https://a.org/", &["a=1"]);
    set(&jar, "https://a.org/", &["a=; Max-Age=0"]);
    assert_eq!(jar.sites(), 0);
}

#[test]
fn a_cookie_file_is_read_and_written() {
    let jar = Jar::default();
    let text = "# Netscape HTTP Cookie File\r\n\r\n\
        .example.org\tTRUE\t/\tTRUE\t4102444800\tsite\tv\n\
        #HttpOnly_a.example.org\tFALSE\t/dir\tFALSE\t0\thost\t\n\
        a.example.org\tFALSE\t/\tFALSE\t0\tbare\n\
        a.example.org\tFALSE\t/\tFALSE\t946684800\told\tgone\n\
        .co.uk\tTRUE\t/\tFALSE\t0\tsuffix\tno\n\
        127.0.0.1\tFALSE\t/\tFALSE\t0\tip\t=\"a b\"\n";
    jar.load(text).unwrap();
    assert_eq!(sent(&jar, "https://a.example.org/dir/"), "host=; site=v; bare=");
    assert_eq!(sent(&jar, "http://127.0.0.1:8080/"), "ip==\"a b\"");
    let lasting = "# Netscape HTTP Cookie File\n\n.example.org\tTRUE\t/\tTRUE\t4102444800\tsite\tv\n";
    assert_eq!(jar.to_netscape(false), lasting);
    let all = jar.to_netscape(true);
    let again = Jar::default();
    again.load(&all).unwrap();
    assert_eq!(again.to_netscape(true), all);
    // The host `co.uk` itself may well have a cookie.
    assert_eq!(all.lines().count(), 2 + 5);
}

#[test]
fn a_line_that_is_no_cookie_is_named_and_not_shown() {
    for line in [
        "hush",
        "a.org\tFALSE\t/\tFALSE\thush\ta\tb",
        "a.org\tmaybe\t/\tFALSE\t0\ta\thush",
        "a.org\tFALSE\t/\tFALSE\t0\ta\thush\tmore",
        "\tFALSE\t/\tFALSE\t0\ta\thush",
        "a b\tFALSE\t/\tFALSE\t0\ta\thush",
    ] {
        assert_eq!(Jar::default().load(&format!("# x\n{line}\n")), Err("line 2 is no cookie".to_owned()));
    }
}

/// The value of `Authorization` that a request gets.
fn authorization(session: &Session, to: &str, foreign: bool, given: Option<&str>) -> Option<String> {
    let mut headers = HeaderMap::new();
    headers.extend(given.map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap())));
    let url = url(to);
    session.put_headers(&mut headers, &url);
    let user = (!url.username().is_empty()).then(|| HeaderValue::from_static("Basic of-the-url"));
    let asking = Asking { url: &url, method: "GET", body: None, foreign };
    session.put_secrets(&mut headers, asking, user);
    headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned())
}

#[test]
fn what_stands_nearest_to_a_request_wins() {
    let bearer = |token: &str| Some(Credentials::bearer(token).unwrap());
    let netrc =
        "machine a.org password 1\nmachine b.org password 1\nmachine c.org password 1\ndefault password 2";
    let options = SessionOptions {
        credentials: bearer("all"),
        netrc: Some(Arc::new(Netrc::parse(netrc, Scheme::Basic).unwrap())),
        ..SessionOptions::default()
    };
    let mut hosts = HostTable::default();
    let of = |credentials| HostOptions { credentials, ..HostOptions::default() };
    hosts.insert("a.org", of(bearer("host"))).unwrap();
    let mut named = HostOptions::default();
    named.headers.insert(AUTHORIZATION, HeaderValue::from_static("named"));
    hosts.insert("d.org:81", named).unwrap();
    let session = Session::new(&options, &hosts).unwrap();
    for (to, foreign, given, expected) in [
        ("http://u@a.org/", false, Some("given"), Some("given")),
        ("http://u@a.org/", false, None, Some("Basic of-the-url")),
        ("http://a.org/", false, None, Some("Bearer host")),
        ("http://a.org/", true, None, Some("Bearer host")),
        ("http://b.org/", false, None, Some("Bearer all")),
        ("http://b.org/", true, None, Some("Basic OjE=")),
        ("http://x.org/", false, None, Some("Bearer all")),
        ("http://x.org/", true, None, None),
        ("http://d.org:81/", true, Some("given"), Some("named")),
        ("http://d.org/", true, None, None),
    ] {
        assert_eq!(authorization(&session, to, foreign, given).as_deref(), expected, "{to} {foreign}");
    }
    let netrc_alone = SessionOptions { credentials: None, ..options };
    let session = Session::new(&netrc_alone, &HostTable::default()).unwrap();
    assert_eq!(authorization(&session, "http://b.org/", false, None).as_deref(), Some("Basic OjE="));
    assert_eq!(authorization(&session, "http://x.org/", false, None).as_deref(), Some("Basic OjI="));
    assert_eq!(authorization(&session, "http://x.org/", true, None), None);
    assert!(Session::new(&SessionOptions::default(), &HostTable::default()).is_none());
}

#[test]
fn options_print_no_secret() {
    let mut host = HostOptions::default();
    host.headers.insert(HeaderName::from_static("x-key"), HeaderValue::from_static("hush"));
    host.credentials = Some(Credentials::bearer("hush").unwrap());
    let options = SessionOptions { credentials: host.credentials.clone(), ..SessionOptions::default() };
    let shown = format!("{host:?} {options:?}");
    assert!(!shown.contains("hush") && shown.contains("x-key"), "{shown}");
}

proptest! {
    /// Whatever a server sets, no host of another registrable domain is sent it.
    #[test]
    fn no_cookie_leaves_its_registrable_domain(
        from in 0..HOSTS.len(),
        to in 0..HOSTS.len(),
        domain in prop::option::of(prop_oneof![
            (0..HOSTS.len()).prop_map(|nth| HOSTS[nth].0.to_owned()),
            "[.]?(a|b|co|uk|com|github|io|[.]){1,5}",
        ]),
        rest in "(; (Path=/|Secure|HttpOnly|Max-Age=9|SameSite=None|[ -~]{0,9})){0,4}",
    ) {
        let jar = Jar::default();
        let domain = domain.map_or_else(String::new, |domain| format!("; Domain={domain}"));
        set(&jar, &format!("https://{}/", HOSTS[from].0), &[&format!("a=1{domain}{rest}")]);
        let sent = sent(&jar, &format!("https://{}/", HOSTS[to].0));
        prop_assert!(sent.is_empty() || HOSTS[from].1 == HOSTS[to].1, "{domain}{rest}");
    }

    #[test]
    fn no_file_makes_it_panic(text in "[#a-z.\t0-9 \"\\\\\n-]{0,80}") {
        let jar = Jar::default();
        let _ = jar.load(&text);
        let again = Jar::default();
        prop_assert!(again.load(&jar.to_netscape(true)).is_ok());
        let _ = Netrc::parse(&text, Scheme::Digest);
    }

    #[test]
    fn no_challenge_makes_it_panic(text in "(Digest |Basic |realm=|nonce=|qop=|auth|\"|,|=| |[ -~\t]){0,20}") {
        let headers = HeaderMap::from_iter([(
            reqwest::header::WWW_AUTHENTICATE,
            HeaderValue::from_str(&format!("Digest {text}")).unwrap(),
        )]);
        let all = Challenges::default();
        let url = url("http://h/");
        all.take(&url, &headers, false);
        let asking = Asking { url: &url, method: "GET", body: None, foreign: false };
        let login = credentials::Login { name: "a".to_owned(), password: "b".to_owned() };
        let _ = all.answer(asking, &login);
    }
}

/// Hosts, and who owns each.
const HOSTS: [(&str, &str); 10] = [
    ("a.com", "a.com"),
    ("x.a.com", "a.com"),
    ("b.com", "b.com"),
    ("ba.com", "ba.com"),
    ("a.co.uk", "a.co.uk"),
    ("b.co.uk", "b.co.uk"),
    ("a.github.io", "a.github.io"),
    ("b.github.io", "b.github.io"),
    ("10.0.0.1", "10.0.0.1"),
    ("[::1]", "[::1]"),
];
