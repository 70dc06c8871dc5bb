//! Integration tests: one binary, modules by theme.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests, helpers included")]

mod data;
mod extract_conformance;
mod extract_differential;
