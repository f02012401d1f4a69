//! Delivery: a message on its way to one address. It is tried again while that can help, and given up with its reason.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{NotificationChannel as Channel, NotificationKind};
use crate::{
    access::RecordType,
    id::{Id, UserId},
};

/// Marks ids of deliveries.
#[derive(Debug)]
pub struct DeliveryMark;
/// Id of a delivery.
pub type DeliveryId = Id<DeliveryMark>;

/// So often one is tried.
pub const MOST_ATTEMPTS: i64 = 12;
/// For so long a try has the message for itself, seconds: longer than the longest try.
pub const LEASE_SECONDS: i64 = 120;

words! {
    /// Where a delivery stands.
    pub enum DeliveryState {
        /// To be sent.
        Pending = "pending",
        /// Taken over by the other side.
        Sent = "sent",
        /// Given up.
        Failed = "failed",
        /// Not to be sent any more: what it tells of is over, out of the person's sight, or not wanted this way.
        Dropped = "dropped",
    }
}

/// What is sent; gone once it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Message {
    /// Whom: an e-mail address or a chat.
    pub to: String,
    /// Language of the words around it.
    pub language: String,
    /// What happened, in a line.
    pub title: String,
    /// More about it, in lines.
    pub body: String,
    /// Where to go on.
    pub link: Option<String>,
    /// Whose message it is: the name of the workspace.
    pub workspace: String,
    /// A secret that is put into the link when it is sent: sealed, base64.
    pub sealed: Option<String>,
    /// Something to go along as it is.
    pub attachment: Option<Attachment>,
    /// What a person is told of by it; read anew when it is sent.
    pub told: Option<Told>,
}

/// What a message tells a person of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What about.
    pub kind: NotificationKind,
    /// Type of the record.
    pub record_type: Option<RecordType>,
    /// Id of the record.
    pub record_id: Option<Uuid>,
    /// What is known beside the record.
    pub facts: Value,
}

/// Something that goes along with a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// What it holds, base64.
    pub base64: String,
}

/// A message and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id; the same with every try.
    pub id: DeliveryId,
    /// By which channel.
    pub channel: Channel,
    /// To whom; `None` for an address that is nobody's here.
    pub user: Option<UserId>,
    /// What.
    pub message: Message,
    /// How often it was tried.
    pub attempts: i64,
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The other side has it.
    Sent,
    /// It will never have it.
    Refused(String),
    /// The person does not want to hear of us by this channel.
    Blocked(String),
    /// It may have it later; not before so many seconds where the other side said so.
    Later(String, Option<i64>),
}

/// When a message is tried again after so many tries; `None` gives it up. `wish` is how many seconds the other side wants to be left
/// alone.
pub fn retry_at(attempts: i64, wish: Option<i64>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if attempts >= MOST_ATTEMPTS {
        return None;
    }
    // 5 s, 30 s, 3 min, 18 min, then every two hours
    let usual = 5 * 6_i64.pow(u32::try_from(attempts.clamp(1, 5) - 1).unwrap_or_default());
    let seconds = usual.min(7200).max(wish.unwrap_or_default().clamp(0, 86_400));
    Some(now + Duration::seconds(seconds))
}

/// How it stands with a channel: what an operator has to know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelHealth {
    /// Messages that wait.
    #[schema(required = true)]
    pub queued: i64,
    /// Since when the oldest of them waits.
    #[schema(required = true)]
    pub waiting_since: Option<DateTime<Utc>>,
    /// When one was sent last.
    #[schema(required = true)]
    pub last_success_at: Option<DateTime<Utc>>,
    /// When one failed last.
    #[schema(required = true)]
    pub last_error_at: Option<DateTime<Utc>>,
    /// Why.
    #[schema(required = true)]
    pub last_error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_grow_rarer_and_end() {
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let waits: Vec<i64> = (1..=MOST_ATTEMPTS).filter_map(|n| retry_at(n, None, now)).map(|at| (at - now).num_seconds()).collect();
        assert_eq!(waits, [5, 30, 180, 1080, 6480, 6480, 6480, 6480, 6480, 6480, 6480]);
        assert_eq!(retry_at(MOST_ATTEMPTS, None, now), None);
        assert_eq!(retry_at(1, Some(77), now), Some(now + Duration::seconds(77)));
        assert_eq!(retry_at(1, Some(i64::MAX), now), Some(now + Duration::days(1)));
        assert_eq!(retry_at(1, Some(-5), now), Some(now + Duration::seconds(5)));
    }
}
