//! Webhook: an address of somebody else's that is told of events, signed by the convention of Standard Webhooks. It is told what its role sees,
//! where its condition holds.

pub mod condition;
pub mod delivery;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    access::RecordType,
    invalid::{FieldCode, FieldErrors, prose},
    journal::EventType,
    outside,
    record::{Made, Making},
    role,
};
use condition::ConditionTerm;

record! {
    /// An address that is told of events.
    pub struct Webhook (RecordType::Webhook) {
        /// What it is for.
        pub name: String,
        /// More about it.
        pub description: Option<String>,
        /// Where events are posted to.
        pub url: String,
        /// Of which events it is told; empty: of all.
        pub event_types: Vec<EventType>,
        /// What must hold of an event, each term of it.
        pub condition: Vec<ConditionTerm>,
        /// The role whose rights and field rules say what it is told.
        pub role: String,
        /// Whether it is told; what happens while it is not follows when it is again.
        pub active: bool,
        /// The secret that signs, `whsec_…`; only in the answers to its creation and rotation.
        pub secret: Option<String>,
        /// Until when the secret before the last rotation signs, too.
        pub previous_until: Option<DateTime<Utc>>,
        /// Since when it is paused: by the server, after nothing got through for long; null when it is not.
        pub paused_at: Option<DateTime<Utc>>,
        /// Why it is paused.
        pub paused_reason: Option<String>,
        /// The number of the last event that was looked at for it.
        pub read_until: i64,
        /// When something got through last.
        pub last_success_at: Option<DateTime<Utc>>,
        /// Since when nothing gets through; null when the last delivery got through.
        pub failing_since: Option<DateTime<Utc>>,
        /// Why the last failed delivery failed.
        pub last_error: Option<String>,
    }
}

input! {
    /// An address to be told of events.
    pub struct NewWebhook, WebhookPatch clears WebhookField {
        /// What it is for.
        name (required = true): String, max 200;
        /// More about it.
        description: String, max 2000;
        /// Where events are posted to, http or https; not into private networks.
        url (required = true): String, max 2000;
        /// Of which events it is told, `deal.created`, `contact.*`; of all when empty.
        event_types: Vec<EventType>, items 100;
        /// What must hold of an event, each term of it; of fields that records of the events have.
        #[validate(nested)]
        condition: Vec<ConditionTerm>, items 20;
        /// The role whose rights and field rules say what it is told, not above one's own; `integration` when absent.
        #[schema(pattern = "^([a-z][a-z0-9_]*)?$")]
        role: String, max 50;
        /// Whether it is told; true when absent.
        active: bool;
    }
}

list_params! {
    /// Filters of webhooks.
    pub struct ListWebhooks sort crate::catalogue::CatalogueSort {
        /// Words the name contains.
        q: String,
        /// Whether they are told.
        active: bool,
    }
}

impl Made for Webhook {
    type Input = NewWebhook;
    fn input(&self) -> NewWebhook {
        NewWebhook {
            name: Some(self.name.clone()),
            description: self.description.clone(),
            url: Some(self.url.clone()),
            event_types: Some(self.event_types.clone()),
            condition: Some(self.condition.clone()),
            role: Some(self.role.clone()),
            active: Some(self.active),
        }
    }
    fn make(input: &NewWebhook, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.required_line("/name", input.name.as_deref());
        let url = errors.required_line("/url", input.url.as_deref());
        let mut event_types = input.event_types.clone().unwrap_or_default();
        event_types.sort_unstable();
        event_types.dedup();
        let condition = input.condition.clone().unwrap_or_default();
        // what was taken once stays
        let is_new = previous.is_none_or(|old| old.condition != condition || old.event_types != event_types);
        for (index, term) in condition.iter().enumerate() {
            let at = format!("/condition/{index}");
            if term.check(&at, &mut errors) && is_new && !term.may_concern(&event_types) {
                errors.add_with(format!("{at}/field"), FieldCode::ReferenceNotFound, &term.field);
            }
        }
        let role = role::named(input.role.as_deref(), &mut errors);
        errors.finish()?;
        let made = fresh!(Webhook, making.birth, {
            name: name,
            description: prose(input.description.as_deref()),
            url: url,
            event_types: event_types,
            condition: condition,
            role: role,
            active: input.active.unwrap_or(true),
            secret: None,
            previous_until: previous.and_then(|old| old.previous_until),
            paused_at: previous.and_then(|old| old.paused_at),
            paused_reason: previous.and_then(|old| old.paused_reason.clone()),
            read_until: previous.map_or(0, |old| old.read_until),
            last_success_at: previous.and_then(|old| old.last_success_at),
            failing_since: previous.and_then(|old| old.failing_since),
            last_error: previous.and_then(|old| old.last_error.clone()),
        });
        Ok(match previous {
            None => made,
            Some(old) => made.in_the_envelope_of(old),
        })
    }
}

impl Webhook {
    /// Whether it is told of events now.
    pub fn listens(&self) -> bool {
        self.active && self.paused_at.is_none() && self.archived_at.is_none()
    }
    /// Whether it is told of events of this name.
    pub fn takes(&self, kind: &str) -> bool {
        self.event_types.is_empty() || self.event_types.iter().any(|wanted| wanted.takes(kind))
    }
    /// Whether its address may be asked, with these networks allowed beside the public internet.
    pub fn check_address(&self, allowed: &[IpNet]) -> Result<(), FieldErrors> {
        match outside::read(&self.url, allowed) {
            Ok(_) => Ok(()),
            Err(outside::Unfit::Malformed) => Err(FieldErrors::one("/url", FieldCode::InvalidUrl)),
            Err(outside::Unfit::Private) => Err(FieldErrors::one("/url", FieldCode::PrivateAddress)),
        }
    }
}

/// How a webhook's secret is replaced.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretRotation {
    /// For how long the secret before signs beside the new one, seconds, up to seven days; a day when absent.
    #[validate(range(min = 0, max = 604_800))]
    #[schema(minimum = 0, maximum = 604_800)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_seconds: Option<i64>,
}

/// For how long the secret before a rotation signs, too, where nothing is said.
pub const USUAL_OVERLAP: i64 = 86_400;

/// Which deliveries to send again.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRange {
    /// From the event of this number on.
    #[validate(range(min = 1))]
    #[schema(minimum = 1, required = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_sequence: Option<i64>,
    /// Up to the event of this number; to the last when absent.
    #[validate(range(min = 1))]
    #[schema(minimum = 1)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_sequence: Option<i64>,
    /// Only those that failed for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_failed: Option<bool>,
}

/// What will be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replayed {
    /// How many deliveries wait to be sent again.
    #[schema(required = true)]
    pub count: i64,
}
