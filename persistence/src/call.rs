//! Calls as a telephone exchange tells of them: what was told, and what was made of it.

use diesel::prelude::*;
use kartoteka_domain::{
    id::{CommunicationId, LeadId, TaskId},
    telephony::CallLog,
};
use uuid::Uuid;

use crate::{
    db::{At, Uid},
    schema::call,
    store::{Reading, StoreError, WriteTx},
};

part! {
    CallRow in call {
        workspace_id: Uid, id: Uid, call_id: String, events: String, communication_id: Option<Uid>, lead_id: Option<Uid>, task_id: Option<Uid>,
        made_contact: bool, created_at: At, updated_at: At,
    }
}

/// A call: everything that was told of it, and what it made.
#[derive(Debug, Clone)]
pub struct Kept {
    id: Option<Uuid>,
    /// The exchange's id of it.
    pub call_id: String,
    /// What was told.
    pub log: CallLog,
    /// The communication it is.
    pub communication_id: Option<CommunicationId>,
    /// The enquiry it made.
    pub lead_id: Option<LeadId>,
    /// What is to be done after it was missed.
    pub task_id: Option<TaskId>,
    /// Whether it made the card.
    pub made_contact: bool,
}

/// What is kept of a call; nothing yet when it is told of for the first time.
pub fn find(tx: &mut dyn Reading, call_id: &str) -> Result<Kept, StoreError> {
    let row: Option<CallRow> = all!(tx, call).filter(call::call_id.eq(call_id.to_owned())).first(tx.db().0).optional()?;
    let Some(row) = row else {
        return Ok(Kept {
            id: None,
            call_id: call_id.to_owned(),
            log: CallLog::default(),
            communication_id: None,
            lead_id: None,
            task_id: None,
            made_contact: false,
        });
    };
    let log = serde_json::from_str(&row.events).map_err(|e| StoreError::Internal(format!("a stored call cannot be read: {e}")))?;
    Ok(Kept {
        id: Some(row.id.0),
        call_id: row.call_id,
        log,
        communication_id: row.communication_id.map(Into::into),
        lead_id: row.lead_id.map(Into::into),
        task_id: row.task_id.map(Into::into),
        made_contact: row.made_contact,
    })
}

/// Keeps a call.
pub fn keep(tx: &mut WriteTx<'_>, kept: &Kept) -> Result<(), StoreError> {
    let events = serde_json::to_string(&kept.log).map_err(|e| StoreError::Internal(e.to_string()))?;
    let (workspace, now) = (tx.workspace(), At(tx.now()));
    let recorded = tx.unaudited("what was told; what was made of it is audited");
    let (communication_id, lead_id, task_id) =
        (kept.communication_id.map(Uid::from), kept.lead_id.map(Uid::from), kept.task_id.map(Uid::from));
    if let Some(id) = kept.id {
        set_columns!(
            tx.db().0,
            &recorded,
            call,
            workspace,
            id,
            events = events,
            communication_id = communication_id,
            lead_id = lead_id,
            task_id = task_id,
            made_contact = kept.made_contact,
            updated_at = now
        )?;
        return Ok(());
    }
    let row = CallRow {
        workspace_id: workspace.into(),
        id: Uid(tx.fresh_id()),
        call_id: kept.call_id.clone(),
        events,
        communication_id,
        lead_id,
        task_id,
        made_contact: kept.made_contact,
        created_at: now,
        updated_at: now,
    };
    row.insert(tx.db().0, &recorded)?;
    Ok(())
}
