//! Health of integrations: what each of them managed last, what waits, and whether somebody has to look.

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

words! {
    /// Kind of integration.
    pub enum IntegrationKind {
        /// A webhook.
        Webhook = "webhook",
        /// Mail to people.
        Email = "email",
        /// The Telegram bot.
        Telegram = "telegram",
        /// A form: enquiries from outside.
        Form = "form",
    }
}

words! {
    /// How it stands with an integration.
    pub enum IntegrationState {
        /// It works, as far as can be seen.
        Working = "working",
        /// Something waits for too long, or the last try failed.
        Failing = "failing",
        /// Switched off, or not set up.
        Off = "off",
    }
}

/// What waits longer than this should have left by itself.
const LATE_AFTER: Duration = Duration::minutes(10);

/// What is known of an integration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signs {
    /// Whether it is switched on and set up.
    pub on: bool,
    /// When something got through last.
    pub last_success_at: Option<DateTime<Utc>>,
    /// When something failed last, or since when nothing gets through.
    pub last_error_at: Option<DateTime<Utc>>,
    /// Why.
    pub last_error: Option<String>,
    /// How much waits.
    pub queue_length: i64,
    /// Since when the first of it waits.
    pub waiting_since: Option<DateTime<Utc>>,
    /// Whether it was stopped for its failures: whoever stopped it told of it.
    pub stopped: bool,
}

impl Signs {
    /// Whether something waits that should have left by itself.
    fn is_late(&self, now: DateTime<Utc>) -> bool {
        self.waiting_since.is_some_and(|since| now - since > LATE_AFTER)
    }
    /// Whether the last try failed.
    fn failed_last(&self) -> bool {
        self.last_error_at.is_some_and(|error| self.last_success_at.is_none_or(|success| success < error))
    }
    /// Whether somebody has to be told: it fails, and not just for a moment.
    pub fn is_alarming(&self, now: DateTime<Utc>) -> bool {
        let failed = self.failed_last() && self.last_error_at.is_some_and(|at| now - at > LATE_AFTER);
        self.on && !self.stopped && (self.is_late(now) || failed)
    }
    /// Why somebody has to be told.
    pub fn why(&self, now: DateTime<Utc>) -> String {
        let waiting =
            self.waiting_since.map(|since| format!("{} wait, the first for {} min", self.queue_length, (now - since).num_minutes()));
        [self.last_error.clone().filter(|_| self.failed_last()), waiting].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// How it stands with one integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IntegrationHealth {
    /// What it is.
    #[schema(required = true)]
    pub kind: IntegrationKind,
    /// Id of the webhook or form; null for mail and Telegram.
    #[schema(required = true, value_type = Option<crate::id::AnyId>)]
    pub id: Option<Uuid>,
    /// Its name; null for mail and Telegram.
    #[schema(required = true)]
    pub name: Option<String>,
    /// How it stands.
    #[schema(required = true)]
    pub state: IntegrationState,
    /// When something got through last.
    #[schema(required = true)]
    pub last_success_at: Option<DateTime<Utc>>,
    /// When something failed last; of a webhook: since when nothing gets through.
    #[schema(required = true)]
    pub last_error_at: Option<DateTime<Utc>>,
    /// Why.
    #[schema(required = true)]
    pub last_error: Option<String>,
    /// How much waits.
    #[schema(required = true)]
    pub queue_length: i64,
    /// For how long the first of it has been waiting, seconds; null when nothing waits.
    #[schema(required = true)]
    pub lag_seconds: Option<i64>,
}

/// Every integration of the workspace, at most 1,000.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Integrations {
    /// Those that fail first.
    #[schema(required = true)]
    pub data: Vec<IntegrationHealth>,
}

impl IntegrationHealth {
    /// What the signs say.
    pub fn new(kind: IntegrationKind, named: Option<(Uuid, String)>, signs: Signs, now: DateTime<Utc>) -> Self {
        let (id, name) = named.unzip();
        Self {
            kind,
            id,
            name,
            state: match (signs.on, signs.failed_last() || signs.is_late(now)) {
                (false, _) => IntegrationState::Off,
                (true, true) => IntegrationState::Failing,
                (true, false) => IntegrationState::Working,
            },
            last_success_at: signs.last_success_at,
            last_error_at: signs.last_error_at,
            last_error: signs.last_error,
            queue_length: signs.queue_length,
            lag_seconds: signs.waiting_since.map(|since| (now - since).num_seconds().max(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(signs: Signs) -> IntegrationState {
        IntegrationHealth::new(IntegrationKind::Form, None, signs, at(60)).state
    }
    fn at(minute: i64) -> DateTime<Utc> {
        "2026-11-22T10:00:00Z".parse::<DateTime<Utc>>().unwrap() + Duration::minutes(minute)
    }

    #[test]
    fn it_works_while_nothing_says_otherwise() {
        let on = || Signs { on: true, ..Signs::default() };
        assert_eq!(state(Signs::default()), IntegrationState::Off);
        assert_eq!(state(on()), IntegrationState::Working);
        assert_eq!(state(Signs { waiting_since: Some(at(55)), queue_length: 9, ..on() }), IntegrationState::Working);
        assert_eq!(state(Signs { waiting_since: Some(at(49)), ..on() }), IntegrationState::Failing);
        assert_eq!(state(Signs { last_error_at: Some(at(1)), ..on() }), IntegrationState::Failing);
        assert_eq!(state(Signs { last_error_at: Some(at(1)), last_success_at: Some(at(2)), ..on() }), IntegrationState::Working);
        assert_eq!(state(Signs { last_error_at: Some(at(1)), on: false, ..on() }), IntegrationState::Off);
    }

    #[test]
    fn a_moment_s_trouble_is_no_alarm() {
        let error =
            |minute| Signs { on: true, last_error_at: Some(at(minute)), last_error: Some("answered 500".into()), ..Signs::default() };
        assert!(error(49).is_alarming(at(60)) && !error(55).is_alarming(at(60)));
        assert!(!Signs { stopped: true, ..error(1) }.is_alarming(at(60)) && !Signs { on: false, ..error(1) }.is_alarming(at(60)));
        assert!(!Signs { last_success_at: Some(at(2)), ..error(1) }.is_alarming(at(60)));
        let late = Signs { last_success_at: Some(at(2)), waiting_since: Some(at(40)), queue_length: 7, ..error(1) };
        assert!(late.is_alarming(at(60)));
        assert_eq!(late.why(at(60)), "7 wait, the first for 20 min");
        assert_eq!(Signs { last_success_at: None, ..late }.why(at(60)), "answered 500; 7 wait, the first for 20 min");
    }
}
