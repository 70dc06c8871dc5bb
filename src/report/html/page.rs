//! The page as a whole: its frame, its policy, and which sections there are.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::{View, lists, overview, speed, web};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// A part of the page; one without a body is left out.
pub(super) struct Section {
    /// Its name in links.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// A number for the contents, if that says something.
    pub(super) count: Option<u64>,
    pub(super) body: String,
}

/// Writes all of it.
pub(super) fn write(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut sections = vec![
        overview::outcomes(view),
        overview::errors(view),
        speed::latency(view),
        speed::throughput(view),
        web::hosts(view),
        web::depth(view),
        web::types(view),
        lists::broken(view),
        lists::redirects(view),
        lists::extremes(view),
        lists::titles(view),
    ];
    sections.retain(|section| !section.body.is_empty());
    let mut parts = PAGE.split("{{");
    out.write_all(parts.next().unwrap_or_default().as_bytes())?;
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap_or((part, ""));
        fill(name, view, &sections, out)?;
        out.write_all(rest.as_bytes())?;
    }
    Ok(())
}

/// What stands for a name of the frame.
fn fill(name: &str, view: &View<'_>, sections: &[Section], out: &mut dyn Write) -> io::Result<()> {
    match name {
        "policy" => write!(
            out,
            "default-src 'none'; style-src '{}'; script-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
            digest(STYLE),
            digest(SCRIPT)
        ),
        "style" => out.write_all(STYLE.as_bytes()),
        "script" => out.write_all(SCRIPT.as_bytes()),
        "title" => write!(out, "{} - gannet", overview::title(view)),
        "header" => out.write_all(overview::header(view).as_bytes()),
        "version" => out.write_all(env!("CARGO_PKG_VERSION").as_bytes()),
        "made" => write!(out, "{}", overview::moment(view.about.made)),
        "contents" => sections.iter().try_for_each(|section| {
            let count = section.count.map(|count| format!(" <b>{}</b>", super::text::Count(count)));
            let count = count.unwrap_or_default();
            writeln!(out, "<li><a href=\"#{}\">{}{count}</a></li>", section.id, section.title)
        }),
        "sections" => sections.iter().try_for_each(|Section { id, title, body, .. }| {
            writeln!(
                out,
                "<section id=\"{id}\" aria-labelledby=\"{id}-h\">\n<h2 id=\"{id}-h\">{title}</h2>\n{body}</section>"
            )
        }),
        other => Err(io::Error::other(format!("the report has no part `{other}`"))),
    }
}

/// As a policy names an inline style or script (CSP3 §2.3.1).
fn digest(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}
