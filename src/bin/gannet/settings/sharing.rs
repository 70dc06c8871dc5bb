//! From `--queue-key` and `--per-ip` to what hosts share, and the warning where that cannot be known.

use gannet::fetch::proxy::ProxyOptions;
use gannet::frontier::QueueKey;

use crate::args::{KeyKind, PacingArgs};

/// What counts as one host.
pub(super) fn queue_key(pacing: &PacingArgs) -> QueueKey {
    match pacing.queue_key {
        _ if pacing.per_ip => QueueKey::Ip,
        KeyKind::Host => QueueKey::Host,
        KeyKind::Domain => QueueKey::Domain,
        KeyKind::Ip => QueueKey::Ip,
    }
}

/// What people are told who count by address behind proxies.
pub(super) fn notice(key: QueueKey, proxies: Option<&ProxyOptions>) -> Option<String> {
    let ProxyOptions { http, https, list, .. } = proxies?;
    let has_any = http.is_some() || https.is_some() || !list.is_empty();
    let text = "addresses are not known behind a proxy: what goes through one is limited per host\nhint: --queue-key domain";
    (key == QueueKey::Ip && has_any).then(|| text.to_owned())
}
