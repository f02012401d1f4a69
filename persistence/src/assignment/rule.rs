//! Rules of assignment, and where their rounds go on.

use diesel::prelude::*;
use kartoteka_domain::{
    assignment::rule::{AssignmentRule, ListAssignmentRules},
    event::Event,
    id::{AssignmentRuleId, UserId, WorkspaceId},
    list::Page,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    db::{Doc, Uid},
    entity::{Entity, Stored, pack, revive},
    fragment,
    schema::assignment_rule,
    store::{Reading, StoreError, WriteTx},
};

row! {
    RuleRow in assignment_rule { active: bool, position: i64, #[diesel(skip_update)] last_user_id: Option<Uid>, profile: Doc }
}
keyed!(RuleRow { position, created_at });

const ELSEWHERE: &[&str] = &["active", "position"];

/// How many rules are asked.
const MOST: i64 = 200;

fn row(workspace: WorkspaceId, r: &AssignmentRule) -> Result<RuleRow, StoreError> {
    Ok(stamped! { RuleRow of r, in workspace.into();
    active: r.active,
    position: r.position,
    last_user_id: None,
    profile: pack(r, ELSEWHERE)?, })
}

fn record(row: RuleRow) -> Result<AssignmentRule, StoreError> {
    let columns = [("active", json!(row.active)), ("position", json!(row.position))];
    let envelope = row.envelope();
    revive(row.profile, envelope, columns)
}

impl Stored for AssignmentRule {
    type Params = ListAssignmentRules;

    fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> {
        let row: Option<RuleRow> = all!(tx, assignment_rule).filter(assignment_rule::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
        row.map(record).transpose()
    }

    fn list(tx: &mut dyn Reading, params: &ListAssignmentRules) -> Result<Page<Self>, StoreError> {
        let request = kartoteka_domain::list::ListParameters::page(params);
        let build = || {
            let mut query = all!(tx, assignment_rule);
            if let Some(archived) = fragment::archived(request.archived, "assignment_rule.archived_at") {
                query = query.filter(archived);
            }
            if let Some(active) = params.active {
                query = query.filter(assignment_rule::active.eq(active));
            }
            query
        };
        let mut rows = page!(tx, RuleRow, assignment_rule, request, ["position", "created_at"], build);
        let records = rows.take().into_iter().map(record).collect::<Result<_, _>>()?;
        Ok(rows.into_page(records))
    }

    fn insert(tx: &mut WriteTx<'_>, new: &Self, event: Event) -> Result<(), StoreError> {
        let recorded = tx.record(event)?;
        row(tx.workspace(), new)?.insert(tx.db().0, &recorded)?;
        Ok(())
    }

    fn update(tx: &mut WriteTx<'_>, before: &Self, after: &Self, event: Event) -> Result<(), StoreError> {
        replace!(tx, row(tx.workspace(), after)?, before.version, event);
        Ok(())
    }
}

/// The rules in use in their order, each with whom it chose last.
pub fn in_order(tx: &mut dyn Reading) -> Result<Vec<(AssignmentRule, Option<UserId>)>, StoreError> {
    let rows: Vec<RuleRow> = all!(tx, assignment_rule)
        .filter(assignment_rule::active.eq(true))
        .filter(assignment_rule::archived_at.is_null())
        .order((assignment_rule::position, assignment_rule::id))
        .limit(MOST)
        .load(tx.db().0)?;
    rows.into_iter()
        .map(|row| {
            let last = row.last_user_id.map(Into::into);
            Ok((record(row)?, last))
        })
        .collect()
}

/// Keeps whom a rule chose last.
pub fn set_last(tx: &mut WriteTx<'_>, id: AssignmentRuleId, user: UserId) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let recorded = tx.unaudited("the clockwork of a rule");
    set_columns!(tx.db().0, &recorded, assignment_rule, workspace, id, last_user_id = Some(Uid::from(user)))?;
    Ok(())
}
