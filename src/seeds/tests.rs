//! Lists as people write them, and arguments that are sorted out.

use super::*;

fn read(list: &[u8]) -> Vec<Seed> {
    let (tx, mut rx) = mpsc::channel(1024);
    Source::Reader(Box::new(io::Cursor::new(list.to_vec())))
        .produce(3, 0, &tx, &CancellationToken::new())
        .unwrap();
    drop(tx);
    std::iter::from_fn(|| rx.blocking_recv()).flatten().collect()
}

#[test]
fn lists_as_people_write_them() {
    let seeds = read(b"\xef\xbb\xbfhttp://h/1\r\n# comment\n\n  http://h/2  \nexample.org/x\n\xff\xfe\nftp://h/\nhttp://h/a b");
    let urls: Vec<_> = seeds.iter().map(|s| s.url.as_ref().map(CrawlUrl::as_str)).collect();
    assert_eq!(urls[0], Ok("http://h/1"));
    assert_eq!(urls[1], Ok("http://h/2"));
    assert_eq!(urls[2], Ok("https://example.org/x"));
    assert_eq!(urls[3], Err(&UrlError::Invalid("not UTF-8 at byte 0".into())));
    assert_eq!(urls[4], Err(&UrlError::Scheme("ftp".into())));
    assert_eq!(urls[5], Ok("http://h/a%20b"));
    assert_eq!(seeds[1].position, Position { source: 3, line: 3 });
}

#[test]
fn a_long_line_is_one_bad_seed() {
    let mut list = b"http://h/1\n".to_vec();
    list.extend(std::iter::repeat_n(b'x', 1 << 20));
    list.extend(b"\nhttp://h/2");
    let seeds = read(&list);
    assert_eq!(seeds.len(), 3);
    assert!(
        matches!(&seeds[1].url, Err(UrlError::Invalid(why)) if why.contains("1048577 bytes")),
        "{:?}",
        seeds[1]
    );
    assert!(seeds[1].text.len() < 600);
    assert!(seeds[2].url.is_ok());
}

#[test]
fn nothing_is_shown_of_an_object_that_cannot_be_read() {
    let long = format!(" {{\"headers\":{{\"Cookie\":\"hunter2{}", "x".repeat(MAX_LINE));
    for line in [long.as_bytes(), b"{\"json\":\"hunter2\xff"] {
        let seed = Seed::read(line, Position::NONE).unwrap();
        assert!(seed.url.is_err() && !format!("{seed:?}").contains("hunter2"), "{seed:?}");
    }
}

#[test]
fn a_seed_can_be_kept() {
    let seeds =
        read("http://h/ä\nftp://h/\nhttp://\n\"\u{1}\n{\"url\":\"http://h/\",\"tag\":\"t\"}\n{".as_bytes());
    assert_eq!(seeds.len(), 6);
    for seed in seeds {
        let again = Seed::from_bytes(&seed.to_bytes()).unwrap();
        assert_eq!((again.position, again.text, again.url), (seed.position, seed.text, seed.url));
        assert_eq!(again.options, seed.options);
    }
    assert!(Seed::from_bytes(b"{}").is_none());
}

#[test]
fn gzip_by_its_magic() {
    use std::io::Write as _;
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(b"http://h/1\nhttp://h/2\n").unwrap();
    assert_eq!(read(&gz.finish().unwrap()).len(), 2);
}

#[test]
fn schemes_and_hosts() {
    for (text, url) in [
        ("localhost:8080/a", "http://localhost:8080/a"),
        ("127.0.0.1", "http://127.0.0.1/"),
        ("[::1]:99/", "http://[::1]:99/"),
        ("example.org:8443", "https://example.org:8443/"),
        ("example.org/?a:b", "https://example.org/?a:b"),
        ("HTTP:example.org/", "http://example.org/"),
    ] {
        assert_eq!(parse(text).unwrap().as_str(), url, "{text}");
    }
    assert_eq!(parse("javascript:void(0)"), Err(UrlError::Scheme("javascript".into())));
    assert_eq!(parse("mailto:a@b.org"), Err(UrlError::Scheme("mailto".into())));
}

#[test]
fn arguments() {
    let sources = Source::from_args(&["http://a/", "b.org", "-", "http://c/"]).unwrap();
    let names: Vec<_> = sources.iter().map(Source::to_string).collect();
    assert_eq!(names, ["2 seeds given", "stdin", "1 seeds given"]);
    let error = |arg: &str| Source::from_args(&[arg]).err().unwrap().to_string();
    assert!(error("missing-file").contains("not a file"), "{}", error("missing-file"));
    for name in ["urls.txt", "./urls", "../lists/urls.txt", "urls.csv.gz", ""] {
        assert!(error(name).contains("no such file"), "{name}");
    }
    assert!(error("/").contains("is a directory"));
    assert!(Source::from_args(&["-", "-"]).is_err());
}
