//! Submissions: kept first, understood later. The worker makes card, lead, communication and task in one transaction.

pub mod worker;

use base64::{Engine, engine::general_purpose::STANDARD};
use kartoteka_domain::{
    access::RecordType,
    event::{Action, Event},
    form::Form,
    id::SubmissionId,
    invalid::FieldErrors,
    record::Record,
    submission::{ListSubmissions, Objection, Posted, Submission, SubmissionState, examine, summary},
};
use kartoteka_persistence::{Reading, WriteTx, submission as store, submission::Raw, workspace};
use sha2::{Digest, Sha256};

use crate::{
    answer::{Answer, Found},
    can::{Can, ReadSubmissions, UpdateSubmissions},
    notification::letter,
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, Params},
};

/// List submissions
///
/// Also the rejected, the failed and the spam: nothing that arrived is out of sight.
#[utoipa::path(get, path = "/v1/submissions", tag = "submissions")]
pub async fn list_submissions(
    can: Can<ReadSubmissions>,
    params: Params<ListSubmissions>,
) -> Answer<kartoteka_domain::list::Page<Submission>> {
    can.read(move |tx| record::list::<Submission>(tx, &params)).await
}

/// Get a submission
///
/// With the body as it was received.
#[utoipa::path(get, path = "/v1/submissions/{id}", tag = "submissions")]
pub async fn get_submission(can: Can<ReadSubmissions>, at: At<Submission>) -> Answer<Found<Submission>> {
    can.read(move |tx| {
        let (mut submission, raw) = store::find_raw(tx, SubmissionId::new(at.0))?.ok_or_else(Problem::not_found)?;
        submission.body_base64 = Some(STANDARD.encode(&raw.body));
        Ok(Found(submission))
    })
    .await
}

/// Process a submission again
///
/// A failed or rejected one, or one that was taken for spam. Not one that made a lead.
#[utoipa::path(post, path = "/v1/submissions/{id}/replay", tag = "submissions")]
pub async fn replay_submission(can: Can<UpdateSubmissions>, at: At<Submission>) -> Answer<Found<Submission>> {
    let app = can.app().clone();
    let (known, raw) = can.look(move |tx| store::find_raw(tx, SubmissionId::new(at.0))?.ok_or_else(Problem::not_found)).await?;
    // what could not be read when it came is tried again: the reader may have learned, the content type may have lied
    let reread = match known.state {
        SubmissionState::Rejected if known.fields.is_empty() => Some(
            crate::form::public::read_again(known.content_type.as_deref(), &raw.body)
                .await
                .ok_or_else(|| Problem::new(ProblemCode::Unreadable))?,
        ),
        _ => None,
    };
    let answer = can
        .write(move |tx| {
            let before: Submission = record::get_to_change(tx, at.0)?;
            if matches!(before.state, SubmissionState::Processed | SubmissionState::Duplicate) {
                return Err(Problem::new(ProblemCode::AlreadyProcessed));
            }
            let now = tx.now();
            let after = Submission {
                state: SubmissionState::Received,
                reason: None,
                error: None,
                attempts: 0,
                next_attempt_at: Some(now),
                ..before.clone()
            };
            let after = match &reread {
                None => record::store_change(tx, &before, after, Action::Replayed)?,
                Some(posted) => {
                    let form: Form = record::get(tx, before.form_id.uuid())?;
                    let mut after = Submission { fields: summary(posted), page_url: page_url(posted), ..after };
                    after.stamp(&tx.scope().by().clone(), now);
                    let visit = serde_json::to_value(posted).unwrap_or_default();
                    let raw = Raw { visit, content_hash: content_hash(posted, &form, &[]), ..Raw::default() };
                    let event = Event::between(Some(&before), &after, Action::Replayed);
                    store::update_raw(tx, &before, &after, raw, event)?;
                    after
                }
            };
            workspace::wake(tx, worker::KIND, at.0, now)?;
            Ok(Found(after))
        })
        .await;
    app.wake_worker();
    answer
}

/// A post as it came in.
#[derive(Debug, Clone, Default)]
pub struct Incoming {
    /// The body.
    pub body: Vec<u8>,
    /// Its content type.
    pub content_type: Option<String>,
    /// Hash of the page's idempotency key.
    pub idempotency_hash: Option<Vec<u8>>,
    /// Address it came from.
    pub address: Option<String>,
    /// Whether it is a test.
    pub test: bool,
    /// Why it is refused although it is kept.
    pub objection: Option<String>,
}

/// What became of a post.
pub enum Verdict {
    /// It is durable.
    Kept(SubmissionId),
    /// The same post was kept before.
    Known(SubmissionId),
    /// It breaks the form's own rules; it is kept all the same.
    Rejected(SubmissionId, FieldErrors),
    /// Its idempotency key was used for another post; it is kept all the same.
    KeyReused(SubmissionId),
}

/// Receives a post: durable before anything else.
pub fn receive(tx: &mut WriteTx<'_>, form: &Form, incoming: &Incoming, posted: &Posted) -> Result<Verdict> {
    let settings = workspace::current(tx)?;
    if let Some(hash) = &incoming.idempotency_hash
        && let Some((known, raw)) = store::find_by_key(tx, form.id, hash)?
    {
        if raw.body != incoming.body {
            let unkeyed = Incoming { idempotency_hash: None, ..incoming.clone() };
            let reason = "idempotency_key_reused".to_owned();
            return keep(tx, form, &unkeyed, posted, Some((SubmissionState::Rejected, reason))).map(Verdict::KeyReused);
        }
        return Ok(match examine(posted, form, &settings.country, known.received_at) {
            Err(Objection::Invalid(errors)) => Verdict::Rejected(known.id, errors),
            _ => Verdict::Known(known.id),
        });
    }
    if let Some(reason) = &incoming.objection {
        return keep(tx, form, incoming, posted, Some((SubmissionState::Rejected, reason.clone()))).map(Verdict::Kept);
    }
    match examine(posted, form, &settings.country, tx.now()) {
        Ok(()) => keep(tx, form, incoming, posted, None).map(Verdict::Kept),
        Err(Objection::Spam(reason)) => keep(tx, form, incoming, posted, Some((SubmissionState::Spam, reason))).map(Verdict::Kept),
        Err(Objection::Invalid(errors)) => {
            let reason = errors.0.iter().map(|e| format!("{} {}", e.pointer, e.code)).collect::<Vec<_>>().join(", ");
            let id = keep(tx, form, incoming, posted, Some((SubmissionState::Rejected, reason)))?;
            Ok(Verdict::Rejected(id, errors))
        }
    }
}

/// Keeps a post, and asks the worker to take it up unless it is set aside.
pub fn keep(
    tx: &mut WriteTx<'_>,
    form: &Form,
    incoming: &Incoming,
    posted: &Posted,
    aside: Option<(SubmissionState, String)>,
) -> Result<SubmissionId> {
    let birth = tx.birth();
    let id = SubmissionId::new(birth.id);
    let process = aside.is_none();
    let (state, reason) = aside.map_or((SubmissionState::Received, None), |(state, reason)| (state, Some(reason)));
    let submission = Submission {
        id,
        form_id: form.id,
        state,
        reason,
        fields: summary(posted),
        content_type: incoming.content_type.clone(),
        body_base64: None,
        page_url: page_url(posted),
        test: incoming.test,
        received_at: birth.at,
        processed_at: None,
        attempts: 0,
        next_attempt_at: process.then_some(birth.at),
        error: None,
        lead_id: None,
        contact_id: None,
        duplicate_of: None,
        version: 1,
        created_at: birth.at,
        updated_at: birth.at,
        created_by: birth.by.clone(),
        updated_by: birth.by,
        archived_at: None,
        access: kartoteka_domain::access::FieldAccess::default(),
        expanded: None,
        warnings: None,
    };
    let raw = Raw {
        body: incoming.body.clone(),
        visit: serde_json::to_value(posted).unwrap_or_default(),
        content_hash: content_hash(posted, form, &incoming.body),
        idempotency_hash: incoming.idempotency_hash.clone(),
        address: incoming.address.clone(),
    };
    // what a stranger typed does not go out before it is understood
    let event = Event::bare(RecordType::Submission, submission.uuid(), Action::Received);
    if submission.state != SubmissionState::Spam {
        letter::copy_submission(tx, form, &submission, &incoming.body)?;
    }
    match store::insert_raw(tx, &submission, raw, event) {
        // a twin with the same key was first: the next try finds it
        Err(kartoteka_persistence::StoreError::Unique(name)) if name.contains("idempotency") => {
            return Err(Problem { transient: true, ..Problem::new(ProblemCode::Overloaded) });
        }
        other => other?,
    }
    if process {
        workspace::wake(tx, worker::KIND, submission.uuid(), birth.at)?;
    }
    Ok(id)
}

fn page_url(posted: &Posted) -> Option<String> {
    posted.page_url.as_deref().map(|url| kartoteka_domain::text::clean_line(url).chars().take(2000).collect())
}

/// Hash of the content, or of the body where nothing could be read from it.
fn content_hash(posted: &Posted, form: &Form, body: &[u8]) -> Vec<u8> {
    if posted.fields.is_empty() {
        return Sha256::digest(body).to_vec();
    }
    let text = serde_json::to_string(&posted.content(form)).unwrap_or_default();
    Sha256::digest(text.as_bytes()).to_vec()
}
