//! The operating system's resolver: getaddrinfo, on tokio's blocking pool.

use std::sync::Arc;

use super::answer::{Failure, Found};
use super::names::LookUp;

pub(in crate::fetch) fn source() -> LookUp {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let addresses = found.map_err(|error| Failure::of_system(&error))?;
            Ok(Found { addresses: addresses.map(|address| address.ip()).collect(), ttl: None })
        })
    })
}
