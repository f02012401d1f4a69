//! What was decided about enquiries, and how much people have to do.

use std::collections::HashMap;

use diesel::{dsl::count_star, prelude::*};
use kartoteka_domain::{
    access::RecordType,
    assignment::decision::{AssignmentDecision, ListAssignmentDecisions, Worker},
    id::UserId,
    list::{ListParameters, Page},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    db::{At, Doc, Uid},
    entity::{map, pack, revive},
    fragment::{self, Fragment},
    schema::{lead, task},
    store::{Reading, StoreError, WriteTx},
    user,
};

part! {
    DecisionRow in assignment_decision { workspace_id: Uid, id: Uid, at: At, lead_id: Uid, rule_id: Option<Uid>, user_id: Option<Uid>, profile: Doc }
}
impl DecisionRow {
    fn key(&self, _: &str) -> fragment::Key {
        self.at.into()
    }
}

const ELSEWHERE: &[&str] = &["at", "lead_id", "rule_id", "user_id"];

/// Keeps a decision; it is never changed.
pub fn keep(tx: &mut WriteTx<'_>, decision: &AssignmentDecision) -> Result<(), StoreError> {
    let row = DecisionRow {
        workspace_id: tx.workspace().into(),
        id: Uid(decision.id),
        at: At(decision.at),
        lead_id: decision.lead_id.into(),
        rule_id: decision.rule_id.map(Uid::from),
        user_id: decision.user_id.map(Uid::from),
        profile: pack(decision, ELSEWHERE)?,
    };
    let recorded = tx.unaudited("the lead's own event tells who was chosen");
    row.insert(tx.db().0, &recorded)?;
    Ok(())
}

/// A page of decisions about leads that the scope sees.
pub fn list(tx: &mut dyn Reading, params: &ListAssignmentDecisions) -> Result<Page<AssignmentDecision>, StoreError> {
    let owners = tx.scope().owners(RecordType::Lead);
    let cards = tx.scope().readers(RecordType::Contact);
    let seen = fragment::visible(RecordType::Lead, &owners, &cards, tx.scope().sees_unassigned());
    let about = Fragment::default()
        .sql("EXISTS (SELECT 1 FROM lead WHERE lead.workspace_id = assignment_decision.workspace_id AND lead.id = assignment_decision.lead_id AND (")
        .then(seen.unwrap_or_else(|| Fragment::default().sql("1 = 1")))
        .sql("))");
    let mut page = page!(tx, DecisionRow, assignment_decision, params.page(), ["at"], || {
        let mut query = all!(tx, assignment_decision).filter(about.clone());
        narrow!(query, params; assignment_decision.lead_id in lead_id, assignment_decision.user_id in user_id, assignment_decision.rule_id in rule_id);
        query
    });
    let decisions = page.take().into_iter().map(record).collect::<Result<_, _>>()?;
    Ok(page.into_page(decisions))
}

fn record(row: DecisionRow) -> Result<AssignmentDecision, StoreError> {
    let columns =
        [("at", json!(row.at)), ("lead_id", json!(row.lead_id)), ("rule_id", json!(row.rule_id)), ("user_id", json!(row.user_id))];
    revive(row.profile, map([("id", json!(row.id))]), columns)
}

/// People with how much they have to do, in two questions.
pub fn workers(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<Vec<Worker>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let workspace = Uid::from(tx.workspace());
    let leads: Vec<(Option<Uid>, i64)> = lead::table
        .filter(lead::workspace_id.eq(workspace))
        .filter(fragment::one_of("lead.owner_id", ids.iter().copied()))
        .filter(fragment::one_text_of("lead.status", ["new".to_owned(), "in_work".to_owned()]))
        .filter(lead::archived_at.is_null())
        .group_by(lead::owner_id)
        .select((lead::owner_id, count_star()))
        .load(tx.db().0)?;
    let tasks: Vec<(Uid, i64)> = task::table
        .filter(task::workspace_id.eq(workspace))
        .filter(fragment::one_of("task.owner_id", ids.iter().copied()))
        .filter(task::status.eq("open"))
        .filter(task::archived_at.is_null())
        .group_by(task::owner_id)
        .select((task::owner_id, count_star()))
        .load(tx.db().0)?;
    let leads: HashMap<UserId, i64> = leads.into_iter().filter_map(|(id, count)| Some((id?.into(), count))).collect();
    let tasks: HashMap<UserId, i64> = tasks.into_iter().map(|(id, count)| (id.into(), count)).collect();
    Ok(user::candidates(tx, ids)?
        .into_iter()
        .map(|person| Worker {
            open_leads: leads.get(&person.id).copied().unwrap_or(0),
            open_tasks: tasks.get(&person.id).copied().unwrap_or(0),
            person,
        })
        .collect())
}
