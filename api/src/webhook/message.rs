//! What a webhook is told: what its role sees, of the events it wants, where its condition holds. Deliveries are made of what the journal tells, and looked at
//! once more each time they are posted: what was allowed when something happened need not be when it is told.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use kartoteka_domain::{
    access::{Actor, RecordType, Scope, Verb},
    actor::{ActorRef, ActorType},
    journal::JournalEvent,
    webhook::{
        Webhook,
        condition::all_hold,
        delivery::{DeliveryAttempt, WebhookDelivery, Withheld},
    },
};
use kartoteka_persistence::{
    Reading, WriteTx,
    journal::{self as events, RawEvent},
    webhook::{
        self as store,
        delivery::{self as deliveries, Claimed, Ended, NewDelivery},
        event,
    },
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    journal, notification,
    problem::{Problem, Result},
    role,
};

/// Events read in one turn.
const SLICE: i64 = 100;

/// Who hears what a webhook is told; `None` where its role sees nothing.
pub fn listener(tx: &mut dyn Reading, hook: &Webhook) -> Result<Option<Scope>> {
    // it has no person behind it: whatever is somebody's own is not its
    let who = ActorRef { kind: ActorType::System, id: Some(hook.id.uuid()), name: hook.name.clone() };
    let actor = Arc::new(Actor::verified(tx.workspace(), who, None, Arc::new(role::rights(tx, &hook.role)?), Arc::from([])));
    Ok(actor.authorize(RecordType::Session, Verb::Read).ok())
}

/// Makes deliveries of what the journal tells since the last turn, due at a time; whether it is read to its end.
pub fn hear(tx: &mut WriteTx<'_>, hook: &Webhook, listener: Option<&Scope>, due_at: DateTime<Utc>) -> Result<bool> {
    let stretch = events::after(tx, hook.read_until, &hook.event_types, SLICE)?;
    if stretch.looked_until <= hook.read_until {
        return Ok(true);
    }
    if hook.read_until.saturating_add(1) < stretch.oldest {
        let lost = stretch.oldest - hook.read_until - 1;
        tracing::warn!(webhook = %hook.id, lost, "events were forgotten before a webhook was told of them");
        let why = format!("{lost} events were forgotten before it was told of them: they are kept for a time only");
        notification::alarm(tx, &format!("{}:lost:{}", hook.id, stretch.oldest), &hook.name, &why)?;
    }
    if let Some(listener) = listener {
        for event in journal::told_to(tx, listener, &stretch.events)? {
            if !all_hold(&hook.condition, &event.data, &event.changes) {
                continue;
            }
            let body = serde_json::to_string(&event).map_err(Problem::internal)?;
            let new = NewDelivery {
                webhook: hook.id,
                event: event.id,
                sequence: event.sequence,
                kind: event.r#type,
                record: event.record_id,
                body,
                due_at,
            };
            deliveries::insert(tx, new)?;
        }
    }
    store::set_read_until(tx, hook.id, stretch.looked_until)?;
    Ok(stretch.is_end())
}

/// What is claimed, told as it may be told now; what may not be any more is given up. As long as nothing changed a repeat says the same.
pub fn renew(tx: &mut WriteTx<'_>, hook: &Webhook, listener: Option<&Scope>, claimed: Vec<Claimed>) -> Result<Vec<Claimed>> {
    let ids: Vec<Uuid> = claimed.iter().filter(|one| !one.is_test()).map(|one| one.event).collect();
    let kept = event::of(tx, &ids)?;
    let told = match listener {
        Some(listener) => journal::told_to(tx, listener, &kept)?,
        None => Vec::new(),
    };
    let mut told: HashMap<Uuid, JournalEvent> = told.into_iter().map(|event| (event.id, event)).collect();
    let mut posted = Vec::with_capacity(claimed.len());
    for mut one in claimed {
        if one.is_test() {
            posted.push(one);
            continue;
        }
        let is_kept = kept.iter().any(|event| event.id == one.event);
        match now(hook, &one, is_kept, told.remove(&one.event)) {
            Ok(event) => {
                let body = serde_json::to_string(&event).map_err(Problem::internal)?;
                if body != one.body {
                    deliveries::rewrite(tx, &mut one, body)?;
                }
                posted.push(one);
            }
            Err(withheld) => {
                let error = Some(withheld.reason().to_owned());
                let attempt = DeliveryAttempt { at: tx.now(), duration_ms: 0, status: None, error, response_excerpt: None };
                deliveries::finish(tx, &one, &attempt, Ended::Failed)?;
            }
        }
    }
    Ok(posted)
}

fn now(hook: &Webhook, claimed: &Claimed, is_kept: bool, told: Option<JournalEvent>) -> std::result::Result<JournalEvent, Withheld> {
    if !hook.takes(&claimed.kind) {
        return Err(Withheld::EventType);
    }
    if !is_kept {
        return Err(Withheld::Forgotten);
    }
    let event = told.ok_or(Withheld::Role)?;
    if all_hold(&hook.condition, &event.data, &event.changes) { Ok(event) } else { Err(Withheld::Condition) }
}

/// A delivery as the asker may see it: it may have been told when the webhook's role saw more.
pub fn shown(tx: &mut dyn Reading, hook: &Webhook, mut delivery: WebhookDelivery) -> Result<WebhookDelivery> {
    // what the webhook's role sees is not told to who sees less
    if role::check_over(tx, &hook.role).is_err() {
        delivery.request_body = Value::Null;
    }
    if delivery.is_test() || delivery.request_body.is_null() {
        return Ok(delivery);
    }
    let told: JournalEvent = serde_json::from_value(delivery.request_body.clone()).map_err(Problem::internal)?;
    let event = RawEvent {
        id: told.id,
        sequence: told.sequence,
        at: told.timestamp,
        kind: told.r#type,
        record: told.record_type,
        record_id: told.record_id,
        actor: told.actor,
        data: told.data,
        changes: told.changes,
    };
    match journal::told(tx, &[event])?.pop() {
        Some(seen) => {
            if let Some(body) = delivery.request_body.as_object_mut() {
                body.insert("data".into(), seen.data);
                body.insert("changes".into(), Value::Object(seen.changes));
            }
        }
        None => delivery.request_body = Value::Null,
    }
    Ok(delivery)
}
