//! What clients bought: one query over the deals they take part in.

use diesel::{
    dsl::{count_star, sql},
    prelude::*,
    sql_types::{BigInt, Nullable},
};
use kartoteka_domain::{
    access::{Owners, RecordType},
    deal::turnover::Turnover,
    id::ContactId,
    money::Money,
};

use super::{board::total, with_contact};
use crate::{
    db::{At, Instant, MultiBackend, Uid},
    fragment,
    schema::deal,
    store::{Reading, StoreError},
};

/// The turnover of these clients together, of the deals the scope sees.
pub fn of(tx: &mut dyn Reading, contacts: &[ContactId], since: Option<chrono::DateTime<chrono::Utc>>) -> Result<Turnover, StoreError> {
    let owners = tx.scope().owners(RecordType::Deal);
    counted(tx, contacts, since, &owners)
}

/// The same of all deals, whatever the asker's reach: for the server's own conclusions.
pub fn regardless(tx: &mut dyn Reading, contact: ContactId) -> Result<Turnover, StoreError> {
    counted(tx, &[contact], None, &Owners::All)
}

fn counted(
    tx: &mut dyn Reading,
    contacts: &[ContactId],
    since: Option<chrono::DateTime<chrono::Utc>>,
    owners: &Owners,
) -> Result<Turnover, StoreError> {
    let mut query = deal::table
        .group_by(deal::currency)
        .select((
            deal::currency,
            count_star(),
            sql::<BigInt>("CAST(coalesce(sum(deal.amount / 1000000), 0) AS bigint)"),
            sql::<BigInt>("CAST(coalesce(sum(deal.amount % 1000000), 0) AS bigint)"),
            sql::<Nullable<Instant>>("max(deal.closed_at)"),
        ))
        .into_boxed::<MultiBackend>()
        .filter(deal::workspace_id.eq(Uid::from(tx.workspace())))
        .filter(deal::outcome.eq("won"))
        .filter(deal::archived_at.is_null())
        .filter(with_contact(tx.workspace(), contacts));
    let scope = tx.scope();
    if let Some(visible) = fragment::visible(RecordType::Deal, owners, &scope.readers(RecordType::Contact), scope.sees_unassigned()) {
        query = query.filter(visible);
    }
    if let Some(since) = since {
        query = query.filter(deal::closed_at.ge(At(since)));
    }
    let figures: Vec<(String, i64, i64, i64, Option<At>)> = query.load(tx.db().0)?;
    let mut turnover = Turnover { since, ..Turnover::default() };
    for (currency, deals, millions, rest, last) in figures {
        turnover.deals += deals;
        turnover.last_won_at = turnover.last_won_at.max(last.map(|at| at.0));
        turnover.sums.push(Money { amount: total(millions, rest), currency });
    }
    turnover.sums.retain(|sum| sum.amount != 0);
    turnover.sums.sort_by(|a, b| a.currency.cmp(&b.currency));
    Ok(turnover)
}
