//! Finds the third-party test data, which is not part of the project.

use std::path::PathBuf;

/// A file of the test data: below `GANNET_TEST_DATA`, else below `../shared/data` next to the package.
///
/// `None`, after saying so, when it is not there: the test that wanted it is skipped.
pub(crate) fn file(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("GANNET_TEST_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = root.join(name);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("skipped: no `{name}` in {}", root.display());
    None
}

/// The text of a file of the test data; `None` as in [`file`].
pub(crate) fn text(name: &str) -> Option<String> {
    file(name).map(|path| {
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()))
    })
}
