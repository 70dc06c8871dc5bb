//! What [`Rules`] promises, line by line of RFC 9309; the parts test themselves.

use super::*;
use proptest::prelude::*;

fn rules(text: &str) -> Rules {
    Rules::parse(text.as_bytes(), "gannet")
}

#[test]
fn no_rules_all_rules() {
    assert!(Rules::allow_all().allows("/x"));
    assert!(!Rules::disallow_all().allows("/x"));
    assert!(!Rules::disallow_all().allows(""));
    assert!(Rules::disallow_all().allows("/robots.txt"));
    assert_eq!(Rules::disallow_all().verdict("/x"), Verdict { allowed: false, rule: None });
}

#[test]
fn longest_match_wins_and_allow_wins_ties() {
    let r = rules(
        "User-agent: *\nDisallow: /\nAllow: /p\nDisallow: /p/secret\nAllow: /p/secre*\nAllow: /q\nDisallow: /q\n",
    );
    assert!(!r.allows("/x"));
    assert!(r.allows("/p/a"));
    assert!(r.allows("/p/secret"), "11 octets on both sides");
    assert!(r.allows("/q"));
}

#[test]
fn a_verdict_names_the_line() {
    let r = rules("# hello\r\nUser-agent: *\r\nDisallow: /ä\r\nDisallow: /ä\r\n");
    let rule = r.verdict("/%C3%A4").rule.unwrap();
    assert_eq!((rule.line, rule.allow, rule.pattern), (3, false, "/%C3%A4"));
    assert_eq!(rule.to_string(), "line 3: Disallow: /%C3%A4");
    assert_eq!(r.verdict("/b"), Verdict { allowed: true, rule: None });
}

#[test]
fn the_named_group_replaces_the_one_for_all() {
    let text = "User-agent: *\nDisallow: /a\nUser-agent: GANNET/2.0 (fast)\nDisallow: /b\n";
    assert!(rules(text).allows("/a"));
    assert!(!rules(text).allows("/b"));
    assert!(!Rules::parse(text.as_bytes(), "other").allows("/a"));
    assert!(Rules::parse(text.as_bytes(), "gann").allows("/b"), "a product token is matched in full");
    assert!(rules("User-agent: *\nDisallow: /\n\nUser-agent: gannet\n").allows("/"), "even if it is empty");
}

#[test]
fn repeated_groups_are_merged() {
    let r = rules(
        "User-agent: gannet\nDisallow: /a\nUser-agent: x\nDisallow: /c\nUser-agent: gannet\nDisallow: /b\n",
    );
    assert!(!r.allows("/a") && !r.allows("/b") && r.allows("/c"));
}

#[test]
fn agents_share_a_group_whatever_stands_between() {
    let r =
        rules("User-agent: gannet\n\nSitemap: /s\nCrawl-delay: 2\nFoo: bar\nUser-agent: x\nDisallow: /\n");
    assert!(!r.allows("/a"));
}

#[test]
fn rules_before_any_agent_are_nobodys() {
    let r = rules("Disallow: /\nCrawl-delay: 3\nUser-agent: *\nDisallow: /a\n");
    assert!(r.allows("/b") && !r.allows("/a"));
    assert_eq!(r.crawl_delay(), None);
}

#[test]
fn an_empty_token_is_everyone() {
    let text = "User-agent: 008\nDisallow: /a\nUser-agent: *\nDisallow: /b\n";
    for token in ["", "*", " "] {
        let r = Rules::parse(text.as_bytes(), token);
        assert!(r.allows("/a") && !r.allows("/b"), "`{token}`");
    }
    assert!(!Rules::parse(text.as_bytes(), "008").allows("/a"));
}

#[test]
fn crawl_delay_of_the_group() {
    let text =
        "User-agent: *\nCrawl-delay: 1.5\nCrawl-delay: 1\nDisallow:\nUser-agent: gannet\nCrawl-delay: x\n";
    assert_eq!(Rules::parse(text.as_bytes(), "y").crawl_delay(), Some(Duration::from_millis(1500)));
    assert_eq!(rules(text).crawl_delay(), None);
}

#[test]
fn sitemaps_are_global() {
    let r = rules("Sitemap: https://h/1\nUser-agent: x\nSITEMAP:https://h/2 # two\nsitemap:\nDisallow: /\n");
    assert_eq!(r.sitemaps(), ["https://h/1", "https://h/2"]);
}

#[test]
fn odd_files() {
    assert!(!rules("\u{feff}User-agent: *\nDisallow: /a").allows("/a"));
    assert!(!rules("User-agent: *\rDisallow: /a\r").allows("/a"));
    assert!(!rules("\0User-agent: *\n\0\0Disallow: /a\0\n").allows("/a"));
    assert!(!Rules::parse(b"User-agent: *\nDisallow: /\xff\xfe\n", "x").allows("/%ff%FE/"));
    assert!(
        rules("<!DOCTYPE html>\n<p>User-agent: *</p>\n<p>Disallow: /</p>\n<a href='x'>allow it</a>")
            .allows("/")
    );
    let long = format!("User-agent: *\nDisallow: /{}\nDisallow: /b", "a".repeat(20_000));
    assert!(!rules(&long).allows("/b"));
    assert!(!rules(&long).allows(&format!("/{}", "a".repeat(17_000))));
}

#[test]
fn utf16_is_read_as_it_was_meant() {
    let file = "User-agent: *\r\nDisallow: /\u{10a}\r\nAllow: /ä\r\nDisallow: /ä/x\r\n";
    for mark in ["\u{feff}", ""] {
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let body: Vec<u8> = format!("{mark}{file}").encode_utf16().flat_map(bytes).collect();
            let r = Rules::parse(&body, "x");
            assert!(
                r.allows("/ä") && !r.allows("/%C4%8A") && !r.allows("/ä/x") && r.allows("/b"),
                "{mark:?}"
            );
        }
    }
}

#[test]
fn a_line_of_ten_megabytes() {
    let long = "a".repeat(10_000_000);
    for file in [
        format!("User-agent: *\nDisallow: /b\n# {long}"),
        format!("User-agent: *\nDisallow: /b\nDisallow: /{long}\nAllow: /b"),
        format!("User-agent: *\nDisallow: /b\nAllow: /b{}", "*".repeat(10_000_000)),
    ] {
        assert!(!rules(&file).allows("/b"), "{}", &file[..60]);
    }
    assert!(rules(&format!("User-agent: {long}\nDisallow: /")).allows("/"));
    assert!(rules(&long).allows("/"));
}

/// Each would take minutes if it were not linear.
#[test]
fn hostile_files_and_patterns_cost_no_more_than_their_length() {
    let path = format!("/{}", "a".repeat(4095));
    for piece in ["*a", "*aa", "*a*", "**", "*?", "*ab"] {
        let pattern = piece.repeat(2000);
        for end in ["", "b", "$", "b$", "*b"] {
            let r = rules(&format!("User-agent: *\nDisallow: /{pattern}{end}\n"));
            let blank = pattern.bytes().all(|b| b == b'*') && matches!(end, "" | "$");
            let fits = piece.starts_with("*a") && !piece.ends_with('b') && matches!(end, "" | "$");
            assert_eq!(r.allows(&path), !(blank || fits), "`{piece}` 2,000 times, then `{end}`");
        }
    }
    let groups = "User-agent: *\nDisallow: /*a*b\n".repeat(2000);
    assert!(rules(&groups).allows(&path) && !rules(&groups).allows("/ab"));
    let agents = format!("{}Disallow: /x\n", "User-agent: *\n".repeat(30_000));
    assert!(!rules(&agents).allows("/x"));
}

#[test]
fn sitemaps_are_bounded() {
    let many: String = (0..3 * MAX_SITEMAPS).map(|n| format!("Sitemap: /{n}\n")).collect();
    assert_eq!(rules(&many).sitemaps().len(), MAX_SITEMAPS);
    assert_eq!(rules(&many).sitemaps()[MAX_SITEMAPS - 1], format!("/{}", MAX_SITEMAPS - 1));
    let long = format!("Sitemap: /{}\n", "x".repeat(10_000)).repeat(40) + "Sitemap: /short\n";
    let r = rules(&long);
    assert!(r.sitemaps().iter().map(String::len).sum::<usize>() <= MAX_SITEMAP_BYTES);
    assert_eq!(r.sitemaps().last().unwrap(), "/short", "one that is too long does not keep others out");
}

#[test]
fn html_served_as_robots_txt_says_nothing() {
    let page = "<!DOCTYPE html><html><head>\n<title>Not found: /robots.txt</title>\n\
        <style>a:hover { color: red }</style>\n<script>allow: for (;;) {}</script></head>\n\
        <body>\n<p>User-agent: *</p>\nDisallow everything\n<a href=\"/\">Sitemap</a>\n</body></html>";
    let r = rules(page);
    assert!(r.is_empty() && r.sitemaps().is_empty() && r.allows("/"));
}

#[test]
fn the_file_belongs_to_scheme_host_and_port() {
    let of = |url: &str| url_of(CrawlUrl::parse(url).unwrap().host_key().as_str()).unwrap().to_string();
    assert_eq!(of("https://me:secret@h:8443/a?b"), "https://h:8443/robots.txt");
    assert_eq!(of("http://[::1]/"), "http://[::1]/robots.txt");
    assert_eq!(url_of("h"), None);
}

#[test]
fn a_path_without_slash_gets_one() {
    let r = rules("User-agent: *\nDisallow: /$\nDisallow: /?q\n");
    assert!(!r.allows("") && !r.allows("/") && !r.allows("?q=1") && r.allows("a"));
}

#[test]
fn rules_cross_threads() {
    fn shared<T: Send + Sync + 'static>(_: T) {}
    shared(Rules::allow_all());
}

/// All that rules say, line numbers aside.
fn said(rules: &Rules) -> (Vec<(bool, &str)>, Option<Duration>, &[String]) {
    let entries = rules.group.entries.iter().map(|e| (e.allow, pattern(&rules.group.text, *e))).collect();
    (entries, rules.crawl_delay(), rules.sitemaps())
}

#[test]
fn written_rules_read_back() {
    for text in [
        "",
        "User-agent: *\nAllow: /a/index.html\nAllow: /b/%69ndex.html\nDisallow: /index.html\n",
        "User-agent: *\nDisallow: /%23%24%2a$\nDisallow: *$\nAllow: $\nDisallow: /ä b'\n",
        "User-agent: *\nCrawl-delay: 0.1\nSitemap: https://h/ä\nSitemap: /x y\n",
    ] {
        let before = rules(text);
        let after = rules(&before.to_text().unwrap());
        assert_eq!(said(&before), said(&after), "{text}");
    }
    assert!(!rules(&Rules::disallow_all().to_text().unwrap()).allows("/x"));
    let long = format!("User-agent: *\nDisallow: /{}", "ä".repeat(8000));
    assert_eq!(rules(&long).to_text(), None, "its line would be cut");
}

proptest! {
    #[test]
    fn any_rules_read_back(
        lines in prop::collection::vec(("(allow|disallow|crawl-delay|sitemap)", "[*$a-b/%0-9.é' -]{0,12}", "(/index\\.html?|/%69ndex.htm)?[$]?"), 0..20),
    ) {
        let lines = lines.iter().map(|(key, value, end)| format!("{key}: {value}{end}\n"));
        let before = rules(&format!("User-agent: *\n{}", lines.collect::<String>()));
        let text = before.to_text().unwrap();
        let after = Rules::parse(text.as_bytes(), "whoever");
        prop_assert_eq!(said(&before), said(&after), "{}", text);
    }

    #[test]
    fn any_bytes_parse(body in prop::collection::vec(any::<u8>(), 0..600), token in "\\PC{0,8}", path in "\\PC{0,60}") {
        let rules = Rules::parse(&body, &token);
        let verdict = rules.verdict(&path);
        prop_assert_eq!(verdict.allowed, rules.allows(&path));
    }

    #[test]
    fn any_lines_parse(
        lines in prop::collection::vec(("(user-agent|allow|disallow|crawl-delay|sitemap)?", "[ :#]{0,2}", "[*$a-b/%0-9.\\x00é-]{0,12}"), 0..20),
        path in "/[ab/%$*0-9]{0,20}",
    ) {
        let text: String = lines.iter().map(|(k, s, v)| format!("{k}{s}{v}\n")).collect();
        let rules = Rules::parse(text.as_bytes(), "a");
        if let Some(rule) = rules.verdict(&path).rule {
            prop_assert!(rule.line as usize <= lines.len() && rule.line > 0);
            prop_assert_eq!(rule.allow, rules.allows(&path));
        }
        prop_assert!(rules.crawl_delay().is_none_or(|d| d <= MAX_CRAWL_DELAY));
    }

    #[test]
    fn the_order_of_rules_does_not_matter(mut patterns in prop::collection::vec((any::<bool>(), "/[ab*]{0,4}[$]?"), 1..8), path in "/[ab]{0,6}") {
        let file = |patterns: &[(bool, String)]| {
            let lines = patterns.iter().map(|(allow, p)| format!("{}: {p}\n", if *allow { "Allow" } else { "Disallow" }));
            Rules::parse(format!("User-agent: *\n{}", lines.collect::<String>()).as_bytes(), "x")
        };
        let forwards = file(&patterns).allows(&path);
        patterns.reverse();
        prop_assert_eq!(forwards, file(&patterns).allows(&path));
    }
}
