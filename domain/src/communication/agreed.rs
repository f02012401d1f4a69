//! What is agreed in a communication: the next step as it was then, and the next meeting as it is asked for.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{Channel, Communication, CommunicationStatus, Coordinates, Direction, NewCommunication, Participant, TriggerKind, TriggeredBy};
use crate::{
    id::{CommunicationId, ContactId, TaskId},
    invalid::{FieldCode, FieldErrors, line},
    record::CLOCKS_DIFFER,
    task::Task,
};

/// The next step that was agreed in a communication, as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgreedTask {
    /// Its id.
    #[schema(required = true)]
    pub id: TaskId,
    /// What to do.
    #[schema(required = true)]
    pub title: String,
    /// When it is due.
    #[schema(required = true)]
    pub due_at: Option<DateTime<Utc>>,
}

impl From<&Task> for AgreedTask {
    fn from(task: &Task) -> Self {
        Self { id: task.id, title: task.title.clone(), due_at: task.due_at }
    }
}

/// The meeting that was agreed in a communication, as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgreedMeeting {
    /// Its id.
    #[schema(required = true)]
    pub id: CommunicationId,
    /// When it is to take place.
    #[schema(required = true)]
    pub occurred_at: DateTime<Utc>,
    /// Where.
    #[schema(required = true)]
    pub place: Option<String>,
}

impl From<&Communication> for AgreedMeeting {
    fn from(meeting: &Communication) -> Self {
        Self { id: meeting.id, occurred_at: meeting.occurred_at, place: meeting.place.clone() }
    }
}

/// A meeting that is agreed in a communication: planned with the same client, about the same enquiry and deal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NextMeeting {
    /// When.
    #[schema(required = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<DateTime<Utc>>,
    /// Where.
    #[validate(length(max = 500))]
    #[schema(required = true, max_length = 500)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Where on the globe.
    #[validate(nested)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coordinates: Option<Coordinates>,
    /// How long it is to last, seconds, at most a week.
    #[validate(range(min = 0, max = 604_800))]
    #[schema(minimum = 0, maximum = 604_800)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<i64>,
    /// Who else is to take part.
    #[validate(length(max = 50), nested)]
    #[schema(max_items = 50)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participants: Option<Vec<Participant>>,
}

impl NextMeeting {
    /// It says when, which is still to come, and where.
    pub(super) fn check(&self, now: DateTime<Utc>, errors: &mut FieldErrors) {
        match errors.time("/next_meeting/occurred_at", self.occurred_at) {
            None => errors.add("/next_meeting/occurred_at", FieldCode::Required),
            Some(at) if at < now - CLOCKS_DIFFER && crate::zone::is_sane(at) => {
                errors.add_with("/next_meeting/occurred_at", FieldCode::InThePast, at.to_rfc3339());
            }
            Some(_) => {}
        }
        if line(self.place.as_deref()).is_none() {
            errors.add("/next_meeting/place", FieldCode::Required);
        }
    }

    /// The planned meeting, as what would record it.
    pub fn input(&self, with: ContactId) -> NewCommunication {
        NewCommunication {
            channel: Some(Channel::Meeting),
            direction: Some(Direction::Outbound),
            status: Some(CommunicationStatus::Planned),
            occurred_at: self.occurred_at,
            duration_seconds: self.duration_seconds,
            contact_id: Some(with),
            participants: self.participants.clone(),
            place: self.place.clone(),
            coordinates: self.coordinates.clone(),
            ..NewCommunication::default()
        }
    }
}

impl Communication {
    /// What was agreed in another communication: about the same, led by the same person, and caused by it.
    #[must_use]
    pub fn agreed_in(self, of: &Self) -> Self {
        Self {
            lead_id: of.lead_id,
            deal_id: of.deal_id,
            topic: of.topic.clone(),
            owner_id: of.owner_id,
            triggered_by: Some(TriggeredBy { kind: TriggerKind::Communication, id: of.id.uuid() }),
            ..self
        }
    }
}
