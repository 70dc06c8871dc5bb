//! README and docs compared with the code: names, exit codes, and every command line that they show.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};

use gannet::fetch::{ErrorKind, Phase, Truncated};
use gannet::outcome::{FIELDS, OutcomeKind, Skip};

const README: &str = include_str!("../../README.md");
const GUIDE: &str = include_str!("../../docs/guide.md");
const OUTPUT: &str = include_str!("../../docs/output.md");
const ERRORS: &str = include_str!("../../docs/errors.md");
const CHANGELOG: &str = include_str!("../../CHANGELOG.md");
const DURABILITY: &str = include_str!("../../docs/durability.md");
const POLITENESS: &str = include_str!("../../docs/politeness.md");
const SECURITY: &str = include_str!("../../docs/security.md");
const ARCHITECTURE: &str = include_str!("../../docs/architecture.md");
const CONFIGURATION: &str = include_str!("../../docs/configuration.md");
const NETWORK: &str = include_str!("../../docs/network.md");
const CI: &str = include_str!("../../docs/ci.md");
const PROSE: [(&str, &str); 12] = [
    ("README", README),
    ("guide", GUIDE),
    ("output", OUTPUT),
    ("errors", ERRORS),
    ("durability", DURABILITY),
    ("politeness", POLITENESS),
    ("security", SECURITY),
    ("architecture", ARCHITECTURE),
    ("changelog", CHANGELOG),
    ("ci", CI),
    ("network", NETWORK),
    ("configuration", CONFIGURATION),
];
const COMMANDS: [&str; 10] =
    ["crawl", "fetch", "robots", "report", "job", "config", "demo", "origin", "completions", "man"];

fn gannet(args: &[impl AsRef<std::ffi::OsStr>]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gannet")).args(args).output().unwrap()
}

fn help(command: &[&str]) -> String {
    let output = gannet(&[command, &["--help"]].concat());
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The text below a heading, up to the next one.
#[track_caller]
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let start = text.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section `{heading}`"));
    let body = &text[start + heading.len() + 5..];
    &body[..body.find("\n## ").unwrap_or(body.len())]
}

/// The cells of all tables in a text, without heads.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines: Vec<_> = text.lines().collect();
    let is_rule = |line: &str| line.starts_with("|-") || line.starts_with("|:");
    let is_head = |n: usize| lines.get(n + 1).is_some_and(|next| is_rule(next));
    let table =
        (0..lines.len()).filter(|n| lines[*n].starts_with('|') && !is_rule(lines[*n]) && !is_head(*n));
    table.map(|n| lines[n].trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// The names in backticks in the first cell of each row.
fn first_cells(text: &str) -> Vec<&str> {
    rows(text).into_iter().map(|row| row[0].trim_matches('`')).collect()
}

/// What stands in backticks, blocks of code left out.
fn code_spans(text: &str) -> Vec<&str> {
    let prose = text.split("\n```").step_by(2);
    prose.flat_map(|part| part.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn every_field_outcome_and_reason_is_documented() {
    assert_eq!(first_cells(section(OUTPUT, "Fields")), FIELDS);
    let outcomes = [
        OutcomeKind::Finished,
        OutcomeKind::Failed,
        OutcomeKind::Fallback,
        OutcomeKind::Skipped,
        OutcomeKind::Cancelled,
    ];
    assert_eq!(first_cells(section(OUTPUT, "Outcomes")), outcomes.map(OutcomeKind::as_str));
    let skips: Vec<_> = Skip::ALL.iter().map(|skip| skip.as_str()).collect();
    assert_eq!(first_cells(section(OUTPUT, "Skipped")), skips);
    let words = [Truncated::Length, Truncated::Time, Truncated::Disconnect]
        .map(|why| serde_json::to_value(why).unwrap().as_str().unwrap().to_owned());
    assert_eq!(first_cells(section(OUTPUT, "Truncated")), words);
}

#[test]
fn every_kind_and_phase_is_documented() {
    let kinds: Vec<_> = ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let phases: Vec<_> = Phase::ALL.iter().map(|phase| phase.as_str()).collect();
    assert_eq!(first_cells(section(ERRORS, "Kinds")), kinds);
    assert_eq!(first_cells(section(ERRORS, "Phases")), phases);
    for row in rows(section(ERRORS, "Kinds")) {
        for phase in row[2].split(", ") {
            assert!(phases.contains(&phase.trim_matches('`')), "`{}` names the phase {phase}", row[0]);
        }
    }
    for row in rows(section(ERRORS, "What a misbehaving server becomes")) {
        let known = kinds.contains(&row[1].trim_matches('`')) && phases.contains(&row[2].trim_matches('`'));
        assert!(known || row[1] == "none: `finished`", "{row:?}");
    }
}

#[test]
fn the_example_records_are_of_the_schema() {
    let mut seen = 0;
    let lines = PROSE.iter().flat_map(|(_, text)| text.lines());
    for record in lines.filter(|line| line.starts_with("{\"") && line.contains("\"outcome\"")) {
        let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(record).unwrap();
        let unknown = fields.keys().find(|name| !FIELDS.contains(&name.as_str()));
        assert_eq!(unknown, None, "{record}");
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
}

#[test]
fn the_exit_codes_are_those_of_the_command() {
    let fetch = help(&["fetch"]);
    let (_, table) = fetch.split_once("Exit codes:\n").unwrap();
    let codes: Vec<(String, String)> = table
        .lines()
        .filter_map(|line| line.trim().split_once(' '))
        .map(|(code, meaning)| (code.to_owned(), meaning.trim().to_owned()))
        .collect();
    assert_eq!(codes.len(), 8, "{codes:?}");
    let rows = rows(section(README, "Exit codes"));
    let documented: Vec<_> = rows.iter().map(|row| (row[0].to_owned(), row[1].replace('`', ""))).collect();
    assert_eq!(documented, codes);
}

/// The long and short flags that `--help` lists for a command.
fn flags(command: &[&str]) -> BTreeSet<String> {
    let help = help(command);
    let heads = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    heads
        .flat_map(|line| line.split([' ', ',', '.', '[']).take(4))
        .filter(|word| word.starts_with('-'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn no_flag_is_mentioned_that_does_not_exist() {
    let mut known = flags(&[]);
    for command in COMMANDS {
        known.extend(flags(&[command]));
    }
    // Flags of cargo, which the README runs.
    known.extend(["--release", "--example", "--features", "--path"].map(str::to_owned));
    assert!(known.len() > 50 && known.contains("--workers") && known.contains("-w"), "{known:?}");
    let mut mentioned = 0;
    for (name, text) in PROSE {
        for span in code_spans(text).into_iter().filter(|span| !span.starts_with("kill ")) {
            for word in span.split_whitespace().filter(|word| word.starts_with('-') && *word != "-") {
                let flag = word.split('=').next().unwrap_or(word);
                assert!(
                    known.contains(flag.trim_end_matches([',', '.', ')'])),
                    "{name} mentions `{word}` in `{span}`"
                );
                mentioned += 1;
            }
        }
    }
    assert!(mentioned > 50, "{mentioned}");
}

/// The commands of the blocks of a text that are for a shell.
fn command_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for block in text.split("\n```").skip(1).step_by(2) {
        let (language, body) = block.split_once('\n').unwrap();
        lines.extend(body.lines().filter_map(|line| match language {
            "console" => line.strip_prefix("$ ").map(str::to_owned),
            // A comment stands behind two spaces.
            "sh" => Some(line.split("  #").next().unwrap_or_default().to_owned()),
            _ => None,
        }));
    }
    lines
}

/// The words of each `gannet` command in a line of shell, as far as the shell of our docs goes: quotes,
/// pipes, `>` and `&&`.
fn invocations(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![vec![String::new()]];
    let mut quote = None;
    for c in line.replace("cargo run --release -- ", "gannet ").chars() {
        let words = commands.last_mut().unwrap();
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('|' | '>' | '&' | ';', None) => commands.push(vec![String::new()]),
            (' ', None) => words.push(String::new()),
            (c, _) => words.last_mut().unwrap().push(c),
        }
    }
    let words = |words: Vec<String>| words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>();
    let ours = |words: Vec<String>| {
        let at = words.iter().position(|word| word == "gannet").filter(|at| *at < 3)?;
        Some(words[at + 1..].to_vec())
    };
    commands.into_iter().map(words).filter_map(ours).collect()
}

#[test]
fn every_command_line_parses() {
    let help = help(&[]);
    let examples = help.lines().filter(|line| line.starts_with("  gannet ")).map(|line| {
        // What the example is good for stands behind two spaces.
        let line = line.trim_start();
        line.split("   ").next().unwrap().to_owned()
    });
    let mut lines: Vec<_> = examples.collect();
    lines.extend(PROSE.iter().flat_map(|(_, text)| command_lines(text)));
    let mut count = BTreeMap::new();
    for line in &lines {
        for mut words in invocations(line) {
            *count.entry(words[0].clone()).or_insert(0) += 1;
            // What stands before it is parsed first; then nothing runs.
            words.push("--help".to_owned());
            let output = gannet(&words);
            assert!(output.status.success(), "`{line}`: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert!(count.get("fetch").is_some_and(|n| *n > 10), "{count:?}");
    assert!(
        ["crawl", "demo", "job", "origin"].iter().all(|command| count.contains_key(*command)),
        "{count:?}"
    );
    let wrong = ["fetch", "u", "--workers", "many", "--help"];
    assert!(!gannet(&wrong).status.success(), "a value is checked before the help is shown");
}

/// The programs of `examples/` run without arguments and without a network.
#[test]
fn the_examples_run() {
    let target = std::path::Path::new(env!("CARGO_BIN_EXE_gannet")).parent().unwrap();
    for (name, expected) in [
        ("gather", "0 http://127.0.0.1:"),
        ("as_completed", " Some(200)"),
        ("try_gather", "connection_lost (1, e.g."),
        ("crawl", " finished, "),
    ] {
        let program = target.join("examples").join(name);
        if !program.exists() {
            eprintln!("skipped: `cargo test` with a `--test` does not build the example `{name}`");
            continue;
        }
        let output = Command::new(program).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains(expected), "{name}: {output:?}");
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{name}.rs"));
        let lines = std::fs::read_to_string(source).unwrap().lines().count();
        assert!(lines < 40, "{name} has {lines} lines");
    }
}

#[test]
fn relative_links_lead_somewhere() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = [
        "README.md",
        "CHANGELOG.md",
        "docs/guide.md",
        "docs/output.md",
        "docs/ci.md",
        "docs/errors.md",
        "docs/politeness.md",
        "docs/security.md",
        "docs/durability.md",
        "docs/architecture.md",
    ];
    let mut links = 0;
    for file in files {
        let path = root.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(to, _)| to);
        for target in targets.filter(|to| !to.contains("://") && !to.contains(' ')) {
            let (to, anchor) = target.split_once('#').unwrap_or((target, ""));
            let to = if to.is_empty() { path.clone() } else { path.parent().unwrap().join(to) };
            assert!(to.exists(), "{file} links to `{target}`");
            let slug = |line: &str| {
                line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-").replace(',', "")
            };
            let anchors = || std::fs::read_to_string(&to).unwrap();
            let known = anchor.is_empty()
                || anchors().lines().any(|line| line.starts_with('#') && slug(line) == anchor);
            assert!(known, "{file} links to `{target}`");
            links += 1;
        }
    }
    assert!(links > 10, "{links}");
}

/// The texts of all Rust files below a directory, by their names without suffix.
fn sources(directory: &std::path::Path, into: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|suffix| suffix == "rs") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            *into.entry(name).or_default() += &std::fs::read_to_string(&path).unwrap();
        }
    }
}

#[test]
fn each_promise_is_held_by_the_tests_that_it_names() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = BTreeMap::new();
    sources(&root.join("src"), &mut texts);
    sources(&root.join("tests/it"), &mut texts);
    let mut named = 0;
    for (file, test) in
        code_spans(section(SECURITY, "Promises")).iter().filter_map(|span| span.split_once("::"))
    {
        let text = texts.get(file).unwrap_or_else(|| panic!("there is no `{file}.rs`"));
        assert!(text.contains(&format!("fn {test}(")), "`{file}.rs` has no `{test}`");
        named += 1;
    }
    assert!(named > 10, "{named}");
}

/// Files that the map of the house names, below `src/` or, in the sections of these, below `src/fetch/` or `src/frontier/`.
#[test]
fn the_files_of_the_architecture_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let words = ARCHITECTURE.split(|c: char| c.is_whitespace() || matches!(c, '`' | ',' | ';' | '(' | ')'));
    let files: BTreeSet<_> =
        words.map(|word| word.trim_end_matches('.')).filter(|w| w.ends_with(".rs")).collect();
    let is_there = |file: &str| {
        ["src", "src/fetch", "src/frontier", "src/frontier/store/disk", "."]
            .iter()
            .any(|at| root.join(at).join(file).exists())
    };
    let missing: Vec<_> = files.iter().filter(|file| !is_there(file)).collect();
    assert!(missing.is_empty() && files.len() > 30, "{missing:?}");
}

#[test]
fn the_limits_of_the_documentation_are_those_of_the_code() {
    use gannet::{extract, frontier, robots, seeds};
    let limits: BTreeMap<_, _> =
        rows(section(SECURITY, "Limits")).into_iter().map(|row| (row[0], row[1])).collect();
    let kib = |bytes: usize| format!("{} KiB", bytes / 1024);
    for (what, parts) in [
        ("a robots.txt", vec![kib(robots::MAX_BYTES), kib(robots::MAX_SITEMAP_BYTES), "1,000".into()]),
        ("a link", vec![kib(extract::MAX_LINK_LEN)]),
        ("the links of a page", vec![format!("{} MiB", extract::MAX_LINK_BYTES >> 20)]),
        ("a sitemap", vec![format!("{} MiB", extract::MAX_SITEMAP_BYTES >> 20), "200,000".into()]),
        ("a title", vec![kib(extract::MAX_TITLE_LEN)]),
        ("a line of a list", vec![kib(seeds::MAX_LINE)]),
        ("Crawl-delay", vec![format!("{} s", frontier::MAX_CRAWL_DELAY.as_secs())]),
        ("`Retry-After`", vec![format!("{} h", frontier::MAX_PARK.as_secs() / 3600)]),
    ] {
        let said = limits.get(what).unwrap_or_else(|| panic!("no limit of `{what}`"));
        parts.iter().for_each(|part| assert!(said.contains(part), "{what}: {part} is not in `{said}`"));
    }
    assert_eq!((robots::MAX_SITEMAPS, extract::MAX_SITEMAP_LINKS), (1000, 200_000));
}

/// The scripts of a workflow: what stands behind `run:`, or in a list below `script:`, on a line or in a block.
fn scripts(workflow: &str) -> Vec<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let (lines, mut scripts) = (workflow.lines().collect::<Vec<_>>(), Vec::new());
    for (at, line) in lines.iter().enumerate() {
        let begins = |prefix| line.trim_start().strip_prefix(prefix);
        let Some(script) = begins("- run: ").or(begins("run: ")).or(begins("- ")) else { continue };
        let body = || lines[at + 1..].iter().take_while(|below| indent(below) > indent(line));
        match script {
            "|" => scripts.push(body().map(|below| format!("{}\n", below.trim())).collect()),
            script => scripts.push(script.to_owned()),
        }
    }
    scripts.retain(|script| script.starts_with("gannet "));
    scripts
}

#[test]
fn the_workflows_run() {
    let web = crate::web::Web::plain();
    let mut ran = 0;
    for block in CI.split("\n```yaml\n").skip(1) {
        let workflow = block.split("\n```").next().unwrap();
        let desk = crate::job::Desk::new();
        std::fs::write(desk.path("urls.txt"), web.list(3)).unwrap();
        for script in scripts(workflow) {
            let script =
                script.replace("http://127.0.0.1:8000/", &web.url("/")).replacen("gannet ", "\"$0\" ", 1);
            let script = format!("cd {} && {script}", desk.name(""));
            crate::gannet::shell(&script, [""; 0]).run().exits(0);
            ran += 1;
        }
        let has = |file: &str| desk.path(file).metadata().is_ok_and(|meta| meta.len() > 0);
        assert!(has("records.jsonl"), "{workflow}");
        for file in ["report.md", "gannet.xml"].iter().filter(|file| workflow.contains(**file)) {
            assert!(has(file), "{file}");
        }
    }
    assert_eq!(ran, 5);
}

/// A parser of YAML is no dependency; Python often has one.
#[test]
fn the_workflows_are_yaml() {
    for block in CI.split("\n```yaml\n").skip(1) {
        let workflow = block.split("\n```").next().unwrap();
        assert!(!workflow.contains('\t'), "{workflow}");
        let script = "import sys; exec('try: import yaml\\nexcept ImportError: sys.exit(77)'); assert yaml.safe_load(sys.argv[1])";
        match Command::new("python3").args(["-c", script, workflow]).output() {
            Ok(output) if output.status.code() == Some(77) => {
                eprintln!("skipped: Python has no module `yaml`")
            }
            Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
            Err(_) => eprintln!("skipped: there is no `python3`"),
        }
    }
}
