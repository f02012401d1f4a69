//! Exact duplicates: cards that share a contact point. The locks here make "look, then create" one step for twins.

use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use kartoteka_domain::{
    contact::Identity,
    duplicate::{Candidate, Match},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    db::Db,
    entity::json,
    schema::{company, contact, contact_point, duplicate_candidate},
    store::{Reading, StoreError, WriteTx},
};

part! {
    CandidateRow in duplicate_candidate {
        workspace_id: Uuid, id: Uuid, record: String, one_id: Uuid, other_id: Uuid, score: f64, evidence: Value, state: String, created_at: DateTime<Utc>,
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
    let workspace = tx.workspace().uuid();
    for identity in sorted {
        let id = tx.fresh_id();
        let Db::Postgres(c) = tx.db().0 else { return Ok(()) };
        // one statement both makes the row and locks it, whoever made it
        #[expect(clippy::disallowed_methods, reason = "a lock, not a change of anything a person sees")]
        diesel::sql_query(
            "INSERT INTO identity_lock (workspace_id, id, kind, value) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (workspace_id, kind, value) DO UPDATE SET kind = excluded.kind",
        )
        .bind::<crate::db::Guid, _>(workspace)
        .bind::<crate::db::Guid, _>(id)
        .bind::<diesel::sql_types::Text, _>(identity.kind)
        .bind::<diesel::sql_types::Text, _>(&identity.value)
        .execute(c)?;
    }
    Ok(())
}

/// Cards in use that share one of these identities, but for one of them.
pub fn matches(tx: &mut dyn Reading, cards: Cards, identities: &[Identity], but: Option<Uuid>) -> Result<Vec<Match>, StoreError> {
    let mut found = Vec::new();
    let workspace = tx.workspace();
    for identity in identities {
        if identity.kind == "tax_id" {
            let ids: Vec<Uuid> = company::table
                .filter(company::workspace_id.eq(workspace))
                .filter(company::tax_id.eq(&identity.value))
                .filter(company::archived_at.is_null())
                .select(company::id)
                .order(company::id)
                .limit(20)
                .load(tx.db().0)?;
            found.extend(ids.into_iter().map(|card| Match { card, identity: identity.clone() }));
            continue;
        }
        let base = contact_point::table
            .filter(contact_point::workspace_id.eq(workspace))
            .filter(contact_point::kind.eq(identity.kind))
            .filter(contact_point::normalised.eq(&identity.value));
        let ids: Vec<Uuid> = match cards {
            Cards::Contacts => base
                .inner_join(contact::table.on(contact::workspace_id.eq(contact_point::workspace_id).and(contact::id.nullable().eq(contact_point::contact_id))))
                .filter(contact::archived_at.is_null())
                .select(contact::id)
                .order(contact::id)
                .limit(20)
                .load(tx.db().0)?,
            Cards::Companies => base
                .inner_join(company::table.on(company::workspace_id.eq(contact_point::workspace_id).and(company::id.nullable().eq(contact_point::company_id))))
                .filter(company::archived_at.is_null())
                .select(company::id)
                .order(company::id)
                .limit(20)
                .load(tx.db().0)?,
        };
        found.extend(ids.into_iter().map(|card| Match { card, identity: identity.clone() }));
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
    let known: Option<Uuid> = duplicate_candidate::table
        .filter(duplicate_candidate::workspace_id.eq(workspace))
        .filter(duplicate_candidate::record.eq(record))
        .filter(duplicate_candidate::one_id.eq(one_id))
        .filter(duplicate_candidate::other_id.eq(other_id))
        .select(duplicate_candidate::id)
        .first(tx.db().0)
        .optional()?;
    if known.is_some() {
        return Ok(());
    }
    let row = CandidateRow {
        workspace_id: workspace.uuid(),
        id: tx.fresh_id(),
        record: record.to_owned(),
        one_id,
        other_id,
        score: candidate.score,
        evidence: json(&candidate.evidence),
        state: "open".to_owned(),
        created_at: tx.now(),
    };
    let recorded = tx.unaudited("a remark on two cards; the cards are unchanged");
    row.insert(tx.db().0, &recorded)?;
    Ok(())
}
