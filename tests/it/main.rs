//! The integration tests: one binary, a module per theme.

// `clippy.toml` allows these in test functions; their helpers are tests, too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod origin;
