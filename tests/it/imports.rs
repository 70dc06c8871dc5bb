//! Modules import one way (docs/architecture.md): this table is the rule.

use std::fs;
use std::path::{Path, PathBuf};

/// A module, and what it may import of this crate beside itself.
const MAY: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("url", &[]),
    ("scope", &["url"]),
    ("robots", &["url"]),
    ("extract", &["url"]),
    ("content", &["url", "extract"]),
    ("fetch", &["url", "error"]),
    ("frontier", &["url", "scope", "robots", "extract", "fetch", "error"]),
    ("outcome", &["url", "scope", "robots", "extract", "content", "fetch", "frontier", "error"]),
    ("seeds", &["url", "fetch", "frontier", "outcome", "error"]),
    ("sink", &["url", "extract", "content", "fetch", "frontier", "outcome", "error"]),
    ("batch", &["url", "fetch", "frontier", "outcome", "error"]),
    ("recrawl", &["url", "outcome"]),
    ("report", &["url", "outcome", "sink", "error"]),
    ("job", &["url", "fetch", "frontier", "outcome", "sink", "error"]),
    (
        "crawl",
        &[
            "url", "scope", "robots", "extract", "content", "fetch", "frontier", "outcome", "seeds", "job",
            "recrawl", "error",
        ],
    ),
    ("origin", &["url"]),
];

fn sources(module: &str) -> Vec<PathBuf> {
    fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else {
                files.push(path);
            }
        }
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![src.join(format!("{module}.rs"))];
    if src.join(module).is_dir() {
        walk(&src.join(module), &mut files);
    }
    files.retain(|file| file.is_file());
    files
}

/// The modules that a source names as `crate::module`, comments aside.
fn imports(source: &str) -> Vec<String> {
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let names = code.flat_map(|line| line.split("crate::").skip(1));
    names.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect()
}

#[test]
fn modules_import_one_way() {
    let known: Vec<&str> = MAY.iter().map(|(module, _)| *module).collect();
    for (module, may) in MAY {
        let files = sources(module);
        assert!(!files.is_empty(), "no module `{module}`");
        for file in files {
            for import in imports(&fs::read_to_string(&file).unwrap()) {
                let fine =
                    import == *module || may.contains(&import.as_str()) || !known.contains(&import.as_str());
                assert!(fine, "{} imports `{import}`, which `{module}` may not", file.display());
            }
        }
    }
}

#[test]
fn every_module_is_in_the_table() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let modules = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    for module in modules {
        assert!(MAY.iter().any(|(known, _)| *known == module), "`{module}` is not in the table");
    }
}
