//! The second factor of a person: a sealed secret, the last step that was used, recovery codes as hashes.

use diesel::prelude::*;
use kartoteka_domain::{event::Event, id::UserId};

use crate::{
    db::{At, Uid},
    schema::{recovery_code, second_factor},
    store::{Reading, StoreError, WriteTx},
};

part! {
    FactorRow in second_factor { workspace_id: Uid, id: Uid, sealed: Vec<u8>, enabled_at: Option<At>, last_step: i64, created_at: At, }
}
part! {
    CodeRow in recovery_code { workspace_id: Uid, id: Uid, user_id: Uid, hash: Vec<u8>, used_at: Option<At>, created_at: At, }
}

/// A second factor as it is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The sealed secret.
    pub sealed: Vec<u8>,
    /// Whether it counts, or was only begun.
    pub enabled: bool,
    /// The last step a code was taken for; none before it is taken again.
    pub last_step: i64,
}

/// A person's second factor, enabled or only begun.
pub fn find(tx: &mut dyn Reading, user: UserId) -> Result<Option<Kept>, StoreError> {
    let row: Option<FactorRow> = second_factor::table
        .filter(second_factor::workspace_id.eq(Uid::from(tx.workspace())))
        .filter(second_factor::id.eq(Uid::from(user)))
        .first(tx.db().0)
        .optional()?;
    Ok(row.map(|row| Kept { sealed: row.sealed, enabled: row.enabled_at.is_some(), last_step: row.last_step }))
}

/// A person's second factor, when it counts.
pub fn enabled(tx: &mut dyn Reading, user: UserId) -> Result<Option<Kept>, StoreError> {
    Ok(find(tx, user)?.filter(|kept| kept.enabled))
}

/// Begins one; one that was begun before is forgotten.
pub fn begin(tx: &mut WriteTx<'_>, user: UserId, sealed: Vec<u8>) -> Result<(), StoreError> {
    let (workspace, now) = (tx.workspace(), tx.now());
    let recorded = tx.unaudited("it counts only when it is confirmed");
    delete_parts!(tx.db().0, &recorded, second_factor, workspace, id = user)?;
    let row = FactorRow { workspace_id: workspace.into(), id: user.into(), sealed, enabled_at: None, last_step: 0, created_at: At(now) };
    row.insert(tx.db().0, &recorded)?;
    Ok(())
}

/// Enables the one that was begun.
pub fn enable(tx: &mut WriteTx<'_>, user: UserId, event: Event) -> Result<(), StoreError> {
    let (workspace, now) = (tx.workspace(), tx.now());
    let recorded = tx.record(event)?;
    set_columns!(tx.db().0, &recorded, second_factor, workspace, user, enabled_at = Some(At(now)))?;
    Ok(())
}

/// Takes a step; `false` when it, or a later one, was taken before.
pub fn take_step(tx: &mut WriteTx<'_>, user: UserId, step: i64) -> Result<bool, StoreError> {
    let workspace = tx.workspace();
    let recorded = tx.unaudited("the clockwork of a second factor");
    let taken =
        set_columns!(tx.db().0, &recorded, second_factor, workspace, user, last_step = step; where second_factor::last_step.lt(step))?;
    Ok(taken == 1)
}

/// Gives it up, with its recovery codes.
pub fn remove(tx: &mut WriteTx<'_>, user: UserId, event: Event) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let recorded = tx.record(event)?;
    delete_parts!(tx.db().0, &recorded, recovery_code, workspace, user_id = user)?;
    delete_parts!(tx.db().0, &recorded, second_factor, workspace, id = user)?;
    Ok(())
}

/// Replaces the recovery codes; only their hashes are kept.
pub fn replace_codes(tx: &mut WriteTx<'_>, user: UserId, hashes: &[Vec<u8>], event: Event) -> Result<(), StoreError> {
    let (workspace, now) = (tx.workspace(), tx.now());
    let recorded = tx.record(event)?;
    delete_parts!(tx.db().0, &recorded, recovery_code, workspace, user_id = user)?;
    for hash in hashes {
        let row = CodeRow {
            workspace_id: workspace.into(),
            id: Uid(tx.fresh_id()),
            user_id: user.into(),
            hash: hash.clone(),
            used_at: None,
            created_at: At(now),
        };
        row.insert(tx.db().0, &recorded)?;
    }
    Ok(())
}

/// What became of a recovery code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    /// It was good and is used up now.
    Now,
    /// It was used up before.
    Before,
    /// There is none like it.
    Unknown,
}

/// Uses a recovery code up.
pub fn use_code(tx: &mut WriteTx<'_>, user: UserId, hash: &[u8]) -> Result<Used, StoreError> {
    let (workspace, now) = (tx.workspace(), tx.now());
    let id: Option<Uid> = recovery_code::table
        .filter(recovery_code::workspace_id.eq(Uid::from(workspace)))
        .filter(recovery_code::user_id.eq(Uid::from(user)))
        .filter(recovery_code::hash.eq(hash))
        .select(recovery_code::id)
        .first(tx.db().0)
        .optional()?;
    let Some(id) = id else { return Ok(Used::Unknown) };
    let recorded = tx.unaudited("the sign-in's event says it");
    let used =
        set_columns!(tx.db().0, &recorded, recovery_code, workspace, id, used_at = Some(At(now)); where recovery_code::used_at.is_null())?;
    Ok(if used == 1 { Used::Now } else { Used::Before })
}

/// How many recovery codes are left.
pub fn codes_left(tx: &mut dyn Reading, user: UserId) -> Result<i64, StoreError> {
    Ok(recovery_code::table
        .filter(recovery_code::workspace_id.eq(Uid::from(tx.workspace())))
        .filter(recovery_code::user_id.eq(Uid::from(user)))
        .filter(recovery_code::used_at.is_null())
        .count()
        .get_result(tx.db().0)?)
}
