//! Links to calendars: one a person; its secret is a door's hash.

use diesel::prelude::*;
use kartoteka_domain::{calendar::CalendarLinkState, event::Event, id::UserId};

use crate::{
    db::{At, Uid},
    schema::calendar_link,
    store::{Reading, StoreError, WriteTx},
    workspace::{self, DoorKind},
};

part! {
    LinkRow in calendar_link { workspace_id: Uid, id: Uid, created_at: At, read_at: Option<At> }
}

/// Whether a person has one.
pub fn state(tx: &mut dyn Reading, user: UserId) -> Result<CalendarLinkState, StoreError> {
    let row: Option<LinkRow> = calendar_link::table
        .filter(calendar_link::workspace_id.eq(Uid::from(tx.workspace())))
        .filter(calendar_link::id.eq(Uid::from(user)))
        .first(tx.db().0)
        .optional()?;
    Ok(row.map_or_else(CalendarLinkState::default, |row| CalendarLinkState {
        active: true,
        created_at: Some(row.created_at.0),
        read_at: row.read_at.map(|at| at.0),
    }))
}

/// Makes one in place of that there was.
pub fn replace(tx: &mut WriteTx<'_>, user: UserId, hash: Vec<u8>, event: Event) -> Result<(), StoreError> {
    end(tx, user, event)?;
    workspace::open_door(tx, DoorKind::Calendar, hash, user.uuid())?;
    let recorded = tx.unaudited("told by the event of its making");
    let row = LinkRow { workspace_id: tx.workspace().into(), id: user.into(), created_at: At(tx.now()), read_at: None };
    row.insert(tx.db().0, &recorded)?;
    Ok(())
}

/// Ends the one there is.
pub fn end(tx: &mut WriteTx<'_>, user: UserId, event: Event) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let recorded = tx.record(event)?;
    workspace::close_doors(tx, DoorKind::Calendar, user.uuid())?;
    delete_parts!(tx.db().0, &recorded, calendar_link, workspace, id = user)?;
    Ok(())
}

/// Notes that it was read, once a minute at most.
pub fn touch(tx: &mut WriteTx<'_>, user: UserId) -> Result<(), StoreError> {
    let (workspace, now) = (tx.workspace(), tx.now());
    let recorded = tx.unaudited("the clockwork of a link");
    set_columns!(tx.db().0, &recorded, calendar_link, workspace, user, read_at = Some(At(now));
        where calendar_link::read_at.is_null().or(calendar_link::read_at.lt(At(now - chrono::Duration::minutes(1)))))?;
    Ok(())
}
