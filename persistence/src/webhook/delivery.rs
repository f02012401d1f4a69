//! Deliveries: claimed by lease, the earliest of each record first, whoever of several processes comes.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kartoteka_domain::{
    id::WebhookId,
    list::{ListParameters, Page},
    webhook::delivery::{DeliveryAttempt, DeliveryStatus, ListWebhookDeliveries, MOST_LOGGED, WebhookDelivery},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    db::{At, Doc, Uid},
    entity::json,
    fragment::Fragment,
    schema::webhook_delivery,
    store::{Reading, StoreError, WriteTx},
};

part! {
    DeliveryRow in webhook_delivery {
        workspace_id: Uid, id: Uid, webhook_id: Uid, event_id: Uid, sequence: i64, kind: String, record_id: Uid, status: String,
        attempts: i64, tried_before: i64, due_at: At, claim: Option<Uid>, log: Doc, body: String, created_at: At, finished_at: Option<At>,
    }
}
keyed!(DeliveryRow { created_at });

/// What tells one message from another at the receiver: the same at every try.
pub fn message_id(event: Uuid) -> String {
    format!("msg_{}", event.simple())
}

fn record(row: DeliveryRow, tells_body: bool) -> WebhookDelivery {
    let status = DeliveryStatus::from_word(&row.status).unwrap_or(DeliveryStatus::Failed);
    WebhookDelivery {
        id: row.id.into(),
        webhook_id: row.webhook_id.into(),
        message_id: message_id(row.event_id.0),
        event_id: row.event_id.0,
        sequence: row.sequence,
        event_type: row.kind,
        record_id: row.record_id.0,
        status,
        attempts: row.attempts,
        next_attempt_at: (status == DeliveryStatus::Waiting).then_some(row.due_at.0),
        log: serde_json::from_value(row.log.0).unwrap_or_default(),
        request_body: if tells_body { serde_json::from_str(&row.body).unwrap_or_default() } else { Value::Null },
        created_at: row.created_at.0,
        finished_at: row.finished_at.map(|at| at.0),
    }
}

/// An event to be delivered.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// To which webhook.
    pub webhook: WebhookId,
    /// The event.
    pub event: Uuid,
    /// Its number; 0 of a test.
    pub sequence: i64,
    /// What happened.
    pub kind: String,
    /// The record.
    pub record: Uuid,
    /// What is posted, as it would be now.
    pub body: String,
    /// When.
    pub due_at: DateTime<Utc>,
}

/// Keeps one to be delivered.
pub fn insert(tx: &mut WriteTx<'_>, new: NewDelivery) -> Result<Uuid, StoreError> {
    let id = tx.fresh_id();
    let row = DeliveryRow {
        workspace_id: tx.workspace().into(),
        id: Uid(id),
        webhook_id: new.webhook.into(),
        event_id: Uid(new.event),
        sequence: new.sequence,
        kind: new.kind,
        record_id: Uid(new.record),
        status: DeliveryStatus::Waiting.word().to_owned(),
        attempts: 0,
        tried_before: 0,
        due_at: At(new.due_at),
        claim: None,
        log: Doc(json!([])),
        body: new.body,
        created_at: At(tx.now()),
        finished_at: None,
    };
    let recorded = tx.unaudited("what is delivered has its trace already");
    row.insert(tx.db().0, &recorded)?;
    Ok(id)
}

/// One, with what is posted.
pub fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<WebhookDelivery>, StoreError> {
    let row: Option<DeliveryRow> = all!(tx, webhook_delivery).filter(webhook_delivery::id.eq(Uid(id))).first(tx.db().0).optional()?;
    Ok(row.map(|row| record(row, true)))
}

/// A page of them.
pub fn list(tx: &mut dyn Reading, params: &ListWebhookDeliveries) -> Result<Page<WebhookDelivery>, StoreError> {
    let request = params.page();
    let build = || {
        let mut query = all!(tx, webhook_delivery);
        narrow!(query, params; webhook_delivery.webhook_id in webhook_id, webhook_delivery.record_id in record_id);
        narrow!(query, words params; webhook_delivery.status in status);
        query
    };
    let mut rows = page!(tx, DeliveryRow, webhook_delivery, request, ["created_at"], build);
    let found = rows.take().into_iter().map(|row| record(row, false)).collect();
    Ok(rows.into_page(found))
}

/// What waits and has nothing earlier of the same record before it.
fn first_of_its_record() -> Fragment {
    // the words of the partial indexes: with a bound value they would not be taken
    Fragment::default().sql(
        "webhook_delivery.status = 'waiting' AND NOT EXISTS (SELECT 1 FROM webhook_delivery earlier \
         WHERE earlier.workspace_id = webhook_delivery.workspace_id AND earlier.webhook_id = webhook_delivery.webhook_id \
         AND earlier.record_id = webhook_delivery.record_id AND earlier.status = 'waiting' AND earlier.sequence < webhook_delivery.sequence)",
    )
}

/// A delivery that somebody tries.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Which.
    pub id: Uuid,
    /// Whose claim it is.
    pub claim: Uuid,
    /// The event.
    pub event: Uuid,
    /// Its number; 0 of a test.
    pub sequence: i64,
    /// What happened.
    pub kind: String,
    /// How often it was tried.
    pub attempts: i64,
    /// How often of those before it was sent again by hand.
    pub tried_before: i64,
    /// What was to be posted when it was made, or was posted last.
    pub body: String,
    log: Value,
}

impl Claimed {
    /// Whether it tells of nothing that happened.
    pub fn is_test(&self) -> bool {
        self.sequence == 0
    }
}

/// Takes at most `most` that are due, for oneself until a time. Call under the lock of the webhook.
pub fn claim(tx: &mut WriteTx<'_>, hook: WebhookId, most: i64, until: DateTime<Utc>) -> Result<Vec<Claimed>, StoreError> {
    let (workspace, now) = (tx.workspace(), tx.now());
    let rows: Vec<DeliveryRow> = all!(tx, webhook_delivery)
        .filter(webhook_delivery::webhook_id.eq(Uid::from(hook)))
        .filter(webhook_delivery::due_at.le(At(now)))
        .filter(first_of_its_record())
        .order((webhook_delivery::due_at, webhook_delivery::sequence))
        .limit(most)
        .load(tx.db().0)?;
    let recorded = tx.unaudited("the clockwork of a delivery");
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        let claim = tx.fresh_id();
        set_columns!(tx.db().0, &recorded, webhook_delivery, workspace, row.id, claim = Some(Uid(claim)), due_at = At(until))?;
        claimed.push(Claimed {
            id: row.id.0,
            claim,
            event: row.event_id.0,
            sequence: row.sequence,
            kind: row.kind,
            attempts: row.attempts,
            tried_before: row.tried_before,
            body: row.body,
            log: row.log.0,
        });
    }
    Ok(claimed)
}

/// Keeps what is posted instead of what would have been before.
pub fn rewrite(tx: &mut WriteTx<'_>, claimed: &mut Claimed, body: String) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let recorded = tx.unaudited("the clockwork of a delivery");
    set_columns!(tx.db().0, &recorded, webhook_delivery, workspace, claimed.id, body = body.clone())?;
    claimed.body = body;
    Ok(())
}

/// When it was tried first; `None` before it was.
pub fn first_try(tried: &Claimed) -> Option<DateTime<Utc>> {
    tried.log.get(usize::try_from(tried.tried_before).ok()?)?.get("at")?.as_str()?.parse().ok()
}

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It got through.
    Delivered,
    /// It is tried again then.
    Again(DateTime<Utc>),
    /// It is given up.
    Failed,
}

/// Keeps how a try ended, unless somebody else has it by now; whether it was kept.
pub fn finish(tx: &mut WriteTx<'_>, tried: &Claimed, attempt: &DeliveryAttempt, ended: Ended) -> Result<bool, StoreError> {
    let (workspace, now) = (tx.workspace(), tx.now());
    let mut log = tried.log.as_array().cloned().unwrap_or_default();
    log.push(json(attempt).0);
    let log = Doc(Value::Array(log.split_off(log.len().saturating_sub(MOST_LOGGED))));
    let (status, due_at, finished_at) = match ended {
        Ended::Delivered => (DeliveryStatus::Delivered, now, Some(At(now))),
        Ended::Again(at) => (DeliveryStatus::Waiting, at, None),
        Ended::Failed => (DeliveryStatus::Failed, now, Some(At(now))),
    };
    let recorded = tx.unaudited("the clockwork of a delivery");
    let kept = set_columns!(
        tx.db().0, &recorded, webhook_delivery, workspace, tried.id,
        status = status.word(), attempts = tried.attempts + 1, due_at = At(due_at), claim = None::<Uid>, log = log, finished_at = finished_at;
        where webhook_delivery::claim.eq(Uid(tried.claim))
    )?;
    Ok(kept > 0)
}

/// When the next of a webhook is due; `None` when nothing waits.
pub fn next_due(tx: &mut dyn Reading, hook: WebhookId) -> Result<Option<DateTime<Utc>>, StoreError> {
    let first: Option<At> = all!(tx, webhook_delivery)
        .filter(webhook_delivery::webhook_id.eq(Uid::from(hook)))
        .filter(first_of_its_record())
        .order((webhook_delivery::due_at, webhook_delivery::sequence))
        .select(webhook_delivery::due_at)
        .first(tx.db().0)
        .optional()?;
    Ok(first.map(|at| at.0))
}

/// Sends one again, or at once if it waits; one that is being tried stays as it is.
pub fn again(tx: &mut WriteTx<'_>, delivery: Uuid) -> Result<(), StoreError> {
    let (workspace, now) = (tx.workspace(), tx.now());
    let recorded = tx.unaudited("the clockwork of a delivery");
    set_columns!(
        tx.db().0, &recorded, webhook_delivery, workspace, delivery,
        status = DeliveryStatus::Waiting.word(), tried_before = webhook_delivery::attempts, due_at = At(now), finished_at = None::<At>;
        where webhook_delivery::claim.is_null()
    )?;
    Ok(())
}

/// Tries at once whatever waits of a webhook.
#[expect(clippy::disallowed_methods, reason = "the clockwork of deliveries")]
pub fn hurry(tx: &mut WriteTx<'_>, hook: WebhookId) -> Result<(), StoreError> {
    let (workspace, now) = (tx.workspace(), tx.now());
    diesel::update(
        webhook_delivery::table
            .filter(webhook_delivery::workspace_id.eq(Uid::from(workspace)))
            .filter(webhook_delivery::webhook_id.eq(Uid::from(hook)))
            .filter(webhook_delivery::status.eq(DeliveryStatus::Waiting.word()))
            .filter(webhook_delivery::claim.is_null()),
    )
    .set(webhook_delivery::due_at.eq(At(now)))
    .execute(tx.db().0)?;
    Ok(())
}

/// Puts off whatever waits of a webhook and is due before a time.
#[expect(clippy::disallowed_methods, reason = "the clockwork of deliveries")]
pub fn put_off(tx: &mut WriteTx<'_>, hook: WebhookId, until: DateTime<Utc>) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    diesel::update(
        webhook_delivery::table
            .filter(webhook_delivery::workspace_id.eq(Uid::from(workspace)))
            .filter(webhook_delivery::webhook_id.eq(Uid::from(hook)))
            .filter(webhook_delivery::status.eq(DeliveryStatus::Waiting.word()))
            .filter(webhook_delivery::claim.is_null())
            .filter(webhook_delivery::due_at.lt(At(until))),
    )
    .set(webhook_delivery::due_at.eq(At(until)))
    .execute(tx.db().0)?;
    Ok(())
}

/// Sends again what was given up for good since a time.
#[expect(clippy::disallowed_methods, reason = "the clockwork of deliveries")]
pub fn again_since(tx: &mut WriteTx<'_>, hook: WebhookId, since: DateTime<Utc>) -> Result<(), StoreError> {
    let (workspace, now) = (tx.workspace(), tx.now());
    diesel::update(
        webhook_delivery::table
            .filter(webhook_delivery::workspace_id.eq(Uid::from(workspace)))
            .filter(webhook_delivery::webhook_id.eq(Uid::from(hook)))
            .filter(webhook_delivery::status.eq(DeliveryStatus::Failed.word()))
            .filter(webhook_delivery::finished_at.ge(At(since))),
    )
    .set((
        webhook_delivery::status.eq(DeliveryStatus::Waiting.word()),
        webhook_delivery::tried_before.eq(webhook_delivery::attempts),
        webhook_delivery::due_at.eq(At(now)),
        webhook_delivery::finished_at.eq(None::<At>),
    ))
    .execute(tx.db().0)?;
    Ok(())
}

/// Sends those of a stretch of the journal again that do not wait any more, at most `most`, the earliest first; how many.
pub fn again_between(tx: &mut WriteTx<'_>, hook: WebhookId, from: i64, to: i64, only_failed: bool, most: i64) -> Result<usize, StoreError> {
    let mut statuses = vec![DeliveryStatus::Failed.word().to_owned()];
    if !only_failed {
        statuses.push(DeliveryStatus::Delivered.word().to_owned());
    }
    let ids: Vec<Uid> = all!(tx, webhook_delivery)
        .filter(webhook_delivery::webhook_id.eq(Uid::from(hook)))
        .filter(webhook_delivery::sequence.ge(from))
        .filter(webhook_delivery::sequence.le(to))
        .filter(crate::fragment::one_text_of("webhook_delivery.status", statuses))
        .order(webhook_delivery::sequence)
        .limit(most)
        .select(webhook_delivery::id)
        .load(tx.db().0)?;
    for id in &ids {
        again(tx, id.0)?;
    }
    Ok(ids.len())
}

/// Forgets at most `most` that were finished before a time; how many.
#[expect(clippy::disallowed_methods, reason = "what is kept of deliveries is a setting")]
pub fn forget_before(tx: &mut WriteTx<'_>, before: DateTime<Utc>, most: i64) -> Result<usize, StoreError> {
    let workspace = tx.workspace();
    let ids: Vec<Uid> = all!(tx, webhook_delivery)
        .filter(webhook_delivery::created_at.lt(At(before)))
        .filter(webhook_delivery::finished_at.is_not_null())
        .order((webhook_delivery::created_at, webhook_delivery::id))
        .limit(most)
        .select(webhook_delivery::id)
        .load(tx.db().0)?;
    let found = crate::fragment::one_of("webhook_delivery.id", ids.iter().map(|id| id.0));
    diesel::delete(webhook_delivery::table.filter(webhook_delivery::workspace_id.eq(Uid::from(workspace))).filter(found))
        .execute(tx.db().0)?;
    Ok(ids.len())
}
