//! Typed identifiers: a `DealId` does not fit where a `ContactId` is wanted.

use std::{fmt, hash::Hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The id of a record of type `T`; a UUID v7 on the wire.
pub struct Id<T>(Uuid, PhantomData<fn() -> T>);

impl<T> Id<T> {
    /// Types a UUID.
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }
    /// The bare UUID.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<T> Hash for Id<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl<T> FromStr for Id<T> {
    type Err = uuid::Error;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Uuid::from_str(s).map(Self::new)
    }
}
impl<T> From<Uuid> for Id<T> {
    fn from(uuid: Uuid) -> Self {
        Self::new(uuid)
    }
}
impl<T> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
impl<'de, T> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self::new)
    }
}
impl<T> utoipa::PartialSchema for Id<T> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
            .description(Some("Identifier, UUID v7 made by the server."))
            .into()
    }
}
impl<T> utoipa::ToSchema for Id<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }
}

/// The id of any record, where the spec needs a name without a type.
pub type AnyId = Id<()>;
/// Id of a workspace (tenant).
pub type WorkspaceId = Id<crate::workspace::Workspace>;
/// Id of a user in a workspace.
pub type UserId = Id<crate::user::User>;
/// Id of a department.
pub type DepartmentId = Id<crate::department::Department>;
/// Id of a contact.
pub type ContactId = Id<crate::contact::Contact>;
/// Id of a company.
pub type CompanyId = Id<crate::company::Company>;
/// Id of one phone, e-mail or messenger handle of a card.
pub type PointId = Id<crate::contact::Phone>;
/// Id of a further responsible person's entry.
pub type ResponsibleId = Id<crate::contact::Responsible>;
/// Id of a source.
pub type SourceId = Id<crate::catalogue::Source>;
/// Id of a reject reason.
pub type RejectReasonId = Id<crate::catalogue::RejectReason>;
/// Id of a lead.
pub type LeadId = Id<crate::lead::Lead>;
/// Id of a form.
pub type FormId = Id<crate::form::Form>;
/// Id of a submission.
pub type SubmissionId = Id<crate::submission::Submission>;
/// Id of a task.
pub type TaskId = Id<crate::task::Task>;
/// Id of a communication.
pub type CommunicationId = Id<crate::communication::Communication>;
/// Id of an outcome of communications.
pub type CommunicationOutcomeId = Id<crate::communication::outcome::CommunicationOutcome>;
/// Id of a note.
pub type NoteId = Id<crate::note::Note>;
/// Id of a deal.
pub type DealId = Id<crate::deal::Deal>;
/// Id of a line item of a deal.
pub type LineItemId = Id<crate::deal::LineItem>;
/// Id of a pipeline.
pub type PipelineId = Id<crate::pipeline::Pipeline>;
/// Id of a stage of a pipeline.
pub type StageId = Id<crate::pipeline::Stage>;
/// Id of a step of a stage's checklist.
pub type ChecklistStepId = Id<crate::pipeline::stage::ChecklistStep>;
/// Id of a reason deals are lost for.
pub type LostReasonId = Id<crate::catalogue::LostReason>;
/// Id of an API key.
pub type ApiKeyId = Id<crate::api_key::ApiKey>;
/// Id of a rule of assignment.
pub type AssignmentRuleId = Id<crate::assignment::rule::AssignmentRule>;
/// Id of a webhook.
pub type WebhookId = Id<crate::webhook::Webhook>;
/// Id of a delivery to a webhook.
pub type WebhookDeliveryId = Id<crate::webhook::delivery::WebhookDelivery>;
/// Id of a session.
pub type SessionId = Id<crate::session::Session>;
