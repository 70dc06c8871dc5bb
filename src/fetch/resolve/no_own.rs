//! Stands in for [`own`](super) where gannet is built without a resolver of its own.

use super::names::LookUp;
use super::setup::Setup;

/// # Errors
/// Always.
pub(super) fn source(_: Setup) -> Result<LookUp, String> {
    Err("this gannet is built without a resolver of its own, so it knows `--resolver system` only\nhint: build it with `--features hickory`".to_owned())
}
