//! The one integration test binary; each module is a theme.

// Clippy's leave to panic in tests covers functions marked `#[test]`, not what they call.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod data;
mod robots_conformance;
