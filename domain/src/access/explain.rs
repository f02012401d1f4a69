//! Why somebody sees a record or a field, or why not: the same steps that reading takes, told one by one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{FieldAccess, Reach, RecordType, Rights, Verb};
use crate::{
    id::{DepartmentId, UserId},
    role::Seen,
};

words! {
    /// One step of the way to a field.
    pub enum AccessStep {
        /// Whether the person may act at all.
        Active = "active",
        /// What the role says of this record type.
        Role = "role",
        /// Whether the record is within that reach.
        Reach = "reach",
        /// The departments between the person's and the responsible person's.
        Department = "department",
        /// What the role says of this field.
        Field = "field",
    }
}

params! {
    /// Whose access to what.
    pub struct ExplainParams {
        /// Whose access; the asking user's when absent.
        user_id: UserId,
        /// Type of the record.
        record_type (required): RecordType,
        /// Its id; without it only the role is told.
        record_id: crate::id::AnyId,
        /// A field of it.
        field: String,
    }
}

params! {
    /// What of whom a role is tried on.
    pub struct PreviewParams {
        /// Type of the record.
        record_type (required): RecordType,
        /// Its id.
        record_id (required): crate::id::AnyId,
        /// As if this person had the role: his records, his department.
        user_id: UserId,
        /// As if somebody of this department had it who is responsible for nothing.
        department_id: DepartmentId,
    }
}

/// A record as somebody with a role would see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RolePreview {
    /// Whether it is seen.
    #[schema(required = true)]
    pub allowed: bool,
    /// The record as it would be answered; null where it is not seen.
    #[schema(required = true, value_type = crate::free::AnyValue)]
    pub record: serde_json::Value,
    /// What of its fields is hidden, masked, read-only.
    #[schema(required = true)]
    pub access: FieldAccess,
    /// The way to it, up to the step that does not let through.
    #[schema(required = true)]
    pub steps: Vec<ExplainedStep>,
}

/// One step, and whether it lets through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplainedStep {
    /// Which.
    #[schema(required = true)]
    pub step: AccessStep,
    /// Whether it lets through.
    #[schema(required = true)]
    pub allows: bool,
    /// Why, in words.
    #[schema(required = true)]
    pub why: String,
}

words! {
    /// What is seen in the end.
    pub enum Visible {
        /// All of it.
        Clear = "clear",
        /// Its shape.
        Masked = "masked",
        /// That the record is there, not the field.
        Hidden = "hidden",
        /// Nothing: as if it were not there.
        Nothing = "nothing",
    }
}

/// Whether and why a record or a field is seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// Whether it is seen.
    #[schema(required = true)]
    pub allowed: bool,
    /// How.
    #[schema(required = true)]
    pub visible: Visible,
    /// Whether the field may be written by whoever may change the record.
    #[schema(required = true)]
    pub writable: bool,
    /// The way to it, up to the step that does not let through.
    #[schema(required = true)]
    pub steps: Vec<ExplainedStep>,
}

/// What is known of a person and a record.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Whether the person is active.
    pub active: bool,
    /// The person's department.
    pub department: Option<DepartmentId>,
    /// The record: whether a read with the person's scope finds it.
    pub found: Option<bool>,
    /// Who is responsible for it.
    pub owner: Option<UserId>,
    /// Departments from the responsible person's own up to the root.
    pub owner_departments: Vec<DepartmentId>,
    /// Whether the person is responsible for it, first or further.
    pub own: bool,
}

/// Tells the way to a record, or to a field of it.
pub fn explain(rights: &Rights, record: RecordType, field: Option<&str>, facts: &Facts) -> Explanation {
    let mut steps = Vec::new();
    let mut step = |step, allows, why: String| {
        steps.push(ExplainedStep { step, allows, why });
        allows
    };
    let reach = rights.reach(record, Verb::Read);
    let mut allowed =
        step(AccessStep::Active, facts.active, if facts.active { "active" } else { "deactivated: every credential is refused" }.to_owned())
            && step(AccessStep::Role, reach != Reach::None, format!("the role «{}» reads {record} records: {reach}", rights.role));
    if let Some(found) = facts.found.filter(|_| allowed) {
        if reach == Reach::Department {
            let under = facts.department.is_some_and(|own| facts.owner_departments.contains(&own));
            let path: Vec<String> = facts.owner_departments.iter().map(|id| id.uuid().to_string()).collect();
            let path = if path.is_empty() { "none".to_owned() } else { path.join(" → ") };
            step(AccessStep::Department, under || found, format!("departments of the responsible person, upwards: {path}"));
        }
        let owner = facts.owner.map_or_else(|| "nobody".to_owned(), |owner: UserId| Uuid::to_string(&owner.uuid()));
        let why = match (found, reach) {
            (true, Reach::All) => "everything in the workspace is within reach".to_owned(),
            (true, _) if facts.own => "the person is responsible for it".to_owned(),
            (true, _) => format!("it follows its card, or its responsible person ({owner}) is within reach"),
            (false, _) => format!("not within reach, or not there; responsible: {owner}"),
        };
        allowed = step(AccessStep::Reach, found, why);
    }
    let (mut visible, mut writable) = (if allowed { Visible::Clear } else { Visible::Nothing }, allowed);
    if let Some(field) = field.filter(|_| allowed) {
        let rule = rights.fields.rule(record, field, facts.own);
        visible = match rights.fields.seen(record, field, facts.own) {
            Seen::Clear => Visible::Clear,
            Seen::Masked => Visible::Masked,
            Seen::Hidden => Visible::Hidden,
        };
        writable = rights.fields.may_write(record, field, facts.own);
        allowed = visible != Visible::Hidden;
        let why = rule.map_or_else(|| "no rule of the role holds for it".to_owned(), |rule| format!("the role makes it {rule}"));
        steps.push(ExplainedStep { step: AccessStep::Field, allows: allowed, why });
    }
    Explanation { allowed, visible, writable, steps }
}
