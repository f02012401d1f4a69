//! Webhooks over HTTP: who is told of what, and what became of it. Nothing is sent from here: the worker sends.

pub mod message;
pub mod signature;
pub mod worker;

use ipnet::IpNet;
use kartoteka_domain::{
    event::{Action, Event},
    id::WebhookId,
    invalid::{FieldCode, FieldErrors},
    list::Page,
    record::Record,
    webhook::{
        ListWebhooks, NewWebhook, ReplayRange, Replayed, SecretRotation, USUAL_OVERLAP, Webhook,
        delivery::{ListWebhookDeliveries, WebhookDelivery},
    },
};
use kartoteka_persistence::{
    Reading, WriteTx, journal,
    webhook::{
        self as store,
        delivery::{self as deliveries, NewDelivery},
    },
    workspace,
};
use serde_json::Value;
use uuid::Uuid;
use validator::Validate;

use crate::{
    answer::{Accepted, Answer, Created, Done, Found, Plain},
    app::App,
    can::{Can, CanSealed, CreateWebhooks, ReadWebhooks, ToDelete, UpdateWebhooks},
    credential::Vault,
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, IfMatch, Params, Patch, Valid},
    role,
    session::Conflicting,
};

crud_read! { Webhook, ListWebhooks; "webhooks", "/v1/webhooks", "/v1/webhooks/{id}";
list list_webhooks "List webhooks", get get_webhook "Get a webhook", read ReadWebhooks }

/// Create a webhook
///
/// Events from here on are posted to the address, signed by Standard Webhooks 1.0.0. The secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/v1/webhooks", tag = "webhooks")]
pub async fn create_webhook(can: CanSealed<CreateWebhooks>, new: Valid<NewWebhook>) -> Answer<Created<Webhook>> {
    let app = can.app().clone();
    can.write(move |tx| create(tx, &app.vault, app.outside.allowed(), &new).map(Created::new)).await
}

/// Change a webhook
///
/// Also switches it off and on: what happened meanwhile follows, as far as the journal goes back. The secret stays.
#[utoipa::path(patch, path = "/v1/webhooks/{id}", tag = "webhooks")]
pub async fn update_webhook(
    can: Can<UpdateWebhooks>,
    at: At<Webhook>,
    if_match: IfMatch,
    patch: Patch<NewWebhook>,
) -> Answer<Found<Webhook>> {
    let app = can.app().clone();
    can.write(move |tx| {
        let changed = record::change(tx, at.0, &patch, &if_match, |tx, before: &Webhook, after: &mut Webhook| {
            after.check_address(app.outside.allowed())?;
            role::check_change(tx, &before.role, &after.role)
        })?;
        let now = tx.now();
        workspace::wake(tx, worker::KIND, at.0, now)?;
        Ok(changed)
    })
    .await
}

/// Archive a webhook
///
/// Nothing more is told there; what waits stays as it is.
#[utoipa::path(delete, path = "/v1/webhooks/{id}", tag = "webhooks")]
pub async fn archive_webhook(can: Can<ToDelete<UpdateWebhooks>>, at: At<Webhook>, if_match: IfMatch) -> Answer<Done> {
    can.write(move |tx| {
        let hook: Webhook = record::get_to_change(tx, at.0)?;
        role::check_over(tx, &hook.role)?;
        record::archive::<Webhook>(tx, at.0, &if_match)?;
        workspace::settle(tx, at.0)?;
        Ok(Done)
    })
    .await
}

/// Restore a webhook
///
/// What happened meanwhile follows, as far as the journal goes back.
#[utoipa::path(post, path = "/v1/webhooks/{id}/restore", tag = "webhooks")]
pub async fn restore_webhook(can: Can<ToDelete<UpdateWebhooks>>, at: At<Webhook>, if_match: IfMatch) -> Answer<Found<Webhook>> {
    can.write(move |tx| {
        let hook: Webhook = record::get_to_change(tx, at.0)?;
        role::check_grant(tx, &hook.role)?;
        let back = record::restore::<Webhook>(tx, at.0, &if_match)?;
        let now = tx.now();
        workspace::wake(tx, worker::KIND, at.0, now)?;
        Ok(Found(back))
    })
    .await
}

/// Rotate a webhook's secret
///
/// Another secret, told in this answer and nowhere else. For `overlap_seconds` (a day when absent) the one before signs, too: `webhook-signature` has two.
#[utoipa::path(post, path = "/v1/webhooks/{id}/rotate", tag = "webhooks")]
pub async fn rotate_webhook(
    can: CanSealed<UpdateWebhooks>,
    at: At<Webhook>,
    if_match: IfMatch,
    rotation: Valid<SecretRotation>,
) -> Answer<Conflicting<Found<Webhook>>> {
    let app = can.app().clone();
    can.write(move |tx| rotate(tx, &app, at.0, &if_match, &rotation).map(|hook| Conflicting(Found(hook)))).await
}

/// Resume a webhook
///
/// Takes a pause away and tries at once what waits, and once more what was given up since nothing got through any more; what happened during the pause
/// follows, in order per record.
#[utoipa::path(post, path = "/v1/webhooks/{id}/resume", tag = "webhooks")]
pub async fn resume_webhook(can: Can<UpdateWebhooks>, at: At<Webhook>, if_match: IfMatch) -> Answer<Conflicting<Found<Webhook>>> {
    can.write(move |tx| {
        let before: Webhook = record::get_in_use(tx, at.0, &if_match)?;
        role::check_over(tx, &before.role)?;
        let after = Webhook { paused_at: None, paused_reason: None, ..before.clone() };
        let resumed = record::store_change(tx, &before, after, Action::Resumed)?;
        if let Some(since) = before.failing_since {
            deliveries::again_since(tx, before.id, since)?;
        }
        deliveries::hurry(tx, before.id)?;
        let now = tx.now();
        workspace::wake(tx, worker::KIND, at.0, now)?;
        Ok(Conflicting(Found(resumed)))
    })
    .await
}

/// Test a webhook
///
/// Posts an event `webhook.test` without data; what became of it is in its delivery.
#[utoipa::path(post, path = "/v1/webhooks/{id}/test", tag = "webhooks")]
pub async fn test_webhook(can: Can<UpdateWebhooks>, at: At<Webhook>) -> Answer<Conflicting<Accepted<WebhookDelivery>>> {
    can.write(move |tx| test(tx, at.0).map(|delivery| Conflicting(Accepted(delivery)))).await
}

/// Replay a stretch of a webhook's deliveries
///
/// Sends those again that got through or were given up, by the numbers of their events, with the same `webhook-id`; at most 1,000 at a time, the earliest first.
/// Each is told as the webhook's role, event types and condition let it be told then.
#[utoipa::path(post, path = "/v1/webhooks/{id}/replay", tag = "webhooks")]
pub async fn replay_webhook(can: Can<UpdateWebhooks>, at: At<Webhook>, range: Valid<ReplayRange>) -> Answer<Conflicting<Plain<Replayed>>> {
    can.write(move |tx| replay(tx, at.0, &range).map(|done| Conflicting(Plain(done)))).await
}

/// List deliveries to webhooks
///
/// What was, or is to be, posted where, with the tries; the newest first.
#[utoipa::path(get, path = "/v1/webhook-deliveries", tag = "webhooks")]
pub async fn list_webhook_deliveries(can: Can<ReadWebhooks>, params: Params<ListWebhookDeliveries>) -> Answer<Page<WebhookDelivery>> {
    can.read(move |tx| Ok(deliveries::list(tx, &params)?)).await
}

/// Get a delivery to a webhook
///
/// With what is posted, and the answers.
#[utoipa::path(get, path = "/v1/webhook-deliveries/{id}", tag = "webhooks")]
pub async fn get_webhook_delivery(can: Can<ReadWebhooks>, at: At<WebhookDelivery>) -> Answer<Plain<WebhookDelivery>> {
    can.read(move |tx| {
        let found = deliveries::find(tx, at.0)?.ok_or_else(Problem::not_found)?;
        let hook: Webhook = record::get(tx, found.webhook_id.uuid())?;
        message::shown(tx, &hook, found).map(Plain)
    })
    .await
}

/// Replay a delivery
///
/// Sends it again with the same `webhook-id`, or at once if it waits.
#[utoipa::path(post, path = "/v1/webhook-deliveries/{id}/replay", tag = "webhooks")]
pub async fn replay_webhook_delivery(can: Can<UpdateWebhooks>, at: At<WebhookDelivery>) -> Answer<Conflicting<Accepted<WebhookDelivery>>> {
    can.write(move |tx| {
        let found = deliveries::find(tx, at.0)?.ok_or_else(Problem::not_found)?;
        in_use(tx, found.webhook_id.uuid())?;
        deliveries::again(tx, at.0)?;
        let now = tx.now();
        workspace::wake(tx, worker::KIND, found.webhook_id.uuid(), now)?;
        let waiting = deliveries::find(tx, at.0)?.ok_or_else(Problem::not_found)?;
        Ok(Conflicting(Accepted(WebhookDelivery { request_body: Value::Null, ..waiting })))
    })
    .await
}

/// One that may be sent to by the asker, held.
fn in_use(tx: &mut WriteTx<'_>, id: Uuid) -> Result<Webhook> {
    let hook: Webhook = record::get_to_change(tx, id)?;
    role::check_over(tx, &hook.role)?;
    if hook.archived_at.is_some() { Err(Problem::new(ProblemCode::Archived)) } else { Ok(hook) }
}

/// Makes one; it hears of what happens from here on.
pub fn create(tx: &mut WriteTx<'_>, vault: &Vault, allowed: &[IpNet], input: &NewWebhook) -> Result<Webhook> {
    let mut hook: Webhook = record::make(tx, input, None)?;
    hook.check_address(allowed)?;
    role::check_grant(tx, &hook.role)?;
    if i64::try_from(store::in_use(tx)?.len()).is_ok_and(|count| count >= store::MOST) {
        return Err(Problem::invalid("", FieldCode::TooMany));
    }
    hook.read_until = journal::latest(tx)?;
    let secret = signature::fresh();
    store::insert_with_secret(tx, &hook, vault.seal(secret.as_bytes())?, Event::created(&hook))?;
    let now = tx.now();
    workspace::wake(tx, worker::KIND, hook.uuid(), now)?;
    hook.secret = Some(secret);
    Ok(hook)
}

fn rotate(tx: &mut WriteTx<'_>, app: &App, id: Uuid, if_match: &IfMatch, rotation: &SecretRotation) -> Result<Webhook> {
    let before: Webhook = record::get_in_use(tx, id, if_match)?;
    role::check_over(tx, &before.role)?;
    let mut errors = FieldErrors::default();
    errors.absorb(rotation.validate());
    errors.finish()?;
    let secret = signature::fresh();
    store::rotate(tx, before.id, app.vault.seal(secret.as_bytes())?)?;
    let overlap = rotation.overlap_seconds.unwrap_or(USUAL_OVERLAP);
    let mut after = before.clone();
    after.previous_until = Some(tx.now() + chrono::Duration::seconds(overlap));
    let mut hook = record::store_change(tx, &before, after, Action::KeyRotated)?;
    hook.secret = Some(secret);
    Ok(hook)
}

/// A delivery of nothing, to see whether anything gets through.
pub fn test(tx: &mut WriteTx<'_>, id: Uuid) -> Result<WebhookDelivery> {
    let hook = in_use(tx, id)?;
    let (event, now) = (tx.fresh_id(), tx.now());
    let body = serde_json::json!({
        "id": event, "sequence": null, "type": "webhook.test", "timestamp": now, "workspace_id": tx.workspace(), "record_type": "webhook", "record_id": id,
        "actor": tx.scope().by(), "reach": null, "data": null, "changes": {},
    });
    let new =
        NewDelivery { webhook: hook.id, event, sequence: 0, kind: "webhook.test".into(), record: id, body: body.to_string(), due_at: now };
    let delivery = deliveries::insert(tx, new)?;
    workspace::wake(tx, worker::KIND, id, now)?;
    let kept = deliveries::find(tx, delivery)?.ok_or_else(Problem::not_found)?;
    Ok(WebhookDelivery { request_body: Value::Null, ..kept })
}

/// How many are sent again by one request.
const MOST_REPLAYED: i64 = 1000;

fn replay(tx: &mut WriteTx<'_>, id: Uuid, range: &ReplayRange) -> Result<Replayed> {
    let mut errors = FieldErrors::default();
    errors.absorb(range.validate());
    let (from, to) = (range.from_sequence.unwrap_or_default(), range.to_sequence.unwrap_or(i64::MAX));
    if range.from_sequence.is_none() {
        errors.add("/from_sequence", FieldCode::Required);
    } else if to < from {
        errors.add("/to_sequence", FieldCode::ConflictingFields);
    }
    errors.finish()?;
    let hook = in_use(tx, id)?;
    let count = deliveries::again_between(tx, hook.id, from, to, range.only_failed.unwrap_or_default(), MOST_REPLAYED)?;
    let now = tx.now();
    workspace::wake(tx, worker::KIND, id, now)?;
    Ok(Replayed { count: i64::try_from(count).unwrap_or(MOST_REPLAYED) })
}

/// Pauses a webhook, saying why.
fn pause(tx: &mut WriteTx<'_>, id: WebhookId, why: &str) -> Result<()> {
    let before: Webhook = record::get(tx, id.uuid())?;
    if before.paused_at.is_some() {
        return Ok(());
    }
    let after = Webhook { paused_at: Some(tx.now()), paused_reason: Some(why.to_owned()), ..before.clone() };
    tx.because(Some(why.to_owned()));
    record::store_change(tx, &before, after, Action::Paused)?;
    tx.because(None);
    tracing::warn!(webhook = %id, %why, "a webhook is paused");
    Ok(())
}
