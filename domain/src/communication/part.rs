//! What a communication is told by: through what, who began it, where, with whom.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    id::{ContactId, UserId},
    invalid::{FieldCode, FieldErrors, line},
};

words! {
    /// Through what people talked.
    pub enum Channel {
        /// A website form.
        Form = "form",
        /// A phone call.
        Call = "call",
        /// A meeting.
        Meeting = "meeting",
        /// A letter.
        Email = "email",
        /// A text message.
        Sms = "sms",
        /// A chat or messenger.
        Chat = "chat",
        /// A social network.
        Social = "social",
        /// A questionnaire.
        Survey = "survey",
        /// Anything else.
        Other = "other",
    }
}

words! {
    /// Who began it.
    pub enum Direction {
        /// The client.
        Inbound = "inbound",
        /// We.
        Outbound = "outbound",
    }
}

words! {
    /// Whether it took place.
    pub enum CommunicationStatus {
        /// Agreed for later.
        Planned = "planned",
        /// It did.
        Done = "done",
        /// It did not.
        Missed = "missed",
    }
}

words! {
    /// What led to a communication.
    pub enum TriggerKind {
        /// Another communication.
        Communication = "communication",
        /// A task.
        Task = "task",
        /// A submission of a form.
        Submission = "submission",
        /// An automation rule.
        Rule = "rule",
    }
}

/// What led to a communication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggeredBy {
    /// Kind of the record.
    pub kind: TriggerKind,
    /// Its id.
    pub id: uuid::Uuid,
}

/// A place on the globe, WGS 84 degrees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Coordinates {
    /// Latitude, -90 to 90.
    #[validate(range(min = -90.0, max = 90.0))]
    #[schema(minimum = -90, maximum = 90)]
    pub latitude: f64,
    /// Longitude, -180 to 180.
    #[validate(range(min = -180.0, max = 180.0))]
    #[schema(minimum = -180, maximum = 180)]
    pub longitude: f64,
}

/// Somebody who took part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Participant {
    /// A contact; not beside `user_id`.
    #[schema(required = true)]
    pub contact_id: Option<ContactId>,
    /// A colleague.
    #[schema(required = true)]
    pub user_id: Option<UserId>,
    /// A name, where there is no card.
    #[validate(length(max = 200))]
    #[schema(max_length = 200, required = true)]
    pub name: Option<String>,
    /// What part he took.
    #[validate(length(max = 100))]
    #[schema(max_length = 100, required = true)]
    pub role: Option<String>,
}

/// Each is somebody, and one: a card, a colleague or a name; and nobody takes part twice.
pub(super) fn check(participants: &[Participant], errors: &mut FieldErrors) {
    for (index, one) in participants.iter().enumerate() {
        let at = |field: &str| format!("/participants/{index}/{field}");
        match (one.contact_id, one.user_id) {
            (None, None) if line(one.name.as_deref()).is_none() => errors.add(at("name"), FieldCode::Required),
            (Some(_), Some(_)) => errors.add(at("user_id"), FieldCode::ConflictingFields),
            _ => {}
        }
        let before = participants.get(..index).unwrap_or_default();
        if one.contact_id.is_some() && before.iter().any(|other| other.contact_id == one.contact_id) {
            errors.add(at("contact_id"), FieldCode::ToldTwice);
        } else if one.user_id.is_some() && before.iter().any(|other| other.user_id == one.user_id) {
            errors.add(at("user_id"), FieldCode::ToldTwice);
        }
    }
}

/// The other side, when there is no card of it yet: it is found by these or made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Party {
    /// Name as given.
    #[validate(length(max = 200))]
    #[schema(max_length = 200)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Phone as people write it.
    #[validate(length(max = 100))]
    #[schema(max_length = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// E-mail address.
    #[validate(length(max = 320))]
    #[schema(max_length = 320)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn everybody_who_takes_part_is_one_person_and_told_once() {
        let contact = |number| Participant { contact_id: Some(ContactId::new(Uuid::from_u128(number))), ..Participant::default() };
        let colleague = |number| Participant { user_id: Some(UserId::new(Uuid::from_u128(number))), ..Participant::default() };
        let named = |name: &str| Participant { name: Some(name.into()), ..Participant::default() };
        let faults = |participants: &[Participant]| {
            let mut errors = FieldErrors::default();
            check(participants, &mut errors);
            errors.0.into_iter().map(|error| format!("{} {}", error.pointer, error.code)).collect::<Vec<_>>()
        };
        assert!(faults(&[contact(1), contact(2), colleague(1), named("Иван"), named("Иван")]).is_empty());
        assert_eq!(faults(&[named(" ")]), ["/participants/0/name required"]);
        let both = Participant { user_id: colleague(1).user_id, ..contact(1) };
        assert_eq!(faults(&[both]), ["/participants/0/user_id conflicting_fields"]);
        assert_eq!(faults(&[contact(1), colleague(1), contact(1)]), ["/participants/2/contact_id told_twice"]);
        assert_eq!(faults(&[colleague(1), colleague(1)]), ["/participants/1/user_id told_twice"]);
    }
}
