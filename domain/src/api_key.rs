//! API key: an integration's way in, with a role and perhaps an end. The secret is shown once and kept as a hash.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    access::RecordType,
    invalid::{FieldCode, FieldErrors},
    record::{Made, Making},
    role,
};

record! {
    /// An integration's way in.
    pub struct ApiKey (RecordType::ApiKey) {
        /// What it is for.
        pub name: String,
        /// Its role.
        pub role: String,
        /// The beginning of the key, to recognise it by.
        pub prefix: String,
        /// The whole key, `Authorization: Bearer kk_live_…`; only in the answer to its creation.
        pub secret: Option<String>,
        /// When it stops working; null never.
        pub expires_at: Option<DateTime<Utc>>,
        /// When it was last used, to the minute.
        pub last_used_at: Option<DateTime<Utc>>,
        /// Addresses and networks it works from; empty: from everywhere.
        pub allowed_addresses: Vec<String>,
        /// Until when the secret before the last rotation works.
        pub previous_until: Option<DateTime<Utc>>,
    }
}

input! {
    /// A key to make.
    pub struct NewApiKey, ApiKeyPatch clears ApiKeyField {
        /// What it is for.
        name (required = true): String, max 200;
        /// Its role; `integration` when absent.
        #[schema(pattern = "^([a-z][a-z0-9_]*)?$")]
        role: String, max 50;
        /// When it stops working; never when absent.
        expires_at: DateTime<Utc>;
        /// Addresses and networks it works from, `203.0.113.7`, `2001:db8::/32`; from everywhere when empty.
        allowed_addresses: Vec<String>, items 100;
    }
}

list_params! {
    /// Filters of API keys.
    pub struct ListApiKeys sort crate::catalogue::CatalogueSort {
        /// Words the name contains.
        q: String,
    }
}

impl Made for ApiKey {
    type Input = NewApiKey;
    fn input(&self) -> NewApiKey {
        NewApiKey {
            name: Some(self.name.clone()),
            role: Some(self.role.clone()),
            expires_at: self.expires_at,
            allowed_addresses: Some(self.allowed_addresses.clone()),
        }
    }
    fn make(input: &NewApiKey, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.required_line("/name", input.name.as_deref());
        let expires_at = errors.time("/expires_at", input.expires_at);
        if let Some(at) = expires_at.filter(|at| *at <= making.birth.at && previous.is_none_or(|p| p.expires_at != Some(*at))) {
            errors.add_with("/expires_at", FieldCode::InThePast, at.to_rfc3339());
        }
        let mut allowed_addresses: Vec<String> = Vec::new();
        for (index, typed) in input.allowed_addresses.iter().flatten().enumerate() {
            match network(typed) {
                Some(network) => allowed_addresses.push(shown(network)),
                None => errors.add_with(format!("/allowed_addresses/{index}"), FieldCode::InvalidAddress, typed),
            }
        }
        allowed_addresses.dedup();
        let role = role::named(input.role.as_deref(), &mut errors);
        errors.finish()?;
        let key = fresh!(ApiKey, making.birth, {
            name: name,
            role: role,
            prefix: format!("kk_live_{}", making.birth.id.simple()),
            secret: None,
            expires_at: expires_at,
            last_used_at: previous.and_then(|p| p.last_used_at),
            allowed_addresses: allowed_addresses,
            previous_until: previous.and_then(|p| p.previous_until),
        });
        Ok(match previous {
            None => key,
            Some(old) => Self { prefix: old.prefix.clone(), ..key }.in_the_envelope_of(old),
        })
    }
}

impl ApiKey {
    /// The networks it works from; empty: every one.
    pub fn networks(&self) -> Vec<IpNet> {
        self.allowed_addresses.iter().filter_map(|text| network(text)).collect()
    }
}

/// Whether a key of these networks works from an address; an unknown address is only good where none is demanded.
pub fn admits(networks: &[IpNet], address: Option<IpAddr>) -> bool {
    networks.is_empty() || address.is_some_and(|address| networks.iter().any(|network| network.contains(&address.to_canonical())))
}

/// An address or a network in CIDR notation. IPv4 written as IPv6 means the IPv4 address.
fn network(typed: &str) -> Option<IpNet> {
    let typed = typed.trim();
    match typed.parse::<IpNet>() {
        Ok(network) => Some(network.trunc()),
        Err(_) => typed.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical())),
    }
}

/// One address without its length, a network with it.
fn shown(network: IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() { network.addr().to_string() } else { network.to_string() }
}

/// For how long the secret before a rotation may go on working, seconds: seven days.
pub const LONGEST_OVERLAP: i64 = 604_800;

/// How a key's secret is replaced.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRotation {
    /// For how long the secret before goes on working, seconds, up to seven days; not at all when absent.
    #[validate(range(min = 0, max = 604_800))]
    #[schema(minimum = 0, maximum = 604_800)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_seconds: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_works_from_the_listed_addresses_and_networks_only() {
        let networks: Vec<IpNet> =
            ["203.0.113.7", "10.1.2.3/8", "2001:db8::/32", "::ffff:192.0.2.1"].iter().filter_map(|t| network(t)).collect();
        assert_eq!(networks.iter().map(|n| shown(*n)).collect::<Vec<_>>(), ["203.0.113.7", "10.0.0.0/8", "2001:db8::/32", "192.0.2.1"]);
        for (address, good) in [
            ("203.0.113.7", true),
            ("203.0.113.8", false),
            ("10.255.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("2001:db8:1::1", true),
            ("2001:db9::1", false),
            ("192.0.2.1", true),
        ] {
            assert_eq!(admits(&networks, address.parse().ok()), good, "{address}");
        }
        assert!(!admits(&networks, None));
        assert!(admits(&[], None));
    }

    #[test]
    fn what_is_no_address_is_none() {
        for bad in ["", "example.com", "10.0.0.0/33", "10.0.0", "::1/129", "10.0.0.1-10.0.0.9"] {
            assert_eq!(network(bad), None, "{bad}");
        }
    }
}
