//! What a workspace says of its telephone.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::Agent;
use crate::{
    id::UserId,
    invalid::{FieldCode, FieldErrors},
    text,
};

words! {
    /// What a call of an unknown number makes.
    pub enum UnknownNumber {
        /// Nothing: only the call is kept.
        Ignore = "ignore",
        /// A card.
        Card = "card",
        /// A card, and an enquiry when it is the client who calls.
        CardAndLead = "card_and_lead",
    }
}

/// Whose an extension is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// The extension as the exchange names it.
    #[validate(length(min = 1, max = 50))]
    #[schema(min_length = 1, max_length = 50, pattern = r"\S")]
    pub extension: String,
    /// Whose it is.
    pub user_id: UserId,
}

/// How calls become cards, enquiries and tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TelephonySettings {
    /// What a call of an unknown number makes.
    #[schema(required = true)]
    pub unknown_number: UnknownNumber,
    /// Within how many minutes a missed call is to be called back.
    #[validate(range(min = 1, max = 10_080))]
    #[schema(required = true, minimum = 1, maximum = 10_080)]
    pub callback_minutes: i64,
    /// Whose each extension is.
    #[validate(length(max = 500), nested)]
    #[schema(required = true, max_items = 500)]
    pub extensions: Vec<Extension>,
}

impl Default for TelephonySettings {
    fn default() -> Self {
        Self { unknown_number: UnknownNumber::CardAndLead, callback_minutes: 15, extensions: Vec::new() }
    }
}

impl TelephonySettings {
    /// Notes what is wrong beside lengths and ranges: an extension is one person's.
    pub fn check(&self, at: &str, errors: &mut FieldErrors) {
        let mut known = HashSet::new();
        for (index, entry) in self.extensions.iter().enumerate() {
            let extension = text::clean_line(&entry.extension);
            let pointer = format!("{at}/extensions/{index}/extension");
            if extension.is_empty() {
                errors.add(pointer, FieldCode::Required);
            } else if !known.insert(extension) {
                errors.add_with(pointer, FieldCode::AlreadyTaken, &entry.extension);
            }
        }
    }
    /// Who a colleague named by an exchange is.
    pub fn user_of(&self, agent: &Agent) -> Option<UserId> {
        let by_extension =
            || self.extensions.iter().find(|entry| agent.extension.as_deref() == Some(entry.extension.trim())).map(|entry| entry.user_id);
        agent.user_id.or_else(by_extension)
    }
    /// The extension of a person.
    pub fn extension_of(&self, user: UserId) -> Option<&str> {
        self.extensions.iter().find(|entry| entry.user_id == user).map(|entry| entry.extension.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn an_extension_is_one_person_s_and_an_id_goes_before_it() {
        let user = |n| UserId::new(Uuid::from_u128(n));
        let entry = |extension: &str, n| Extension { extension: extension.into(), user_id: user(n) };
        let settings = TelephonySettings { extensions: vec![entry("101", 1), entry("102", 2)], ..TelephonySettings::default() };
        let by = |user_id, extension: Option<&str>| settings.user_of(&Agent { user_id, extension: extension.map(Into::into) });
        assert_eq!((by(None, Some("102")), by(Some(user(7)), Some("102")), by(None, Some("103"))), (Some(user(2)), Some(user(7)), None));
        assert_eq!(settings.extension_of(user(1)), Some("101"));
        let twice = TelephonySettings { extensions: vec![entry("101", 1), entry(" 101 ", 2), entry(" ", 3)], ..settings };
        let mut errors = FieldErrors::default();
        twice.check("/telephony", &mut errors);
        let told: Vec<_> = errors.0.iter().map(|e| (e.pointer.as_str(), e.code)).collect();
        assert_eq!(
            told,
            [("/telephony/extensions/1/extension", FieldCode::AlreadyTaken), ("/telephony/extensions/2/extension", FieldCode::Required)]
        );
    }
}
