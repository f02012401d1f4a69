//! What was done about leads nobody reacted to: each step once.

use diesel::prelude::*;
use kartoteka_domain::{escalation::Step, id::LeadId};
use uuid::Uuid;

use crate::{
    db::{At, Uid},
    schema::{escalation, lead},
    store::{Reading, StoreError, WriteTx},
};

part! { EscalationRow in escalation { workspace_id: Uid, id: Uid, lead_id: Uid, step: String, at: At } }

/// The steps that were taken.
pub fn done(tx: &mut dyn Reading, id: LeadId) -> Result<Vec<Step>, StoreError> {
    let words: Vec<String> = all!(tx, escalation).filter(escalation::lead_id.eq(Uid::from(id))).select(escalation::step).load(tx.db().0)?;
    Ok(words.iter().filter_map(|word| Step::from_word(word)).collect())
}

/// Notes that a step is taken; a second time it is refused by its key.
pub fn take(tx: &mut WriteTx<'_>, id: LeadId, step: Step) -> Result<(), StoreError> {
    let row = EscalationRow {
        workspace_id: tx.workspace().into(),
        id: Uid(tx.fresh_id()),
        lead_id: id.into(),
        step: step.word().to_owned(),
        at: At(tx.now()),
    };
    let recorded = tx.unaudited("what the step does is audited");
    row.insert(tx.db().0, &recorded)?;
    Ok(())
}

/// Leads nobody reacted to, by their ids, after one of them, at most `most`.
pub fn untouched(tx: &mut dyn Reading, after: Option<Uuid>, most: i64) -> Result<Vec<LeadId>, StoreError> {
    let mut query =
        all!(tx, lead).filter(lead::status.eq("new")).filter(lead::first_response_at.is_null()).filter(lead::archived_at.is_null());
    if let Some(after) = after {
        query = query.filter(lead::id.gt(Uid(after)));
    }
    let ids: Vec<Uid> = query.select(lead::id).order(lead::id).limit(most).load(tx.db().0)?;
    Ok(ids.into_iter().map(Into::into).collect())
}
