//! The main content of a page, found by the crate `dom_smoothie`, which does as Mozilla's Readability does.
//!
//! One tree serves for text and Markdown. `load` has judged the page before; the depth of the tree is counted once more,
//! since what is rendered by recursion must fit the stack of any thread.

use dom_smoothie::{Config, Readability, TextMode};
use url::Url;

use super::{Wanted, load};

/// The deepest tree that is read: tables and misnested formatting have more levels than tags.
const MAX_TREE: usize = 2 * load::MAX_DEPTH;
/// The most that is kept of a text, bytes: markup that repeats itself line by line makes Markdown longer than the page.
const MAX_OUTPUT: usize = 2 * load::MAX_BYTES;

/// Text and Markdown of a page, as far as wanted and there. A page that is too much for it has none.
pub(super) fn read(html: &str, url: &Url, wanted: Wanted) -> (Option<String>, Option<String>) {
    let nothing = (None, None);
    let url = shown(url);
    if !load::is_bearable(html.as_bytes(), url.len()) {
        return nothing;
    }
    // JSON-LD is read for metadata that nobody asked this crate for.
    let config = Config { disable_json_ld: true, text_mode: TextMode::Formatted, ..Config::default() };
    let Ok(mut page) = Readability::new(html, Some(&url), Some(config)) else { return nothing };
    if depth(&page) > MAX_TREE {
        return nothing;
    }
    let Ok(article) = page.parse() else { return nothing };
    let text = wanted.text.then(|| kept(&article.text_content)).flatten();
    let markdown = wanted.markdown.then(|| {
        // The name that Readability gives to what it found.
        let found = page.doc.select_single("#readability-page-1");
        found.nodes().first().and_then(|node| kept(&node.md(None)))
    });
    (text, markdown.flatten())
}

/// Without the white space around it; nothing if there is nothing else, or too much.
fn kept(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text.len() <= MAX_OUTPUT).then(|| text.to_owned())
}

/// What links are made absolute with: they would show the password of the page.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Where there can be none there is none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

/// The levels of the tree.
fn depth(page: &Readability) -> usize {
    let (mut node, mut depth, mut most) = (page.doc.root(), 0_usize, 0);
    loop {
        if let Some(child) = node.first_child() {
            (node, depth) = (child, depth + 1);
            most = most.max(depth);
            continue;
        }
        loop {
            if let Some(next) = node.next_sibling() {
                node = next;
                break;
            }
            let Some(parent) = node.parent() else { return most };
            (node, depth) = (parent, depth.saturating_sub(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Wanted = Wanted { text: true, markdown: true, meta: false };

    fn read_all(html: &str) -> (Option<String>, Option<String>) {
        read(html, &Url::parse("http://user:secret@h/dir/page").unwrap(), ALL)
    }

    #[test]
    fn the_article_is_found_among_menus() {
        let words =
            "The gannet dives from a height of thirty metres, and folds its wings, as it meets the water. ";
        let html = format!(
            "<html><body><nav class=menu><a href=/a>Home</a><a href=/b>About</a></nav>\
             <article><h2>Diving &amp; fishing</h2><p>{0}</p><p>See <a href=\"other\">the other</a> page. {0}</p></article>\
             <footer class=footer>Imprint</footer><script>alert(1)</script></body></html>",
            words.repeat(5)
        );
        let (text, markdown) = read_all(&html);
        let (text, markdown) = (text.unwrap(), markdown.unwrap());
        assert!(text.starts_with("Diving & fishing\n\nThe gannet"), "{text}");
        assert!(markdown.starts_with("## Diving & fishing\n\nThe gannet"), "{markdown}");
        assert!(markdown.contains("[the other](http://h/dir/other)"), "{markdown}");
        for other in ["Home", "Imprint", "alert", "secret"] {
            assert!(!text.contains(other) && !markdown.contains(other), "{other}: {markdown}");
        }
    }

    #[test]
    fn a_page_without_text_has_none() {
        for html in ["", "<p>", "<img src=x>", "plain\0", "<frameset><frame src=x></frameset>"] {
            let (text, _) = read_all(html);
            assert!(text.is_none_or(|text| text.starts_with("plain")), "{html}");
        }
    }

    /// At the limits of `load`, on a thread with the stack that the runtime gives: nothing overflows.
    #[test]
    fn deep_pages_fit_the_stack() {
        let many = load::MAX_DEPTH - 4;
        for html in [
            "<div>x, y".repeat(many),
            format!("<p>{}", "<b>x, y".repeat(many)),
            "<ul><li>x, y".repeat(many / 2),
            "<table><tr><td>x, y".repeat(many / 3),
            "<blockquote>x, y".repeat(many),
            format!("{}<div>x, y{}", "<i>".repeat(50), "</i>".repeat(50)),
        ] {
            let two_mib = std::thread::Builder::new().stack_size(2 << 20);
            let (text, markdown) = two_mib.spawn(move || read_all(&html)).unwrap().join().unwrap();
            assert!(text.is_some() && markdown.is_some());
        }
    }

    #[test]
    fn hostile_pages_cost_little() {
        let started = std::time::Instant::now();
        for html in [
            "<div>".repeat(100_000),
            "<a<a<a".repeat(10 << 20),
            "<a<a<a".repeat(100_000),
            format!("<p {}>x", "a ".repeat(100_000)),
            format!("<table>{}", "<tr><td>x".repeat(1_000_000)),
        ] {
            read_all(&html);
        }
        assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn no_page_panics(parts in proptest::collection::vec(proptest::sample::select(vec![
            "<p>", "</p>", "<div class=article>", "</div>", "<b>", "</b>", "<table>", "<tr>", "<td>", "</table>", "<ul>", "<li>", "</ul>",
            "text, and more text. ", "<a href='x'>", "</a>", "<br>", "<br><br>", "<h1>", "</h1>", "<svg>", "<math>", "</svg>", "<template>",
            "<noscript>", "<img src=x.jpg>", "<!--", "-->", "<pre>", "`", "</pre>", "<select>", "<option>", "<body>", "<html>", "<title>", "|", "\n",
            "<form>", "<font>", "<base href=y>", "<iframe>", "<img srcset='a 1x, b 2x'>", "\u{e9}", "&amp;", "<article>", "<section>",
        ]), 0..200)) {
            read_all(&parts.concat());
        }
    }
}
