//! What tells how integrations are: of webhooks and forms, a question for each kind of sign, however many they are.

use std::collections::HashMap;

use diesel::{
    dsl::{count_star, sql},
    prelude::*,
    sql_types::Nullable,
};
use kartoteka_domain::integration::Signs;
use uuid::Uuid;

use crate::{
    db::{At, Instant, MultiBackend, Uid},
    schema::{form, submission, webhook_delivery},
    store::{Reading, StoreError},
};

/// At most so many of a kind.
const MOST: i64 = 500;

/// How much waits for each of them, and since when.
type Queues = HashMap<Uuid, (i64, Option<At>)>;

/// Deliveries that wait, by webhook.
pub fn webhook_queues(tx: &mut dyn Reading) -> Result<HashMap<Uuid, Signs>, StoreError> {
    let rows: Vec<(Uid, i64, Option<At>)> = webhook_delivery::table
        .group_by(webhook_delivery::webhook_id)
        .select((webhook_delivery::webhook_id, count_star(), sql::<Nullable<Instant>>("min(webhook_delivery.created_at)")))
        .into_boxed::<MultiBackend>()
        .filter(webhook_delivery::workspace_id.eq(Uid::from(tx.workspace())))
        .filter(webhook_delivery::status.eq("waiting"))
        .load(tx.db().0)?;
    Ok(rows
        .into_iter()
        .map(|(id, count, since)| (id.0, Signs { queue_length: count, waiting_since: since.map(|at| at.0), ..Signs::default() }))
        .collect())
}

/// Forms in use with what came through them last and what of it is not worked on yet.
pub fn forms(tx: &mut dyn Reading) -> Result<Vec<(Uuid, String, Signs)>, StoreError> {
    let waiting: Vec<(Uid, i64, Option<At>)> = submission::table
        .group_by(submission::form_id)
        .select((submission::form_id, count_star(), sql::<Nullable<Instant>>("min(submission.received_at)")))
        .into_boxed::<MultiBackend>()
        .filter(submission::workspace_id.eq(Uid::from(tx.workspace())))
        .filter(submission::state.eq("received").or(submission::state.eq("failed")))
        .load(tx.db().0)?;
    let waiting: Queues = waiting.into_iter().map(|(id, count, since)| (id.0, (count, since))).collect();
    // the newest of each by its index
    let newest = "(SELECT max(s.received_at) FROM submission s WHERE s.workspace_id = form.workspace_id AND s.form_id = form.id)";
    let rows: Vec<(Uid, String, bool, Option<At>)> = form::table
        .select((form::id, form::name, form::active, sql::<Nullable<Instant>>(newest)))
        .into_boxed::<MultiBackend>()
        .filter(form::workspace_id.eq(Uid::from(tx.workspace())))
        .filter(form::archived_at.is_null())
        .order((form::created_at, form::id))
        .limit(MOST)
        .load(tx.db().0)?;
    Ok(rows
        .into_iter()
        .map(|(id, name, on, newest)| {
            let (queue_length, since) = waiting.get(&id.0).copied().unwrap_or_default();
            let signs =
                Signs { on, last_success_at: newest.map(|at| at.0), queue_length, waiting_since: since.map(|at| at.0), ..Signs::default() };
            (id.0, name, signs)
        })
        .collect())
}
