//! Telephony: what an exchange tells of a call, event by event. Exchanges tell late, twice and in any order: a call is what the *set* of
//! its events says, so that it does not matter how they came.

mod call;
pub mod settings;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    communication::{Communication, Direction},
    contact::Contact,
    hint::Hint,
    id::UserId,
    invalid::{FieldCode, FieldErrors, line, prose},
    lead::Lead,
    lookup::SwitchTo,
    record::CLOCKS_DIFFER,
};

pub use call::{Agent, Call};

words! {
    /// What happened to a call.
    pub enum CallEventKind {
        /// It rings, here or there.
        Ringing = "ringing",
        /// Somebody picked up.
        Answered = "answered",
        /// It is over.
        Finished = "finished",
        /// It is over and nobody picked up.
        Missed = "missed",
        /// Its recording or transcript is ready.
        Recorded = "recorded",
    }
}

/// One event of a call, as an exchange sends it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCallEvent {
    /// The exchange's own id of the call, the same in all its events.
    #[validate(length(max = 200))]
    #[schema(max_length = 200, required = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// What happened.
    #[schema(required = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<CallEventKind>,
    /// Who calls whom: `inbound` from a client, `outbound` to one.
    #[schema(required = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The number that calls.
    #[validate(length(max = 100))]
    #[schema(max_length = 100, required = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The number that is called.
    #[validate(length(max = 100))]
    #[schema(max_length = 100, required = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Extension of the colleague it is about; the workspace's `telephony.extensions` say whose it is.
    #[validate(length(max = 50))]
    #[schema(max_length = 50)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_extension: Option<String>,
    /// The colleague it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// When it happened.
    #[schema(required = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<DateTime<Utc>>,
    /// How long people talked, seconds.
    #[validate(range(min = 0, max = 604_800))]
    #[schema(minimum = 0, maximum = 604_800)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<i64>,
    /// Address of the recording, http or https.
    #[validate(length(max = 2000))]
    #[schema(max_length = 2000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_url: Option<String>,
    /// What was said.
    #[validate(length(max = 200_000))]
    #[schema(max_length = 200_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
    /// The exchange's own count of the call's events: tells apart what happened at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
}

/// One event of a call, checked. Their order is that of the call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CallEvent {
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// The exchange's count.
    pub sequence: Option<i64>,
    /// What happened.
    pub event: CallEventKind,
    /// Who calls whom.
    pub direction: Direction,
    /// The number that calls.
    pub from: String,
    /// The number that is called.
    pub to: String,
    /// The colleague it is about.
    pub agent: Agent,
    /// How long people talked, seconds.
    pub duration_seconds: Option<i64>,
    /// Address of the recording.
    pub recording_url: Option<String>,
    /// What was said.
    pub transcript: Option<String>,
}

impl NewCallEvent {
    /// The id of the call and the event, or every fault of it.
    pub fn checked(&self, now: DateTime<Utc>) -> Result<(String, CallEvent), FieldErrors> {
        let mut errors = FieldErrors::default();
        errors.absorb(self.validate());
        let call_id = errors.required_line("/call_id", self.call_id.as_deref());
        let from = errors.required_line("/from", self.from.as_deref());
        let to = errors.required_line("/to", self.to.as_deref());
        let occurred_at = errors.time("/occurred_at", self.occurred_at);
        // clocks of other systems run a little ahead
        if let Some(at) = occurred_at.filter(|at| *at > now + CLOCKS_DIFFER) {
            errors.add_with("/occurred_at", FieldCode::InTheFuture, at.to_rfc3339());
        }
        let recording_url = errors.url("/recording_url", self.recording_url.as_deref());
        for (pointer, is_absent) in
            [("/event", self.event.is_none()), ("/direction", self.direction.is_none()), ("/occurred_at", self.occurred_at.is_none())]
        {
            if is_absent {
                errors.add(pointer, FieldCode::Required);
            }
        }
        errors.finish()?;
        let (Some(event), Some(direction), Some(occurred_at)) = (self.event, self.direction, occurred_at) else {
            return Err(FieldErrors::one("/event", FieldCode::Required));
        };
        let event = CallEvent {
            occurred_at,
            sequence: self.sequence,
            event,
            direction,
            from,
            to,
            agent: Agent { user_id: self.user_id, extension: line(self.user_extension.as_deref()) },
            duration_seconds: self.duration_seconds,
            recording_url,
            transcript: prose(self.transcript.as_deref()),
        };
        Ok((call_id, event))
    }
}

/// Everything that was told of one call: a set, which only grows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallLog(BTreeSet<CallEvent>);

/// How many events of one call are kept.
pub const MOST_EVENTS: usize = 500;

/// How much text all events of one call may hold, bytes.
const MOST_TEXT: usize = 4_000_000;

impl CallLog {
    /// Whether there is room for an event, or it is there already.
    pub fn admits(&self, event: &CallEvent) -> bool {
        let text =
            |event: &CallEvent| event.transcript.as_ref().map_or(0, String::len) + event.recording_url.as_ref().map_or(0, String::len);
        self.0.contains(event)
            || (self.0.len() < MOST_EVENTS && self.0.iter().map(text).sum::<usize>().saturating_add(text(event)) <= MOST_TEXT)
    }
    /// Takes an event up; whether it was new. Where there is no room nothing is.
    pub fn join(&mut self, event: CallEvent) -> bool {
        self.admits(&event) && self.0.insert(event)
    }
    /// The call, as far as it is told; `None` of one that nothing was told of.
    pub fn call(&self) -> Option<Call> {
        Call::of(&self.0)
    }
}

/// What an exchange, or the program beside it, is answered.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CallAnswer {
    /// The exchange's id of the call.
    #[schema(required = true)]
    pub call_id: String,
    /// The call as a communication; null while it is with nobody known.
    #[schema(required = true)]
    pub communication: Option<Communication>,
    /// The client's card; null when the number is unknown and unknown numbers are ignored, or out of the asker's reach.
    #[schema(required = true)]
    pub contact: Option<Contact>,
    /// The enquiry this call made.
    #[schema(required = true)]
    pub lead: Option<Lead>,
    /// Whether this call made the card.
    #[schema(required = true)]
    pub created_contact: bool,
    /// Whether this call made an enquiry.
    #[schema(required = true)]
    pub created_lead: bool,
    /// The responsible person, to switch the call to.
    #[schema(required = true)]
    pub responsible: Option<SwitchTo>,
    /// What to do with the client now, the most urgent first, each with its reason.
    #[schema(required = true)]
    pub hints: Vec<Hint>,
}

/// What to do after a call that was missed, in a language of the business.
pub fn call_back_title(language: &str) -> &'static str {
    match language.get(..2) {
        Some("ru") => "Перезвонить: пропущенный звонок",
        Some("uk") => "Передзвонити: пропущений дзвінок",
        _ => "Call back: a call was missed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_an_event_is_told_at_once() {
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let wrong = NewCallEvent {
            occurred_at: "2026-11-22T11:00:00Z".parse().ok(),
            duration_seconds: Some(-1),
            recording_url: Some("ftp://x".into()),
            from: Some(" ".into()),
            ..NewCallEvent::default()
        };
        let told: BTreeSet<String> = wrong.checked(now).unwrap_err().0.into_iter().map(|e| e.pointer).collect();
        for pointer in ["/call_id", "/event", "/direction", "/from", "/to", "/occurred_at", "/duration_seconds", "/recording_url"] {
            assert!(told.contains(pointer), "{pointer}");
        }
    }
}
