//! The integration tests: one binary, a module per theme.

mod decoding;
mod fetch;
mod misbehaving;
mod raw;
