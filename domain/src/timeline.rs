//! Timeline and client view: everything about one client, newest first.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{Discriminator, ObjectBuilder, OneOfBuilder, Ref, RefBuilder, Type},
    },
};
use uuid::Uuid;

use crate::{
    access::RecordType,
    actor::ActorRef,
    communication::Communication,
    company::Company,
    contact::Contact,
    deal::{Deal, movement::StageChange, turnover::Turnover},
    hint::Hint,
    lead::Lead,
    list::AnyOf,
    note::Note,
    submission::Submission,
    task::Task,
};

words! {
    /// Kinds of timeline items. Open to additions.
    pub enum TimelineKind {
        /// A communication.
        Communication = "communication",
        /// A task.
        Task = "task",
        /// A note.
        Note = "note",
        /// A lead.
        Lead = "lead",
        /// A submission of a form.
        Submission = "submission",
        /// A deal.
        Deal = "deal",
        /// A step of a deal through its stages.
        StageChange = "stage_change",
        /// A change of the card's fields.
        Change = "change",
    }
}

params! {
    /// Which part of a timeline.
    pub struct TimelineParams {
        /// Only these kinds.
        kind: AnyOf<TimelineKind>,
        /// How many items a page holds, 1 to 200; 50 when absent.
        limit: crate::list::Limit,
        /// Where to go on: the `next_cursor` of the page before.
        cursor: String,
    }
}

/// A change of a card's fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    /// Id of the audit event.
    #[schema(required = true)]
    pub id: Uuid,
    /// Type of the changed record.
    #[schema(required = true)]
    pub record: RecordType,
    /// What happened: `created`, `updated`, `archived`, `restored`, …
    #[schema(required = true)]
    pub action: String,
    /// Who did it.
    #[schema(required = true)]
    pub actor: ActorRef,
    /// Changed fields, each `{before, after}`.
    #[schema(required = true, value_type = crate::free::FieldChanges)]
    pub changes: Value,
}

/// One item of a timeline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimelineItem {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What.
    #[serde(flatten)]
    pub what: TimelineEntry,
}

/// What a timeline item is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", content = "record", rename_all = "snake_case")]
pub enum TimelineEntry {
    /// A communication.
    Communication(Communication),
    /// A task.
    Task(Task),
    /// A note.
    Note(Note),
    /// A lead.
    Lead(Lead),
    /// A submission.
    Submission(Submission),
    /// A deal.
    Deal(Deal),
    /// A step of a deal.
    StageChange(StageChange),
    /// A change of fields.
    Change(FieldChange),
}

/// Names of the union's variants by kind.
const VARIANTS: &[(&str, &str, &str)] = &[
    ("communication", "TimelineCommunication", "Communication"),
    ("task", "TimelineTask", "Task"),
    ("note", "TimelineNote", "Note"),
    ("lead", "TimelineLead", "Lead"),
    ("submission", "TimelineSubmission", "Submission"),
    ("deal", "TimelineDeal", "Deal"),
    ("stage_change", "TimelineStageChange", "StageChange"),
    ("change", "TimelineChange", "FieldChange"),
];

impl PartialSchema for TimelineItem {
    fn schema() -> RefOr<Schema> {
        let mut union = OneOfBuilder::new().description(Some("One item of a timeline; open to additional kinds."));
        for (_, name, _) in VARIANTS {
            union = union.item(Ref::from_schema_name(*name));
        }
        let mapping = VARIANTS.iter().map(|(kind, name, _)| ((*kind).to_owned(), format!("#/components/schemas/{name}")));
        union.discriminator(Some(Discriminator::with_mapping("kind", mapping))).into()
    }
}
impl ToSchema for TimelineItem {
    fn name() -> std::borrow::Cow<'static, str> {
        "TimelineItem".into()
    }
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        for (kind, name, record) in VARIANTS {
            let variant = ObjectBuilder::new()
                .description(Some(format!("A timeline item of kind `{kind}`.")))
                .property(
                    "at",
                    ObjectBuilder::new()
                        .schema_type(Type::String)
                        .format(Some(utoipa::openapi::schema::SchemaFormat::KnownFormat(utoipa::openapi::schema::KnownFormat::DateTime)))
                        .description(Some("When it happened, UTC.")),
                )
                .required("at")
                .property(
                    "kind",
                    ObjectBuilder::new().schema_type(Type::String).enum_values(Some([*kind])).description(Some("Kind of the item.")),
                )
                .required("kind")
                .property("record", RefBuilder::new().ref_location_from_schema_name(*record).description(Some("The record as it is now.")))
                .required("record");
            schemas.push(((*name).to_owned(), variant.into()));
        }
        crate::list::dependency::<Communication>(schemas);
        crate::list::dependency::<Task>(schemas);
        crate::list::dependency::<Note>(schemas);
        crate::list::dependency::<Lead>(schemas);
        crate::list::dependency::<Submission>(schemas);
        crate::list::dependency::<Deal>(schemas);
        crate::list::dependency::<StageChange>(schemas);
        crate::list::dependency::<FieldChange>(schemas);
    }
}

/// A client in one answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ContactOverview {
    /// The card.
    #[schema(required = true)]
    pub contact: Contact,
    /// The company.
    #[schema(required = true)]
    pub company: Option<Company>,
    /// The next step: the earliest open task.
    #[schema(required = true)]
    pub next_task: Option<Task>,
    /// Open tasks, earliest first, at most 20.
    #[schema(required = true)]
    pub open_tasks: Vec<Task>,
    /// Open leads, newest first, at most 20.
    #[schema(required = true)]
    pub open_leads: Vec<Lead>,
    /// Open deals, newest first, at most 20.
    #[schema(required = true)]
    pub open_deals: Vec<Deal>,
    /// The last communications, newest first, at most 10.
    #[schema(required = true)]
    pub recent_communications: Vec<Communication>,
    /// The last notes, newest first, at most 10.
    #[schema(required = true)]
    pub recent_notes: Vec<Note>,
    /// What to do with the client now, the most urgent first, each with its reason.
    #[schema(required = true)]
    pub hints: Vec<Hint>,
    /// What the client bought; null for whoever may not see what deals came to.
    #[schema(required = true)]
    pub turnover: Option<Turnover>,
    /// Since when the card is kept.
    #[schema(required = true)]
    pub client_since: DateTime<Utc>,
}
