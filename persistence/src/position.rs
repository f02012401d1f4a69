//! Positions of people who consented, and the meetings whose end they tell.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kartoteka_domain::{
    access::{Owners, RecordType},
    communication::Coordinates,
    contact::Identity,
    event::{Action, Event},
    id::{CommunicationId, UserId},
    list::{ListParameters, Page},
    position::{Fix, KeptPosition, ListPositions, PositionConsent, PositionId},
};

use crate::{
    db::{At, Uid},
    duplicate,
    fragment::Fragment,
    schema::{kept_position, meeting_presence, position_consent},
    store::{Reading, Recorded, StoreError, WriteTx},
};

/// So many of somebody's meetings are followed at once, the latest.
const MOST_FOLLOWED: i64 = 200;

part! { ConsentRow in position_consent { workspace_id: Uid, id: Uid, given_at: At, withdrawn_at: Option<At> } }
part! {
    PositionRow in kept_position {
        workspace_id: Uid, id: Uid, user_id: Uid, at: At, latitude: f64, longitude: f64, accuracy_m: Option<f64>, created_at: At,
    }
}
keyed!(PositionRow { at, created_at });
part! { PresenceRow in meeting_presence { workspace_id: Uid, id: Uid, user_id: Uid, since: At } }

impl PositionRow {
    fn fix(self) -> Fix {
        let coordinates = Coordinates { latitude: self.latitude, longitude: self.longitude };
        Fix { at: self.at.0, coordinates, accuracy_m: self.accuracy_m }
    }
    fn told(self) -> KeptPosition {
        KeptPosition {
            id: PositionId::new(self.id.0),
            user_id: UserId::new(self.user_id.0),
            at: self.at.0,
            latitude: self.latitude,
            longitude: self.longitude,
            accuracy_m: self.accuracy_m,
            created_at: self.created_at.0,
        }
    }
}

/// Whatever is done with somebody's positions is done one after the other until the end of the transaction.
pub fn hold(tx: &mut WriteTx<'_>, user: UserId) -> Result<(), StoreError> {
    duplicate::lock(tx, &[Identity { kind: "positions", value: user.to_string() }])
}

/// Whether somebody lets his positions be kept.
pub fn consent(tx: &mut dyn Reading, user: UserId) -> Result<PositionConsent, StoreError> {
    let row: Option<ConsentRow> =
        all!(tx, position_consent).filter(position_consent::id.eq(Uid::from(user))).first(tx.db().0).optional()?;
    Ok(row.map_or_else(PositionConsent::default, |row| PositionConsent {
        given: row.withdrawn_at.is_none(),
        given_at: Some(row.given_at.0),
        withdrawn_at: row.withdrawn_at.map(|at| at.0),
    }))
}

/// Keeps what somebody said. When he takes his consent back, his positions go at once, and no meeting is followed by them any more.
pub fn set_consent(tx: &mut WriteTx<'_>, user: UserId, said: &PositionConsent) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let action = if said.given { Action::PositionConsentGiven } else { Action::PositionConsentWithdrawn };
    let recorded = tx.record(Event::bare(RecordType::User, user.uuid(), action))?;
    delete_parts!(tx.db().0, &recorded, position_consent, workspace, id = user)?;
    if let Some(given_at) = said.given_at {
        let row =
            ConsentRow { workspace_id: workspace.into(), id: user.into(), given_at: At(given_at), withdrawn_at: said.withdrawn_at.map(At) };
        row.insert(tx.db().0, &recorded)?;
    }
    if !said.given {
        delete_parts!(tx.db().0, &recorded, kept_position, workspace, user_id = user)?;
        delete_parts!(tx.db().0, &recorded, meeting_presence, workspace, user_id = user)?;
    }
    Ok(())
}

/// Which of some moments are kept of somebody already.
pub fn known(
    tx: &mut dyn Reading,
    user: UserId,
    moments: impl IntoIterator<Item = DateTime<Utc>>,
) -> Result<BTreeSet<DateTime<Utc>>, StoreError> {
    let any = Fragment::default().sql("kept_position.at IN ").instants(moments);
    let found: Vec<At> =
        all!(tx, kept_position).filter(kept_position::user_id.eq(Uid::from(user))).filter(any).select(kept_position::at).load(tx.db().0)?;
    Ok(found.into_iter().map(|at| at.0).collect())
}

/// Keeps positions of somebody; none of them may be kept already. What is written down of it, `in_short`, names no place.
pub fn keep(tx: &mut WriteTx<'_>, user: UserId, fixes: &[Fix], in_short: String) -> Result<(), StoreError> {
    let (workspace, created_at) = (Uid::from(tx.workspace()), At(tx.now()));
    let row = |fix: &Fix| PositionRow {
        workspace_id: workspace,
        id: Uid(tx.fresh_id()),
        user_id: user.into(),
        at: At(fix.at),
        latitude: fix.coordinates.latitude,
        longitude: fix.coordinates.longitude,
        accuracy_m: fix.accuracy_m,
        created_at,
    };
    let rows: Vec<PositionRow> = fixes.iter().map(row).collect();
    tx.note(&Event::bare(RecordType::User, user.uuid(), Action::PositionsReceived).because(in_short))?;
    let recorded: Recorded = tx.unaudited("noted in the audit without any place, and told to nobody else");
    insert_all!(tx.db().0, &recorded, kept_position, &rows)?;
    Ok(())
}

/// Somebody's positions after a moment until another, in the order of time; one a second at most, so that there are not many.
pub fn between(tx: &mut dyn Reading, user: UserId, after: DateTime<Utc>, until: DateTime<Utc>) -> Result<Vec<Fix>, StoreError> {
    let rows: Vec<PositionRow> = all!(tx, kept_position)
        .filter(kept_position::user_id.eq(Uid::from(user)))
        .filter(kept_position::at.gt(At(after)))
        .filter(kept_position::at.le(At(until)))
        .order(kept_position::at)
        .limit((until - after).num_seconds() + 1)
        .load(tx.db().0)?;
    Ok(rows.into_iter().map(PositionRow::fix).collect())
}

/// A page of somebody's positions, if the scope reaches him.
pub fn list(tx: &mut dyn Reading, user: Option<UserId>, params: &ListPositions) -> Result<Page<KeptPosition>, StoreError> {
    let Some(user) = user.filter(|user| is_in_reach(tx, *user)) else {
        return Ok(Page { data: Vec::new(), next_cursor: None, total: params.include_total.unwrap_or_default().then_some(0) });
    };
    let build = || {
        let mut query = all!(tx, kept_position).filter(kept_position::user_id.eq(Uid::from(user)));
        if let Some(after) = &params.after {
            query = query.filter(kept_position::at.ge(At(after.0)));
        }
        if let Some(before) = &params.before {
            query = query.filter(kept_position::at.lt(At(before.0)));
        }
        query
    };
    let mut rows = page!(tx, PositionRow, kept_position, params.page(), ["at", "created_at"], build);
    let found = rows.take().into_iter().map(PositionRow::told).collect();
    Ok(rows.into_page(found))
}

/// Whether the asker may see somebody's positions.
pub fn is_in_reach(tx: &dyn Reading, user: UserId) -> bool {
    match tx.scope().owners(RecordType::Position) {
        Owners::All => true,
        Owners::None => false,
        Owners::Of(users) => users.contains(&user),
    }
}

/// Somebody came to a meeting: his positions tell when he leaves.
pub fn follow(tx: &mut WriteTx<'_>, meeting: CommunicationId, user: UserId, since: DateTime<Utc>) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let recorded = tx.unaudited("told by the change of the meeting");
    delete_parts!(tx.db().0, &recorded, meeting_presence, workspace, id = meeting)?;
    let row = PresenceRow { workspace_id: workspace.into(), id: meeting.into(), user_id: user.into(), since: At(since) };
    row.insert(tx.db().0, &recorded)?;
    Ok(())
}

/// The meetings somebody came to after a moment and before another, in the order of their ids.
pub fn followed(
    tx: &mut dyn Reading,
    user: UserId,
    after: DateTime<Utc>,
    before: DateTime<Utc>,
) -> Result<Vec<CommunicationId>, StoreError> {
    let found: Vec<Uid> = all!(tx, meeting_presence)
        .filter(meeting_presence::user_id.eq(Uid::from(user)))
        .filter(meeting_presence::since.ge(At(after)))
        .filter(meeting_presence::since.lt(At(before)))
        .order((meeting_presence::since.desc(), meeting_presence::id.desc()))
        .limit(MOST_FOLLOWED)
        .select(meeting_presence::id)
        .load(tx.db().0)?;
    let mut ids: Vec<_> = found.into_iter().map(|id| CommunicationId::new(id.0)).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// Forgets positions, and who came to which meeting, from before a moment.
#[expect(clippy::disallowed_methods, reason = "what is kept for a time only")]
pub fn forget_before(tx: &mut WriteTx<'_>, before: DateTime<Utc>) -> Result<usize, StoreError> {
    let (workspace, before) = (Uid::from(tx.workspace()), At(before));
    let old = meeting_presence::table.filter(meeting_presence::workspace_id.eq(workspace)).filter(meeting_presence::since.lt(before));
    diesel::delete(old).execute(tx.db().0)?;
    let old = kept_position::table.filter(kept_position::workspace_id.eq(workspace)).filter(kept_position::at.lt(before));
    Ok(diesel::delete(old).execute(tx.db().0)?)
}
