//! By which address or device connections leave this machine: `--interface`.
//!
//! The command line reads and checks it before anything is fetched, [`pool`](super::pool) applies it to each client.

use std::convert::Infallible;
use std::net::{IpAddr, UdpSocket};
use std::path::Path;
use std::str::FromStr;

use reqwest::ClientBuilder;

use super::http::BuildError;
use super::resolve::Family;

/// Where Linux lists the devices of its network.
const DEVICES: &str = "/sys/class/net";

/// An address or a device of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interface {
    /// One of this machine's addresses; only addresses of the same family can be reached from it.
    Address(IpAddr),
    /// The name of a device, e.g. `eth0`.
    Device(String),
}

impl FromStr for Interface {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        Ok(bare.parse().map_or_else(|_| Self::Device(text.to_owned()), Self::Address))
    }
}

impl Interface {
    /// The addresses that can be reached from it, as far as it tells.
    pub fn family(&self) -> Family {
        match self {
            Self::Address(IpAddr::V4(_)) => Family::V4,
            Self::Address(IpAddr::V6(_)) => Family::V6,
            Self::Device(_) => Family::Any,
        }
    }

    /// Looks whether this machine has it.
    ///
    /// # Errors
    /// That it has not, and what it has instead.
    pub fn check(&self) -> Result<(), String> {
        let fault = match self {
            Self::Address(address) => match UdpSocket::bind((*address, 0)) {
                Ok(_) => return Ok(()),
                Err(_) => format!("`{address}` is no address of this machine"),
            },
            Self::Device(name) if is_there(name) => return Ok(()),
            Self::Device(name) => format!("there is no interface `{name}` here"),
        };
        Err(match devices() {
            devices if devices.is_empty() => fault,
            devices => {
                format!("{fault}\nhint: name an address that it has, or one of {}", devices.join(", "))
            }
        })
    }

    /// # Errors
    /// When the system binds no connection to a device.
    pub(super) fn apply(&self, builder: ClientBuilder) -> Result<ClientBuilder, BuildError> {
        match self {
            Self::Address(address) => Ok(builder.local_address(*address)),
            #[cfg(any(target_os = "android", target_os = "ios", target_os = "linux", target_os = "macos"))]
            Self::Device(name) => Ok(builder.interface(name)),
            #[cfg(not(any(
                target_os = "android",
                target_os = "ios",
                target_os = "linux",
                target_os = "macos"
            )))]
            Self::Device(name) => Err(BuildError(format!(
                "connections cannot be bound to the interface `{name}` on this system\nhint: name one of its addresses"
            ))),
        }
    }
}

/// Whether there is a device of this name; where they are not listed, dialling shows it.
fn is_there(name: &str) -> bool {
    let is_name = !name.is_empty() && !name.contains(['/', '\0']) && name != "." && name != "..";
    is_name && (!Path::new(DEVICES).is_dir() || Path::new(DEVICES).join(name).exists())
}

fn devices() -> Vec<String> {
    let entries = std::fs::read_dir(DEVICES).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| is_there(name))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_devices_and_must_be_there() {
        let of = |text: &str| text.parse::<Interface>().unwrap_or_else(|never| match never {});
        assert_eq!(of("127.0.0.1").family(), Family::V4);
        assert_eq!(of("[::1]").family(), Family::V6);
        assert_eq!(of("eth0"), Interface::Device("eth0".to_owned()));
        assert_eq!(of("127.0.0.1").check(), Ok(()));
        let missing = of("192.0.2.7").check().unwrap_err();
        assert!(missing.contains("`192.0.2.7`"), "{missing}");
        for bad in ["nosuch0", "", "../x", "a/b"] {
            if cfg!(target_os = "linux") {
                assert!(of(bad).check().unwrap_err().contains("hint: "), "{bad}");
            }
        }
    }
}
