//! Stands in for the module of Parquet where gannet is built without it: nobody can ask for one.

use std::io::{self, Write};
use std::path::Path;

use super::Encoder;
use crate::outcome::Outcome;

/// Whether gannet is built with it.
pub const IS_PRESENT: bool = false;

/// Writes nothing.
#[derive(Clone, Debug)]
pub struct Rows;

impl Rows {
    /// Not called.
    pub fn new(_: Option<Vec<String>>) -> Self {
        Self
    }
}

impl Encoder for Rows {
    fn encode(&mut self, _: &Outcome, _: &mut Vec<u8>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// # Errors
/// Always.
pub fn write(_: &Path, _: Option<&[String]>, _: impl Write + Send) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
