//! Batch: many creations, changes and upserts in one request, each with a result of its own.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{
    ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema, schema::Type},
};
use uuid::Uuid;

use crate::{
    invalid::{FieldCode, FieldErrors},
    record::Warning,
};

/// The most operations of one batch.
pub const MOST: usize = 500;
/// The longest name of an operation, and of a record in another system; characters.
const LONGEST_NAME: usize = 200;

words! {
    /// What an operation of a batch does.
    pub enum BatchKind {
        /// Makes a record.
        Create = "create",
        /// Changes the one with this id or external id.
        Update = "update",
        /// Makes or changes the one with this external id.
        Upsert = "upsert",
    }
}

words! {
    /// What came of an operation of a batch.
    pub enum BatchStatus {
        /// The record is new.
        Created = "created",
        /// The record was changed.
        Updated = "updated",
        /// The record was so already, and keeps its version.
        Unchanged = "unchanged",
        /// A card that seems to be the same is there: nothing was written.
        Duplicate = "duplicate",
        /// Refused: nothing was written.
        Rejected = "rejected",
    }
}

params! {
    /// How a batch is done.
    pub struct BatchParams {
        /// Check everything, answer what would happen, write nothing.
        dry_run: bool,
    }
}

/// A batch as it is read: its operations one by one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawBatch {
    /// All or nothing.
    #[serde(default)]
    pub atomic: Option<bool>,
    /// What to do, in this order.
    pub operations: Vec<Value>,
}

impl RawBatch {
    /// At least one operation, and no more than [`MOST`].
    pub fn checked(self) -> Result<Self, FieldErrors> {
        match self.operations.len() {
            0 => Err(FieldErrors::one("/operations", FieldCode::TooShort)),
            1..=MOST => Ok(self),
            _ => {
                let mut errors = FieldErrors::default();
                errors.add_with("/operations", FieldCode::TooLong, MOST.to_string());
                Err(errors)
            }
        }
    }
}

/// One operation as it is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawOperation {
    /// What to do.
    pub kind: BatchKind,
    /// The asker's name for it.
    #[serde(rename = "ref")]
    pub name: String,
    /// Which record.
    #[serde(default)]
    pub id: Option<Uuid>,
    /// Which record, by the integrator's own key.
    #[serde(default)]
    pub external_id: Option<String>,
    /// The version it was made from.
    #[serde(default)]
    pub version: Option<i64>,
    /// The record's fields.
    pub record: Value,
}

/// Which record an operation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A new one.
    New,
    /// The one with this id.
    Id(Uuid),
    /// The one with this external id, which must be there.
    External(String),
    /// The one with this external id, there or not.
    Either(String),
}

impl RawOperation {
    /// Fits its description: the lengths of its names.
    pub fn checked(self) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        for (pointer, name) in [("/ref", Some(&self.name)), ("/external_id", self.external_id.as_ref())] {
            match name.map(|name| name.chars().count()) {
                Some(0) => errors.add(pointer, FieldCode::TooShort),
                Some(length) if length > LONGEST_NAME => errors.add_with(pointer, FieldCode::TooLong, LONGEST_NAME.to_string()),
                _ => {}
            }
        }
        errors.finish().map(|()| self)
    }
    /// Which record it is about; every fault at once. `keyed`: records of this type have an external id.
    pub fn target(&self, keyed: bool) -> Result<Target, FieldErrors> {
        let mut errors = FieldErrors::default();
        let external = self.external_id.as_deref().filter(|_| keyed);
        let target = match (self.kind, self.id, external) {
            (BatchKind::Create, None, None) => Some(Target::New),
            // where the address is the integrator's own key, it is a field like any other
            (BatchKind::Create, None, Some(_)) => {
                errors.add("/external_id", FieldCode::ConflictingFields);
                None
            }
            (BatchKind::Update, Some(id), None) => Some(Target::Id(id)),
            (BatchKind::Update, None, Some(key)) => Some(Target::External(key.to_owned())),
            (BatchKind::Upsert, None, Some(key)) => Some(Target::Either(key.to_owned())),
            (BatchKind::Upsert, ..) if !keyed => {
                errors.add("/kind", FieldCode::ConflictingFields);
                None
            }
            (_, Some(_), _) => {
                errors.add("/id", FieldCode::ConflictingFields);
                None
            }
            (BatchKind::Update, None, None) => {
                errors.add("/id", FieldCode::Required);
                None
            }
            (BatchKind::Upsert, None, None) => {
                errors.add("/external_id", FieldCode::Required);
                None
            }
        };
        if self.version.is_some() && self.kind != BatchKind::Update {
            errors.add("/version", FieldCode::ConflictingFields);
        }
        errors.finish()?;
        target.ok_or_else(|| FieldErrors::one("/kind", FieldCode::ConflictingFields))
    }
}

/// A problem document, which the API describes, or none.
fn problem_or_null() -> RefOr<Schema> {
    let text = "Why it was refused, as the same request alone would have been; pointers lead into the operation's `record`.";
    OneOfBuilder::new()
        .description(Some(text))
        .item(Ref::from_schema_name("Problem"))
        .item(ObjectBuilder::new().schema_type(Type::Null))
        .into()
}

/// What came of one operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BatchResult {
    /// The asker's name for it.
    #[serde(rename = "ref")]
    #[schema(required = true)]
    pub name: String,
    /// What came of it.
    #[schema(required = true)]
    pub status: BatchStatus,
    /// The record; of a `duplicate` the best candidate; null where it was refused.
    #[schema(required = true)]
    pub id: Option<Uuid>,
    /// The record's version now; null where nothing was done.
    #[schema(required = true)]
    pub version: Option<i64>,
    /// Why it was refused, as the same request alone would have been; pointers lead into the operation's `record`.
    #[schema(required = true, schema_with = problem_or_null)]
    pub problem: Option<Value>,
    /// What a policy warns of.
    #[schema(required = true)]
    pub warnings: Vec<Warning>,
}

/// What came of a batch: a result for each operation, in their order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BatchOutcome {
    /// Whether this is a preview: nothing was written.
    #[schema(required = true)]
    pub dry_run: bool,
    /// One for each operation, in the same order.
    #[schema(required = true)]
    pub results: Vec<BatchResult>,
    /// How many are new.
    #[schema(required = true)]
    pub created: u32,
    /// How many were changed.
    #[schema(required = true)]
    pub updated: u32,
    /// How many were so already.
    #[schema(required = true)]
    pub unchanged: u32,
    /// How many seem to be there already.
    #[schema(required = true)]
    pub duplicates: u32,
    /// How many were refused.
    #[schema(required = true)]
    pub rejected: u32,
}

impl BatchOutcome {
    /// Of these results.
    pub fn of(dry_run: bool, results: Vec<BatchResult>) -> Self {
        let count = |status| u32::try_from(results.iter().filter(|result| result.status == status).count()).unwrap_or(u32::MAX);
        Self {
            dry_run,
            created: count(BatchStatus::Created),
            updated: count(BatchStatus::Updated),
            unchanged: count(BatchStatus::Unchanged),
            duplicates: count(BatchStatus::Duplicate),
            rejected: count(BatchStatus::Rejected),
            results,
        }
    }
    /// Whether something was not done.
    pub fn has_failed(&self) -> bool {
        self.duplicates > 0 || self.rejected > 0
    }
}

/// Declares the shapes of a record type's batch and of its operations; the keyed ones name their key.
macro_rules! batch {
    ($(#[$bm:meta])* pub struct $batch:ident { $(#[$om:meta])* $operation:ident: $patch:ty $(, $(#[$km:meta])* key $key:ident)? }) => {
        $(#[$bm])*
        #[derive(Debug, Clone, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $batch {
            /// All or nothing: when one operation cannot be done, nothing is written.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub atomic: Option<bool>,
            /// What to do, in this order; each sees what those before it did.
            #[schema(min_items = 1, max_items = 500)]
            pub operations: Vec<$operation>,
        }
        $(#[$om])*
        #[derive(Debug, Clone, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $operation {
            /// What to do.
            pub kind: BatchKind,
            /// The asker's name for it: a row number, a key of his own. Answered with its result.
            #[serde(rename = "ref")]
            #[schema(min_length = 1, max_length = 200)]
            pub name: String,
            /// Which record is changed.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub id: Option<Uuid>,
            $($(#[$km])*
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(min_length = 1, max_length = 200)]
            pub $key: Option<String>,)?
            /// The version the change was made from, as `If-Match` tells it; any when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub version: Option<i64>,
            /// The fields: all of a new record, or what changes (JSON Merge Patch).
            pub record: $patch,
        }
    };
}
batch! {
    /// Several contacts to make or change.
    pub struct ContactBatch {
        /// One contact to make or change: `create`, `update` by `id` or `external_id`, `upsert` by `external_id`.
        ContactOperation: crate::contact::ContactPatch,
        /// Which contact is changed, or made, by the integrator's own key.
        key external_id
    }
}
batch! {
    /// Several companies to make or change.
    pub struct CompanyBatch {
        /// One company to make or change: `create`, `update` by `id` or `external_id`, `upsert` by `external_id`.
        CompanyOperation: crate::company::CompanyPatch,
        /// Which company is changed, or made, by the integrator's own key.
        key external_id
    }
}
batch! {
    /// Several leads to make or change.
    pub struct LeadBatch {
        /// One lead to make or change: `create`, or `update` by `id`.
        LeadOperation: crate::lead::LeadPatch
    }
}
batch! {
    /// Several deals to make or change.
    pub struct DealBatch {
        /// One deal to make or change: `create`, or `update` by `id`.
        DealOperation: crate::deal::DealPatch
    }
}
batch! {
    /// Several tasks to make or change.
    pub struct TaskBatch {
        /// One task to make or change: `create`, or `update` by `id`.
        TaskOperation: crate::task::TaskPatch
    }
}
batch! {
    /// Several communications to record or change.
    pub struct CommunicationBatch {
        /// One communication to record or change: `create`, or `update` by `id`.
        CommunicationOperation: crate::communication::CommunicationPatch
    }
}
batch! {
    /// Several notes to write or change.
    pub struct NoteBatch {
        /// One note to write or change: `create`, or `update` by `id`.
        NoteOperation: crate::note::NotePatch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(kind: &str, id: bool, external_id: Option<&str>, version: Option<i64>) -> RawOperation {
        let id = id.then(|| Uuid::from_u128(7));
        serde_json::from_value(serde_json::json!({
            "kind": kind, "ref": "1", "id": id, "external_id": external_id, "version": version, "record": {}
        }))
        .unwrap()
    }

    #[test]
    fn an_operation_names_the_record_it_is_about_and_only_one() {
        let id = Uuid::from_u128(7);
        assert_eq!(operation("create", false, None, None).target(true), Ok(Target::New));
        assert_eq!(operation("update", true, None, Some(3)).target(false), Ok(Target::Id(id)));
        assert_eq!(operation("update", false, Some("a"), None).target(true), Ok(Target::External("a".into())));
        assert_eq!(operation("upsert", false, Some("a"), None).target(true), Ok(Target::Either("a".into())));
        let refused = |operation: RawOperation, keyed: bool| -> Vec<(String, FieldCode)> {
            operation.target(keyed).unwrap_err().0.into_iter().map(|error| (error.pointer, error.code)).collect()
        };
        let conflict = |pointer: &str| vec![(pointer.to_owned(), FieldCode::ConflictingFields)];
        assert_eq!(refused(operation("create", true, None, None), true), conflict("/id"));
        assert_eq!(refused(operation("create", false, Some("a"), None), true), conflict("/external_id"));
        assert_eq!(refused(operation("create", false, None, Some(1)), true), conflict("/version"));
        assert_eq!(refused(operation("update", false, None, None), true), [("/id".into(), FieldCode::Required)]);
        assert_eq!(refused(operation("update", true, Some("a"), None), true), conflict("/id"));
        assert_eq!(refused(operation("upsert", false, None, None), true), [("/external_id".into(), FieldCode::Required)]);
        assert_eq!(refused(operation("upsert", false, None, None), false), conflict("/kind"));
        let misshapen = |operation: RawOperation| operation.checked().unwrap_err().0[0].code;
        assert_eq!(misshapen(operation("upsert", true, Some(""), None)), FieldCode::TooShort);
        assert_eq!(misshapen(RawOperation { name: String::new(), ..operation("create", false, None, None) }), FieldCode::TooShort);
        assert_eq!(misshapen(RawOperation { name: "r".repeat(201), ..operation("create", false, None, None) }), FieldCode::TooLong);
        assert!(RawOperation { name: "я".repeat(200), ..operation("create", false, None, None) }.checked().is_ok());
    }

    #[test]
    fn a_batch_holds_one_to_five_hundred_operations_and_counts_what_came_of_them() {
        let batch = |count: usize| RawBatch { atomic: None, operations: vec![Value::Null; count] }.checked().is_ok();
        assert!(!batch(0) && batch(1) && batch(500) && !batch(501));
        let result = |status| BatchResult { name: String::new(), status, id: None, version: None, problem: None, warnings: Vec::new() };
        let outcome =
            BatchOutcome::of(false, vec![result(BatchStatus::Created), result(BatchStatus::Unchanged), result(BatchStatus::Created)]);
        assert_eq!((outcome.created, outcome.unchanged, outcome.rejected, outcome.has_failed()), (2, 1, 0, false));
        assert!(BatchOutcome::of(false, vec![result(BatchStatus::Duplicate)]).has_failed());
    }
}
