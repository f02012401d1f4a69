//! Deliveries: one event to one webhook, tried until it gets through or there is no sense in it any more.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    id::{Id, WebhookDeliveryId, WebhookId},
    list::{AnyOf, Archived, Cursor, Limit, ListParameters, PageRequest},
};

words! {
    /// How far a delivery is. Open to additions.
    pub enum DeliveryStatus {
        /// It waits for its time, or for an earlier one of the same record.
        Waiting = "waiting",
        /// It got through.
        Delivered = "delivered",
        /// It was tried as often as it is.
        Failed = "failed",
    }
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryAttempt {
    /// When, UTC.
    #[schema(required = true)]
    pub at: DateTime<Utc>,
    /// How long it took, milliseconds.
    #[schema(required = true)]
    pub duration_ms: i64,
    /// The HTTP status answered; null where there was no answer.
    #[schema(required = true)]
    pub status: Option<i64>,
    /// Why it failed; null where it got through.
    #[schema(required = true)]
    pub error: Option<String>,
    /// The beginning of the answer's body.
    #[schema(required = true)]
    pub response_excerpt: Option<String>,
}

/// One event to one webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WebhookDelivery {
    /// Identifier, UUID v7 made by the server.
    #[schema(required = true, value_type = crate::id::AnyId)]
    pub id: WebhookDeliveryId,
    /// To which webhook.
    #[schema(required = true, value_type = crate::id::AnyId)]
    pub webhook_id: WebhookId,
    /// What `webhook-id` tells, the same at every try.
    #[schema(required = true)]
    pub message_id: String,
    /// The event.
    #[schema(required = true, value_type = crate::id::AnyId)]
    pub event_id: Uuid,
    /// Its number in the journal; 0 of a test.
    #[schema(required = true)]
    pub sequence: i64,
    /// What happened, `deal.created`.
    #[schema(required = true)]
    pub event_type: String,
    /// The record.
    #[schema(required = true, value_type = crate::id::AnyId)]
    pub record_id: Uuid,
    /// How far it is.
    #[schema(required = true)]
    pub status: DeliveryStatus,
    /// How often it was tried.
    #[schema(required = true)]
    pub attempts: i64,
    /// When it is tried next; null when it is not.
    #[schema(required = true)]
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// The last tries.
    #[schema(required = true)]
    pub log: Vec<DeliveryAttempt>,
    /// What is posted; only of one delivery, and only to those who may see all that the webhook's role sees.
    #[schema(required = true, value_type = crate::free::AnyValue)]
    pub request_body: Value,
    /// When it was made.
    #[schema(required = true)]
    pub created_at: DateTime<Utc>,
    /// When it got through, or was given up.
    #[schema(required = true)]
    pub finished_at: Option<DateTime<Utc>>,
}

impl WebhookDelivery {
    /// Whether it tells of nothing that happened.
    pub fn is_test(&self) -> bool {
        self.sequence == 0
    }
}

sorts! {
    /// Orders of deliveries.
    pub enum WebhookDeliverySort { NewestFirst = "-created_at" => "created_at" down, OldestFirst = "created_at" => "created_at" up }
}

params! {
    /// Which deliveries.
    pub struct ListWebhookDeliveries {
        /// To which webhooks.
        webhook_id: AnyOf<WebhookId>,
        /// How far they are.
        status: AnyOf<DeliveryStatus>,
        /// About which records.
        record_id: AnyOf<Id<crate::audit::Anything>>,
        /// How many records a page holds, 1 to 200; 50 when absent.
        limit: Limit,
        /// Where to go on: the `next_cursor` of the page before, with the same sort and filters.
        cursor: Cursor,
        /// Order; `-` means descending. The id breaks ties.
        sort: WebhookDeliverySort,
        /// Adds `total`, the count of all matching records.
        include_total: bool,
    }
}
impl ListParameters for ListWebhookDeliveries {
    type Sort = WebhookDeliverySort;
    fn page(&self) -> PageRequest<WebhookDeliverySort> {
        PageRequest {
            limit: self.limit.unwrap_or_default().get(),
            cursor: self.cursor.as_ref().map(|cursor| cursor.0.clone()),
            sort: self.sort.unwrap_or_default(),
            archived: Archived::Include,
            include_total: self.include_total.unwrap_or_default(),
        }
    }
}

/// How many tries the log keeps.
pub const MOST_LOGGED: usize = 20;

/// Pauses between the tries, seconds: those of Standard Webhooks, three days in all.
pub const PAUSES: &[u64] = &[5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// The longest pause a receiver may ask for.
const LONGEST_PAUSE: u64 = 86_400;

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It got through.
    Delivered,
    /// It is tried again, not before so long.
    Again(Option<Duration>),
    /// Nobody is there any more: nothing is told there from here on.
    Gone,
}

/// What an answer of a receiver means; `retry_after` in seconds.
pub fn verdict(status: u16, retry_after: Option<u64>) -> Verdict {
    match status {
        200..=299 => Verdict::Delivered,
        410 => Verdict::Gone,
        429 | 500..=599 => Verdict::Again(retry_after.map(|seconds| Duration::from_secs(seconds.min(LONGEST_PAUSE)))),
        _ => Verdict::Again(None),
    }
}

/// Seconds that a `Retry-After` asks to wait: a number, or a date of HTTP.
pub fn retry_after(header: &str, now: DateTime<Utc>) -> Option<u64> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u64>() {
        return Some(seconds);
    }
    let wait = DateTime::parse_from_rfc2822(header).ok()?.with_timezone(&Utc) - now;
    // a part of a second is a whole one: not before the time that was named
    let seconds = wait.num_seconds() + i64::from(wait.subsec_nanos() > 0);
    Some(u64::try_from(seconds).unwrap_or_default())
}

/// Until when a receiver wants to be left alone altogether, not only with what it refused: it has too much, or is not there for a while.
pub fn quiet_until(status: u16, retry_after: Option<u64>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match (status, verdict(status, retry_after)) {
        (429 | 503, Verdict::Again(Some(wait))) => Some(now + chrono::Duration::from_std(wait).ok()?),
        _ => None,
    }
}

/// Why an event that waited for its time, or is to be sent again, is not posted: it is told as it may be told then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// The journal does not go back so far.
    Forgotten,
    /// The webhook is told of other events by now.
    EventType,
    /// Its role sees it no more.
    Role,
    /// Its condition does not hold of it.
    Condition,
}

impl Withheld {
    /// What the log of the delivery says.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Forgotten => "the journal does not hold the event any more",
            Self::EventType => "the webhook is not told of such events any more",
            Self::Role => "the role may not see it any more",
            Self::Condition => "the condition of the webhook does not hold of it",
        }
    }
}

/// When it is tried next after so many tries, or never again. `chance`, 0 to 1, spreads what failed together over a fifth of the pause.
pub fn next_try(pauses: &[u64], attempts: i64, asked: Option<Duration>, chance: f64, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let place = usize::try_from(attempts).ok()?.checked_sub(1)?;
    let pause = Duration::from_secs(*pauses.get(place)?);
    let spread = pause.mul_f64(0.2 * chance.clamp(0.0, 1.0));
    let pause = (pause + spread).max(asked.unwrap_or_default());
    Some(now + chrono::Duration::from_std(pause).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_schedule_is_three_days_and_ends() {
        let total: u64 = PAUSES.iter().sum();
        assert!((72..=78).contains(&(total / 3600)), "{total}");
        let now = DateTime::UNIX_EPOCH;
        assert_eq!(next_try(PAUSES, 1, None, 0.0, now), Some(now + chrono::Duration::seconds(5)));
        assert_eq!(next_try(PAUSES, 9, None, 0.0, now), Some(now + chrono::Duration::seconds(86_400)));
        assert_eq!(next_try(PAUSES, 10, None, 0.0, now), None);
        assert_eq!(next_try(PAUSES, 1, Some(Duration::from_mins(1)), 1.0, now), Some(now + chrono::Duration::seconds(60)));
    }

    #[test]
    fn a_receiver_may_ask_to_wait_or_say_that_he_is_gone() {
        assert_eq!(verdict(204, None), Verdict::Delivered);
        assert_eq!(verdict(410, None), Verdict::Gone);
        assert_eq!(verdict(301, Some(9)), Verdict::Again(None));
        assert_eq!(verdict(503, Some(9)), Verdict::Again(Some(Duration::from_secs(9))));
        assert_eq!(verdict(429, Some(u64::MAX)), Verdict::Again(Some(Duration::from_hours(24))));
        let now = DateTime::parse_from_rfc3339("2026-11-22T10:00:00Z").unwrap().with_timezone(&Utc);
        assert_eq!(retry_after(" 120", now), Some(120));
        assert_eq!(retry_after("Sun, 22 Nov 2026 10:00:30 GMT", now), Some(30));
        assert_eq!(retry_after("Sun, 22 Nov 2026 09:00:00 GMT", now), Some(0));
        assert_eq!(retry_after("soon", now), None);
        let late = now + chrono::Duration::microseconds(999_600);
        assert_eq!(retry_after("Sun, 22 Nov 2026 10:00:30 GMT", late), Some(30), "never before the time that was named");
    }

    #[test]
    fn who_has_too_much_is_left_alone_with_everything() {
        let now = DateTime::UNIX_EPOCH;
        let quiet = |status, wait| quiet_until(status, wait, now).map(|until| (until - now).num_seconds());
        assert_eq!((quiet(429, Some(60)), quiet(503, Some(60))), (Some(60), Some(60)));
        assert_eq!(quiet(429, Some(u64::MAX)), Some(86_400));
        assert_eq!((quiet(429, None), quiet(500, Some(60)), quiet(200, Some(60))), (None, None, None));
    }

    proptest! {
        #[test]
        fn a_try_is_never_earlier_than_its_pause_and_no_later_than_a_fifth_more(attempts in 1_i64..9, chance in 0.0_f64..1.0) {
            let now = DateTime::UNIX_EPOCH;
            let pause = i64::try_from(PAUSES[usize::try_from(attempts - 1).unwrap()]).unwrap();
            let waited = (next_try(PAUSES, attempts, None, chance, now).unwrap() - now).num_seconds();
            prop_assert!(waited >= pause && waited <= pause + pause / 5 + 1);
        }
    }
}
