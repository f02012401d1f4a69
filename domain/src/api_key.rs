//! API key: an integration's way in, with a role and perhaps an end. The secret is shown once and kept as a hash.

use chrono::{DateTime, Utc};

use crate::{
    access::{RecordType, RoleKey},
    invalid::{FieldCode, FieldErrors, line},
    record::{Made, Making},
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
        NewApiKey { name: Some(self.name.clone()), role: Some(self.role.clone()), expires_at: self.expires_at }
    }
    fn make(input: &NewApiKey, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.required_line("/name", input.name.as_deref());
        let expires_at = errors.time("/expires_at", input.expires_at);
        if let Some(at) = expires_at.filter(|at| *at <= making.birth.at && previous.is_none_or(|p| p.expires_at != Some(*at))) {
            errors.add_with("/expires_at", FieldCode::InThePast, at.to_rfc3339());
        }
        errors.finish()?;
        let key = fresh!(ApiKey, making.birth, {
            name: name,
            role: line(input.role.as_deref()).unwrap_or_else(|| RoleKey::Integration.word().to_owned()),
            prefix: format!("kk_live_{}", making.birth.id.simple()),
            secret: None,
            expires_at: expires_at,
            last_used_at: previous.and_then(|p| p.last_used_at),
        });
        Ok(match previous {
            None => key,
            Some(old) => Self { prefix: old.prefix.clone(), ..key }.in_the_envelope_of(old),
        })
    }
}
