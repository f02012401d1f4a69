//! Submissions: the raw enquiry first, what became of it later.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kartoteka_domain::{
    event::Event,
    id::{FormId, SubmissionId, WorkspaceId},
    list::Page,
    submission::{ListSubmissions, Submission},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    db::{At, Doc, Uid},
    entity::{Entity, Stored, json, revive},
    fragment,
    schema::submission,
    store::{Reading, StoreError, WriteTx},
};

row! {
    SubmissionRow in submission {
        form_id: Uid, state: String, reason: Option<String>, fields: Doc, visit: Doc, content_type: Option<String>, #[diesel(skip_update)] body: Vec<u8>, page_url: Option<String>, test: bool,
        received_at: At, processed_at: Option<At>, attempts: i64, next_attempt_at: Option<At>, error: Option<String>,
        lead_id: Option<Uid>, contact_id: Option<Uid>, duplicate_of: Option<Uid>, content_hash: Vec<u8>, #[diesel(skip_update)] idempotency_hash: Option<Vec<u8>>, #[diesel(skip_update)] address: Option<String>,
    }
}
keyed!(SubmissionRow { received_at, created_at });

/// What is kept of a submission beside its record.
#[derive(Debug, Clone, Default)]
pub struct Raw {
    /// The body as received.
    pub body: Vec<u8>,
    /// Page, referrer, UTM marks, as read.
    pub visit: Value,
    /// Hash of what makes two submissions the same enquiry.
    pub content_hash: Vec<u8>,
    /// Hash of the page's idempotency key.
    pub idempotency_hash: Option<Vec<u8>>,
    /// Address it came from.
    pub address: Option<String>,
}

fn row(workspace: WorkspaceId, s: &Submission, raw: Raw) -> SubmissionRow {
    stamped! { SubmissionRow of s, in workspace.into();
    form_id: s.form_id.into(),
    state: s.state.word().to_owned(),
    reason: s.reason.clone(),
    fields: json(&s.fields),
    visit: Doc(raw.visit),
    content_type: s.content_type.clone(),
    body: raw.body,
    page_url: s.page_url.clone(),
    test: s.test,
    received_at: At(s.received_at),
    processed_at: s.processed_at.map(At),
    attempts: s.attempts,
    next_attempt_at: s.next_attempt_at.map(At),
    error: s.error.clone(),
    lead_id: s.lead_id.map(Uid::from),
    contact_id: s.contact_id.map(Uid::from),
    duplicate_of: s.duplicate_of.map(Uid::from),
    content_hash: raw.content_hash,
    idempotency_hash: raw.idempotency_hash,
    address: raw.address,    }
}

fn record(row: SubmissionRow) -> Result<(Submission, Raw), StoreError> {
    let columns = [
        ("form_id", json!(row.form_id)),
        ("state", json!(row.state)),
        ("reason", json!(row.reason)),
        ("fields", row.fields.0.clone()),
        ("content_type", json!(row.content_type)),
        ("body_base64", Value::Null),
        ("page_url", json!(row.page_url)),
        ("test", json!(row.test)),
        ("received_at", json!(row.received_at)),
        ("processed_at", json!(row.processed_at)),
        ("attempts", json!(row.attempts)),
        ("next_attempt_at", json!(row.next_attempt_at)),
        ("error", json!(row.error)),
        ("lead_id", json!(row.lead_id)),
        ("contact_id", json!(row.contact_id)),
        ("duplicate_of", json!(row.duplicate_of)),
    ];
    let submission = revive(Doc(Value::Null), row.envelope(), columns)?;
    Ok((
        submission,
        Raw {
            body: row.body,
            visit: row.visit.0,
            content_hash: row.content_hash,
            idempotency_hash: row.idempotency_hash,
            address: row.address,
        },
    ))
}

impl Stored for Submission {
    type Params = ListSubmissions;

    fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> {
        Ok(find_raw(tx, id.into())?.map(|(submission, _)| submission))
    }

    fn list(tx: &mut dyn Reading, params: &ListSubmissions) -> Result<Page<Self>, StoreError> {
        let request = kartoteka_domain::list::ListParameters::page(params);
        let build = || {
            let mut query = all!(tx, submission);
            if let Some(archived) = fragment::archived(request.archived, "submission.archived_at") {
                query = query.filter(archived);
            }
            narrow!(query, params; submission.form_id in form_id, submission.contact_id in contact_id, submission.lead_id in lead_id);
            narrow!(query, words params; submission.state in state);
            narrow!(query, from params; submission.received_at in received_after);
            narrow!(query, until params; submission.received_at in received_before);
            query
        };
        let mut rows = page!(tx, SubmissionRow, submission, request, ["received_at", "created_at"], build);
        let records = rows.take().into_iter().map(|row| record(row).map(|(submission, _)| submission)).collect::<Result<_, _>>()?;
        Ok(rows.into_page(records))
    }

    fn insert(tx: &mut WriteTx<'_>, new: &Self, event: Event) -> Result<(), StoreError> {
        insert_raw(tx, new, Raw::default(), event)
    }

    fn update(tx: &mut WriteTx<'_>, before: &Self, after: &Self, event: Event) -> Result<(), StoreError> {
        let raw = find_raw(tx, before.id)?.map(|(_, raw)| raw).unwrap_or_default();
        replace!(tx, row(tx.workspace(), after, raw), before.version, event);
        Ok(())
    }
}

/// One with its raw body.
pub fn find_raw(tx: &mut dyn Reading, id: SubmissionId) -> Result<Option<(Submission, Raw)>, StoreError> {
    let row: Option<SubmissionRow> = all!(tx, submission).filter(submission::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
    row.map(record).transpose()
}

/// Stores one as it was received.
pub fn insert_raw(tx: &mut WriteTx<'_>, new: &Submission, raw: Raw, event: Event) -> Result<(), StoreError> {
    let recorded = tx.record(event)?;
    row(tx.workspace(), new, raw).insert(tx.db().0, &recorded)?;
    Ok(())
}

/// Stores the next state of one together with what was read anew from its body.
pub fn update_raw(tx: &mut WriteTx<'_>, before: &Submission, after: &Submission, raw: Raw, event: Event) -> Result<(), StoreError> {
    replace!(tx, row(tx.workspace(), after, raw), before.version, event);
    Ok(())
}

/// An earlier submission with the same idempotency key.
pub fn find_by_key(tx: &mut dyn Reading, form: FormId, hash: &[u8]) -> Result<Option<(Submission, Raw)>, StoreError> {
    let row: Option<SubmissionRow> = all!(tx, submission)
        .filter(submission::form_id.eq(Uid::from(form)))
        .filter(submission::idempotency_hash.eq(hash.to_vec()))
        .first(tx.db().0)
        .optional()?;
    row.map(record).transpose()
}

/// The oldest processed submission of a form with the same content, received since a time, but not this one.
pub fn find_twin(
    tx: &mut dyn Reading,
    form: FormId,
    content: &[u8],
    since: DateTime<Utc>,
    but: SubmissionId,
) -> Result<Option<Submission>, StoreError> {
    let row: Option<SubmissionRow> = all!(tx, submission)
        .filter(submission::content_hash.eq(content.to_vec()))
        .filter(submission::form_id.eq(Uid::from(form)))
        .filter(submission::state.eq("processed"))
        .filter(submission::received_at.ge(At(since)))
        .filter(submission::id.ne(Uid::from(but)))
        .order((submission::received_at, submission::id))
        .first(tx.db().0)
        .optional()?;
    Ok(row.map(record).transpose()?.map(|(submission, _)| submission))
}

pub(crate) fn records(rows: Vec<SubmissionRow>) -> Result<Vec<Submission>, StoreError> {
    rows.into_iter().map(|row| record(row).map(|(submission, _)| submission)).collect()
}
