//! Whose turn it is at a form; the workspace's rules and what they decided.

pub mod decision;
pub mod rule;

use diesel::prelude::*;
use kartoteka_domain::id::FormId;

use crate::{
    db::{Db, Uid},
    schema::form,
    store::{Reading, StoreError, WriteTx},
};

/// The place in the round; on PostgreSQL the form's row stays locked, so that two enquiries do not take the same turn.
pub fn turn(tx: &mut WriteTx<'_>, id: FormId) -> Result<i64, StoreError> {
    let workspace = tx.workspace();
    Ok(match tx.db().0 {
        Db::Sqlite(c) => form::table
            .filter(form::workspace_id.eq(Uid::from(workspace)))
            .filter(form::id.eq(Uid::from(id)))
            .select(form::turn)
            .first(c)?,
        Db::Postgres(c) => form::table
            .filter(form::workspace_id.eq(Uid::from(workspace)))
            .filter(form::id.eq(Uid::from(id)))
            .select(form::turn)
            .for_no_key_update()
            .first(c)?,
    })
}

/// Keeps where the round goes on.
pub fn set_turn(tx: &mut WriteTx<'_>, id: FormId, next: i64) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let recorded = tx.unaudited("the clockwork of a form");
    set_columns!(tx.db().0, &recorded, form, workspace, id, turn = next)?;
    Ok(())
}
