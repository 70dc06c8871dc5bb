//! Where third-party test data is, which is not part of the package.
//!
//! `GANNET_TEST_DATA` names the directory; without it, `../shared/data` beside the package. A test whose
//! data is not there prints `skipped: …` and passes.

use std::path::PathBuf;

/// The file at `path` within the test data, or `None` (and a word about it) if it is not there.
pub(crate) fn read(path: &str) -> Option<String> {
    let root = match std::env::var_os("GANNET_TEST_DATA") {
        Some(root) => PathBuf::from(root),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    };
    let text = std::fs::read_to_string(root.join(path)).ok();
    if text.is_none() {
        println!("skipped: no test data `{path}`");
    }
    text
}
