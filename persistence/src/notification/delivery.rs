//! Messages on their way: queued with their cause, claimed for a time, sent outside of any transaction.

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use kartoteka_domain::{
    id::UserId,
    notification::{
        NotificationChannel as Channel,
        delivery::{ChannelHealth, Delivery, DeliveryId, DeliveryState, LEASE_SECONDS, Message},
    },
};
use uuid::Uuid;

use crate::{
    db::{At, Doc, Uid},
    entity::json,
    schema::notification_delivery,
    store::{Reading, StoreError, WriteTx},
    workspace,
};

part! {
    DeliveryRow in notification_delivery {
        workspace_id: Uid, id: Uid, channel: String, user_id: Option<Uid>, state: String, message: Doc, attempts: i64, leased_until: Option<At>,
        error: Option<String>, created_at: At, ended_at: Option<At>,
    }
}

/// What the wake-ups of a channel's messages are called.
pub fn kind(channel: Channel) -> &'static str {
    match channel {
        Channel::Telegram => "deliver_telegram",
        Channel::Email | Channel::InApp => "deliver_email",
    }
}

/// Queues a message, to be sent at a time.
pub fn queue(tx: &mut WriteTx<'_>, channel: Channel, user: Option<UserId>, message: &Message, at: DateTime<Utc>) -> Result<(), StoreError> {
    let id = tx.fresh_id();
    let row = DeliveryRow {
        workspace_id: tx.workspace().into(),
        id: Uid(id),
        channel: channel.word().to_owned(),
        user_id: user.map(Uid::from),
        state: DeliveryState::Pending.word().to_owned(),
        message: json(message),
        attempts: 0,
        leased_until: None,
        error: None,
        created_at: At(tx.now()),
        ended_at: None,
    };
    let recorded = tx.unaudited("what a message tells of is audited itself");
    row.insert(tx.db().0, &recorded)?;
    workspace::wake(tx, kind(channel), id, at)
}

/// Takes a message to send for oneself; `None` when it is another's or there is nothing to send any more. If whoever took it dies, it is
/// due again when his time is over.
pub fn claim(tx: &mut WriteTx<'_>, found: workspace::Wakeup) -> Result<Option<Delivery>, StoreError> {
    if !workspace::is_still_due(tx, found)? {
        return Ok(None);
    }
    let row: Option<DeliveryRow> =
        all!(tx, notification_delivery).filter(notification_delivery::id.eq(Uid(found.id))).first(tx.db().0).optional()?;
    let Some(row) = row.filter(|row| row.state == DeliveryState::Pending.word()) else {
        workspace::settle(tx, found.id)?;
        return Ok(None);
    };
    let (own, now, attempts) = (tx.workspace(), tx.now(), row.attempts + 1);
    let until = now + Duration::seconds(LEASE_SECONDS);
    let recorded = tx.unaudited("the clockwork of a message");
    set_columns!(tx.db().0, &recorded, notification_delivery, own, found.id, attempts = attempts, leased_until = Some(At(until)))?;
    let channel = Channel::from_word(&row.channel).unwrap_or(Channel::Email);
    workspace::wake(tx, kind(channel), found.id, until)?;
    let message: Message = serde_json::from_value(row.message.0).unwrap_or_default();
    Ok(Some(Delivery { id: DeliveryId::new(found.id), channel, user: row.user_id.map(Into::into), message, attempts }))
}

/// Notes how a message ended; what it said is forgotten.
pub fn end(tx: &mut WriteTx<'_>, id: Uuid, state: DeliveryState, error: Option<String>) -> Result<(), StoreError> {
    let (own, now) = (tx.workspace(), tx.now());
    let recorded = tx.unaudited("the clockwork of a message");
    set_columns!(
        tx.db().0,
        &recorded,
        notification_delivery,
        own,
        id,
        state = state.word().to_owned(),
        error = error,
        message = Doc(serde_json::json!({})),
        leased_until = None::<At>,
        ended_at = Some(At(now))
    )?;
    workspace::settle(tx, id)
}

/// Puts a message off.
pub fn put_off(tx: &mut WriteTx<'_>, channel: Channel, id: Uuid, at: DateTime<Utc>, error: String) -> Result<(), StoreError> {
    let own = tx.workspace();
    let recorded = tx.unaudited("the clockwork of a message");
    set_columns!(tx.db().0, &recorded, notification_delivery, own, id, leased_until = None::<At>, error = Some(error))?;
    workspace::wake(tx, kind(channel), id, at)
}

/// Forgets messages that ended before a time.
#[expect(clippy::disallowed_methods, reason = "the clockwork of messages")]
pub fn forget_before(tx: &mut WriteTx<'_>, before: DateTime<Utc>) -> Result<usize, StoreError> {
    Ok(diesel::delete(
        notification_delivery::table
            .filter(notification_delivery::workspace_id.eq(Uid::from(tx.workspace())))
            .filter(notification_delivery::ended_at.lt(At(before))),
    )
    .execute(tx.db().0)?)
}

/// When a message ended, and why it failed.
type Ended = (Option<At>, Option<String>);

/// How it stands with a channel in this workspace.
pub fn health(tx: &mut dyn Reading, channel: Channel) -> Result<ChannelHealth, StoreError> {
    let own = |tx: &mut dyn Reading, state: DeliveryState| {
        all!(tx, notification_delivery)
            .filter(notification_delivery::channel.eq(channel.word()))
            .filter(notification_delivery::state.eq(state.word()))
    };
    let queued = own(tx, DeliveryState::Pending).count().get_result(tx.db().0)?;
    let first: Option<At> = own(tx, DeliveryState::Pending)
        .select(notification_delivery::created_at)
        .order(notification_delivery::created_at)
        .first(tx.db().0)
        .optional()?;
    let last = |tx: &mut dyn Reading, state| -> Result<Option<Ended>, StoreError> {
        Ok(own(tx, state)
            .select((notification_delivery::ended_at, notification_delivery::error))
            .order(notification_delivery::created_at.desc())
            .first(tx.db().0)
            .optional()?)
    };
    let (sent, failed) = (last(tx, DeliveryState::Sent)?, last(tx, DeliveryState::Failed)?);
    let failed = failed.map(|(at, error)| (at.map(|at| at.0), error)).unwrap_or_default();
    // what was tried in vain and waits for the next try: nothing gets through since the first of it
    let stuck: Option<(At, Option<String>)> = own(tx, DeliveryState::Pending)
        .filter(notification_delivery::error.is_not_null())
        .select((notification_delivery::created_at, notification_delivery::error))
        .order(notification_delivery::created_at)
        .first(tx.db().0)
        .optional()?;
    let failed = stuck.map(|(at, error)| (Some(at.0), error)).filter(|stuck| stuck.0 >= failed.0).unwrap_or(failed);
    Ok(ChannelHealth {
        queued,
        waiting_since: first.map(|at| at.0),
        last_success_at: sent.and_then(|(at, _)| at).map(|at| at.0),
        last_error_at: failed.0,
        last_error: failed.1,
    })
}
