//! What people are told, each cause once, and what they want to be told.

pub mod delivery;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kartoteka_domain::{
    access::RecordType,
    event::{Action, Event},
    id::{UserId, WorkspaceId},
    list::{ListParameters, Page},
    notification::{ListNotifications, Notification, NotificationKind, settings::NotificationSettings},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    db::{At, Doc, Uid},
    entity::{json as document, map, revive},
    fragment,
    schema::{notification, notification_cursor, notification_setting},
    store::{Reading, StoreError, WriteTx},
};

part! {
    NotificationRow in notification {
        workspace_id: Uid, id: Uid, user_id: Uid, kind: String, cause: String, record: Option<String>, record_id: Option<Uid>, in_app: bool,
        profile: Doc, created_at: At, read_at: Option<At>,
    }
}
keyed!(NotificationRow { created_at });
part! { SettingRow in notification_setting { workspace_id: Uid, id: Uid, profile: Doc, telegram_blocked: bool, updated_at: At } }
part! { CursorRow in notification_cursor { workspace_id: Uid, id: Uid, sequence: i64 } }

fn revived(row: NotificationRow) -> Result<Notification, StoreError> {
    let own = map([("id", json!(row.id)), ("created_at", json!(row.created_at)), ("read_at", json!(row.read_at))]);
    let about = [("kind", json!(row.kind)), ("record_type", json!(row.record)), ("record_id", json!(row.record_id))];
    revive(row.profile, own, about)
}

/// Something to tell a person.
#[derive(Debug, Clone)]
pub struct New {
    /// Whom.
    pub user: UserId,
    /// What about.
    pub kind: NotificationKind,
    /// The cause.
    pub cause: String,
    /// The record it is about.
    pub about: Option<(RecordType, Uuid)>,
    /// Whether the list shows it.
    pub in_app: bool,
    /// What happened, in a line.
    pub title: String,
    /// More about it.
    pub body: Option<String>,
}

/// Whether a person was told of a cause.
pub fn is_told(tx: &mut dyn Reading, user: UserId, cause: &str) -> Result<bool, StoreError> {
    let found: Option<Uid> = all!(tx, notification)
        .filter(notification::cause.eq(cause.to_owned()))
        .filter(notification::user_id.eq(Uid::from(user)))
        .select(notification::id)
        .first(tx.db().0)
        .optional()?;
    Ok(found.is_some())
}

/// Which of some causes anybody was told of.
pub fn told(tx: &mut dyn Reading, causes: &[String]) -> Result<Vec<String>, StoreError> {
    if causes.is_empty() {
        return Ok(Vec::new());
    }
    let any = fragment::one_text_of("notification.cause", causes.iter().cloned());
    Ok(all!(tx, notification).filter(any).select(notification::cause).load(tx.db().0)?)
}

/// Keeps what a person is told; a second time the cause refuses it.
pub fn insert(tx: &mut WriteTx<'_>, new: New) -> Result<(), StoreError> {
    let row = NotificationRow {
        workspace_id: tx.workspace().into(),
        id: Uid(tx.fresh_id()),
        user_id: new.user.into(),
        kind: new.kind.word().to_owned(),
        cause: new.cause,
        record: new.about.map(|(record, _)| record.word().to_owned()),
        record_id: new.about.map(|(_, id)| Uid(id)),
        in_app: new.in_app,
        profile: Doc(json!({"title": new.title, "body": new.body})),
        created_at: At(tx.now()),
        read_at: None,
    };
    let recorded = tx.unaudited("what a person is told of is audited itself");
    row.insert(tx.db().0, &recorded)?;
    Ok(())
}

/// A page of what somebody was told.
pub fn list(tx: &mut dyn Reading, user: UserId, params: &ListNotifications) -> Result<Page<Notification>, StoreError> {
    let build = || {
        let mut query = all!(tx, notification).filter(notification::user_id.eq(Uid::from(user))).filter(notification::in_app.eq(true));
        narrow!(query, words params; notification.kind in kind);
        narrow!(query, from params; notification.created_at in created_after);
        match params.unread {
            Some(true) => query.filter(notification::read_at.is_null()),
            Some(false) => query.filter(notification::read_at.is_not_null()),
            None => query,
        }
    };
    let mut rows = page!(tx, NotificationRow, notification, params.page(), ["created_at"], build);
    let found = rows.take().into_iter().map(revived).collect::<Result<_, _>>()?;
    Ok(rows.into_page(found))
}

/// What the list shows somebody as new since a moment, the oldest first, after one he knows when there are many of a moment.
pub fn unread_since(
    tx: &mut dyn Reading,
    user: UserId,
    (since, known): (DateTime<Utc>, Uuid),
    most: i64,
) -> Result<Vec<Notification>, StoreError> {
    let later = notification::created_at.gt(At(since)).or(notification::created_at.eq(At(since)).and(notification::id.gt(Uid(known))));
    let rows: Vec<NotificationRow> = all!(tx, notification)
        .filter(notification::user_id.eq(Uid::from(user)))
        .filter(notification::in_app.eq(true))
        .filter(notification::read_at.is_null())
        .filter(notification::created_at.ge(At(since)))
        .filter(later)
        .order((notification::created_at, notification::id))
        .limit(most)
        .load(tx.db().0)?;
    rows.into_iter().map(revived).collect()
}

/// One of what somebody was told.
pub fn find(tx: &mut dyn Reading, user: UserId, id: Uuid) -> Result<Option<Notification>, StoreError> {
    let row: Option<NotificationRow> = all!(tx, notification)
        .filter(notification::id.eq(Uid(id)))
        .filter(notification::user_id.eq(Uid::from(user)))
        .filter(notification::in_app.eq(true))
        .first(tx.db().0)
        .optional()?;
    row.map(revived).transpose()
}

/// How many somebody has not read.
pub fn unread(tx: &mut dyn Reading, user: UserId) -> Result<i64, StoreError> {
    Ok(all!(tx, notification)
        .filter(notification::user_id.eq(Uid::from(user)))
        .filter(notification::in_app.eq(true))
        .filter(notification::read_at.is_null())
        .count()
        .get_result(tx.db().0)?)
}

/// Marks one as read; what was read before keeps its time.
#[expect(clippy::disallowed_methods, reason = "what somebody has read is his own affair")]
pub fn read(tx: &mut WriteTx<'_>, user: UserId, id: Uuid) -> Result<(), StoreError> {
    let now = tx.now();
    diesel::update(
        notification::table
            .filter(notification::workspace_id.eq(Uid::from(tx.workspace())))
            .filter(notification::id.eq(Uid(id)))
            .filter(notification::user_id.eq(Uid::from(user)))
            .filter(notification::read_at.is_null()),
    )
    .set(notification::read_at.eq(Some(At(now))))
    .execute(tx.db().0)?;
    Ok(())
}

/// Marks all up to a moment as read.
#[expect(clippy::disallowed_methods, reason = "what somebody has read is his own affair")]
pub fn read_all(tx: &mut WriteTx<'_>, user: UserId, until: DateTime<Utc>) -> Result<(), StoreError> {
    let now = tx.now();
    diesel::update(
        notification::table
            .filter(notification::workspace_id.eq(Uid::from(tx.workspace())))
            .filter(notification::user_id.eq(Uid::from(user)))
            .filter(notification::created_at.le(At(until)))
            .filter(notification::read_at.is_null()),
    )
    .set(notification::read_at.eq(Some(At(now))))
    .execute(tx.db().0)?;
    Ok(())
}

/// Forgets what was told before a time.
#[expect(clippy::disallowed_methods, reason = "what was told long ago; what it was about is audited")]
pub fn forget_before(tx: &mut WriteTx<'_>, before: DateTime<Utc>) -> Result<usize, StoreError> {
    Ok(diesel::delete(
        notification::table
            .filter(notification::workspace_id.eq(Uid::from(tx.workspace())))
            .filter(notification::created_at.lt(At(before))),
    )
    .execute(tx.db().0)?)
}

/// What somebody wants, and whether he blocked the bot.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// What he wants.
    pub settings: NotificationSettings,
    /// Whether he blocked the bot.
    pub telegram_blocked: bool,
    /// When he said so; `None` when he never did.
    pub updated_at: Option<DateTime<Utc>>,
}

/// What somebody wants to be told.
pub fn wanted(tx: &mut dyn Reading, user: UserId) -> Result<Wanted, StoreError> {
    let row: Option<SettingRow> =
        all!(tx, notification_setting).filter(notification_setting::id.eq(Uid::from(user))).first(tx.db().0).optional()?;
    let Some(row) = row else { return Ok(Wanted::default()) };
    let settings =
        serde_json::from_value(row.profile.0).map_err(|e| StoreError::Internal(format!("stored settings cannot be read: {e}")))?;
    Ok(Wanted { settings, telegram_blocked: row.telegram_blocked, updated_at: Some(row.updated_at.0) })
}

/// Keeps what somebody wants to be told.
pub fn set_wanted(tx: &mut WriteTx<'_>, user: UserId, settings: &NotificationSettings) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let recorded = tx.record(Event::bare(RecordType::User, user.uuid(), Action::NotificationSettingsChanged))?;
    delete_parts!(tx.db().0, &recorded, notification_setting, workspace, id = user)?;
    let row = SettingRow {
        workspace_id: workspace.into(),
        id: user.into(),
        profile: document(settings),
        telegram_blocked: false,
        updated_at: At(tx.now()),
    };
    row.insert(tx.db().0, &recorded)?;
    Ok(())
}

/// Notes that somebody blocked the bot.
pub fn block_telegram(tx: &mut WriteTx<'_>, user: UserId) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let recorded = tx.unaudited("what the other side says of a channel");
    set_columns!(tx.db().0, &recorded, notification_setting, workspace, user, telegram_blocked = true)?;
    Ok(())
}

/// How far the workspace's events were gone through; 0 when they never were.
pub fn cursor(tx: &mut dyn Reading) -> Result<i64, StoreError> {
    let found: Option<i64> = all!(tx, notification_cursor).select(notification_cursor::sequence).first(tx.db().0).optional()?;
    Ok(found.unwrap_or_default())
}

/// Notes how far they were gone through; `false` when somebody else was there first.
pub fn move_cursor(tx: &mut WriteTx<'_>, from: i64, to: i64) -> Result<bool, StoreError> {
    let workspace: WorkspaceId = tx.workspace();
    let recorded = tx.unaudited("the clockwork of a reader");
    let moved = set_columns!(tx.db().0, &recorded, notification_cursor, workspace, workspace, sequence = to;
        where notification_cursor::sequence.eq(from))?;
    if moved == 1 || from != 0 {
        return Ok(moved == 1);
    }
    let row = CursorRow { workspace_id: workspace.into(), id: workspace.into(), sequence: to };
    row.insert(tx.db().0, &recorded)?;
    Ok(true)
}
