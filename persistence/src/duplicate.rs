//! Exact duplicates: cards that share a contact point. The locks here make "look, then create" one step for twins.

use diesel::{
    prelude::*,
    sql_types::{Array, Text},
};
use kartoteka_domain::{
    contact::Identity,
    duplicate::{Candidate, Match},
};
use uuid::Uuid;

use crate::{
    db::{At, Db, Doc, Uid},
    entity::json,
    fragment::Fragment,
    schema::{company, contact, duplicate_candidate},
    store::{Reading, StoreError, WriteTx},
};

part! {
    CandidateRow in duplicate_candidate {
        workspace_id: Uid, id: Uid, record: String, one_id: Uid, other_id: Uid, score: f64, evidence: Doc, state: String, created_at: At,
    }
}

/// Which cards are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cards {
    /// Contacts.
    Contacts,
    /// Companies.
    Companies,
}

/// Locks identities until the end of the transaction, in their order, so that two that cross cannot deadlock.
/// The embedded database has one writer and needs no lock.
pub fn lock(tx: &mut WriteTx<'_>, identities: &[Identity]) -> Result<(), StoreError> {
    if tx.is_alone() {
        return Ok(());
    }
    let mut sorted: Vec<&Identity> = identities.iter().collect();
    sorted.sort();
    sorted.dedup();
    let ids: Vec<Uid> = sorted.iter().map(|_| Uid(tx.fresh_id())).collect();
    let (kinds, values): (Vec<&str>, Vec<&str>) = sorted.iter().map(|identity| (identity.kind, identity.value.as_str())).unzip();
    let workspace = Uid::from(tx.workspace());
    let Db::Postgres(c) = tx.db().0 else { return Ok(()) };
    // one statement both makes the rows and locks them, whoever made them, in one order for everybody
    #[expect(clippy::disallowed_methods, reason = "a lock, not a change of anything a person sees")]
    diesel::sql_query(
        "INSERT INTO identity_lock (workspace_id, id, kind, value) \
         SELECT $1, i.id, i.kind, i.value FROM unnest($2, $3, $4) WITH ORDINALITY AS i (id, kind, value, place) ORDER BY i.place \
         ON CONFLICT (workspace_id, kind, value) DO UPDATE SET kind = excluded.kind",
    )
    .bind::<crate::db::Guid, _>(workspace)
    .bind::<Array<crate::db::Guid>, _>(ids)
    .bind::<Array<Text>, _>(kinds)
    .bind::<Array<Text>, _>(values)
    .execute(c)?;
    Ok(())
}

/// Cards in use that share one of these identities, but for one of them.
pub fn matches(tx: &mut dyn Reading, cards: Cards, identities: &[Identity], but: Option<Uuid>) -> Result<Vec<Match>, StoreError> {
    let mut found = Vec::new();
    let workspace = tx.workspace();
    for identity in identities {
        if identity.kind == "tax_id" {
            let ids: Vec<Uid> = company::table
                .filter(company::workspace_id.eq(Uid::from(workspace)))
                .filter(company::tax_id.eq(&identity.value))
                .filter(company::archived_at.is_null())
                .select(company::id)
                .order(company::id)
                .limit(20)
                .load(tx.db().0)?;
            found.extend(ids.into_iter().map(|card| Match { card: card.0, identity: identity.clone() }));
            continue;
        }
        let holders = |card: &'static str, owner: &'static str| {
            Fragment::default()
                .sql(card)
                .sql(" IN (SELECT ")
                .sql(owner)
                .sql(" FROM contact_point p WHERE p.workspace_id = ")
                .guid(workspace.uuid())
                .sql(" AND p.kind = ")
                .text(identity.kind)
                .sql(" AND p.normalised = ")
                .text(identity.value.clone())
                .sql(")")
        };
        let ids: Vec<Uid> = match cards {
            Cards::Contacts => contact::table
                .filter(contact::workspace_id.eq(Uid::from(workspace)))
                .filter(contact::archived_at.is_null())
                .filter(holders("contact.id", "p.contact_id"))
                .select(contact::id)
                .order(contact::id)
                .limit(20)
                .load(tx.db().0)?,
            Cards::Companies => company::table
                .filter(company::workspace_id.eq(Uid::from(workspace)))
                .filter(company::archived_at.is_null())
                .filter(holders("company.id", "p.company_id"))
                .select(company::id)
                .order(company::id)
                .limit(20)
                .load(tx.db().0)?,
        };
        found.extend(ids.into_iter().map(|card| Match { card: card.0, identity: identity.clone() }));
    }
    found.retain(|m| Some(m.card) != but);
    Ok(found)
}

/// Queues a pair for review, once.
pub fn queue(tx: &mut WriteTx<'_>, cards: Cards, card: Uuid, candidate: &Candidate) -> Result<(), StoreError> {
    let (one_id, other_id) = if card < candidate.id { (card, candidate.id) } else { (candidate.id, card) };
    let workspace = tx.workspace();
    let record = match cards {
        Cards::Contacts => "contact",
        Cards::Companies => "company",
    };
    let known: Option<Uid> = duplicate_candidate::table
        .filter(duplicate_candidate::workspace_id.eq(Uid::from(workspace)))
        .filter(duplicate_candidate::record.eq(record))
        .filter(duplicate_candidate::one_id.eq(Uid(one_id)))
        .filter(duplicate_candidate::other_id.eq(Uid(other_id)))
        .select(duplicate_candidate::id)
        .first(tx.db().0)
        .optional()?;
    if known.is_some() {
        return Ok(());
    }
    let row = CandidateRow {
        workspace_id: workspace.into(),
        id: Uid(tx.fresh_id()),
        record: record.to_owned(),
        one_id: Uid(one_id),
        other_id: Uid(other_id),
        score: candidate.score,
        evidence: json(&candidate.evidence),
        state: "open".to_owned(),
        created_at: At(tx.now()),
    };
    let recorded = tx.unaudited("a remark on two cards; the cards are unchanged");
    row.insert(tx.db().0, &recorded)?;
    Ok(())
}
