//! Of which type the fields of the record are, for outputs whose columns have one.

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Integer,
    Real,
    Boolean,
    /// Anything else; what is neither a text nor a known list stands as JSON.
    Text,
}

const INTEGERS: &[&str] =
    &["schema", "seq", "status_code", "body_bytes", "wire_bytes", "resumed", "depth", "attempts"];
const BOOLEANS: &[&str] = &["reused", "hedged"];
const REALS: &[&str] =
    &["time_queue_ms", "time_dns_ms", "time_connect_ms", "time_tls_ms", "time_ttfb_ms", "time_total_ms"];

impl Column {
    pub(super) fn of(field: &str) -> Self {
        match field {
            field if INTEGERS.contains(&field) => Self::Integer,
            field if REALS.contains(&field) => Self::Real,
            field if BOOLEANS.contains(&field) => Self::Boolean,
            _ => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::FIELDS;

    #[test]
    fn each_number_is_a_field() {
        let known = |names: &[&str]| names.iter().all(|name| FIELDS.contains(name));
        assert!(known(INTEGERS) && known(REALS) && known(BOOLEANS));
        let times = FIELDS.iter().filter(|field| field.starts_with("time_"));
        assert!(
            times.clone().count() == REALS.len()
                && times.clone().all(|field| Column::of(field) == Column::Real)
        );
    }
}
