//! Notification: something a person is told, once per cause. The list inside Kartoteka is one of its channels; mail and Telegram are others.

pub mod delivery;
pub mod rule;
pub mod settings;
pub mod watch;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    access::RecordType,
    id::Id,
    list::{AnyOf, Archived, Cursor, Limit, ListParameters, Moment, PageRequest},
};

words! {
    /// What a notification is about. Open to additions.
    pub enum NotificationKind {
        /// A new enquiry, or one that was given to the person.
        LeadReceived = "lead_received",
        /// Nobody reacted to an enquiry.
        LeadUntouched = "lead_untouched",
        /// Somebody else made a task for the person, or gave him one.
        TaskAssigned = "task_assigned",
        /// A task's reminder.
        TaskReminder = "task_reminder",
        /// A task's due time passed.
        TaskOverdue = "task_overdue",
        /// A deal stays in its stage too long, or soon will.
        StageLimit = "stage_limit",
        /// A deal was won.
        DealWon = "deal_won",
        /// A deal was lost.
        DealLost = "deal_lost",
        /// Somebody's work was handed over to the person.
        RecordHandedOver = "record_handed_over",
        /// A client called and nobody answered.
        CallMissed = "call_missed",
        /// What the day brings.
        Digest = "digest",
        /// An integration does not work.
        IntegrationAlarm = "integration_alarm",
    }
}

words! {
    /// A way a person is told.
    pub enum NotificationChannel {
        /// The list inside Kartoteka.
        InApp = "in_app",
        /// E-mail to the address he signs in with.
        Email = "email",
        /// A message of the Telegram bot.
        Telegram = "telegram",
    }
}

/// Marks ids of notifications.
#[derive(Debug)]
pub struct NotificationMark;
/// Id of a notification.
pub type NotificationId = Id<NotificationMark>;

/// Something a person was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notification {
    /// Identifier, UUID v7 made by the server.
    #[schema(required = true, value_type = crate::id::AnyId)]
    pub id: NotificationId,
    /// What it is about.
    #[schema(required = true)]
    pub kind: NotificationKind,
    /// What happened, in a line, in the person's language.
    #[schema(required = true)]
    pub title: String,
    /// More about it; null where the line says all, or the record is out of the person's sight by now.
    #[schema(required = true)]
    pub body: Option<String>,
    /// Type of the record it is about.
    #[schema(required = true)]
    pub record_type: Option<RecordType>,
    /// Id of the record it is about.
    #[schema(required = true, value_type = Option<crate::id::AnyId>)]
    pub record_id: Option<uuid::Uuid>,
    /// When he was told.
    #[schema(required = true)]
    pub created_at: DateTime<Utc>,
    /// When he read it; null until then.
    #[schema(required = true)]
    pub read_at: Option<DateTime<Utc>>,
}

sorts! {
    /// Orders of notifications.
    pub enum NotificationSort { NewestFirst = "-created_at" => "created_at" down, OldestFirst = "created_at" => "created_at" up }
}

params! {
    /// Filters of notifications.
    pub struct ListNotifications {
        /// Only those that were not read (`true`), or were (`false`).
        unread: bool,
        /// What they are about.
        kind: AnyOf<NotificationKind>,
        /// Told at or after.
        created_after: Moment,
        /// How many records a page holds, 1 to 200; 50 when absent.
        limit: Limit,
        /// Where to go on: the `next_cursor` of the page before, with the same sort and filters.
        cursor: Cursor,
        /// Order; `-` means descending. The id breaks ties.
        sort: NotificationSort,
        /// Adds `total`, the count of all matching records.
        include_total: bool,
    }
}
impl ListParameters for ListNotifications {
    type Sort = NotificationSort;
    fn page(&self) -> PageRequest<NotificationSort> {
        PageRequest {
            limit: self.limit.unwrap_or_default().get(),
            cursor: self.cursor.as_ref().map(|cursor| cursor.0.clone()),
            sort: self.sort.unwrap_or_default(),
            archived: Archived::Include,
            include_total: self.include_total.unwrap_or_default(),
        }
    }
}

/// Which notifications were read.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadNotifications {
    /// Everything told up to this moment; up to now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

/// How many notifications wait to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnreadNotifications {
    /// How many.
    #[schema(required = true)]
    pub unread: i64,
}
