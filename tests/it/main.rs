//! The integration tests: one binary, a module per theme.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod decoding;
mod fetch;
mod misbehaving;
mod raw;
