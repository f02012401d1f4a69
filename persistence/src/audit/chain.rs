//! Sealing and verifying: the sealer gives unsealed events their numbers and hashes in the order of commits, one workspace
//! at a time under the lock of its head row. No transaction that writes an event ever waits for it.

use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Binary},
};
use kartoteka_domain::{
    access::Scope,
    audit::chain::{Entry, Hash, Head, Link},
    id::WorkspaceId,
};

use super::AuditRow;
use crate::{
    db::{Db, Guid, Uid},
    fragment, journal,
    schema::{audit_event, audit_head},
    store::{Circumstances, Reading, Recorded, Store, StoreError, WriteTx},
};

part! { HeadRow in audit_head { workspace_id: Uid, id: Uid, sequence: i64, hash: Vec<u8>, event_sequence: i64 } }

impl AuditRow {
    fn entry(&self) -> Entry {
        Entry {
            workspace_id: self.workspace_id.0,
            id: self.id.0,
            at: self.at.0,
            record_type: self.record.clone(),
            record_id: self.record_id.0,
            action: self.action.clone(),
            actor_type: self.actor_type.clone(),
            actor_id: self.actor_id.map(|id| id.0),
            actor_name: self.actor_name.clone(),
            via: self.via.clone(),
            address: self.address.clone(),
            user_agent: self.user_agent.clone(),
            request_id: self.request_id.clone(),
            changes: self.changes.clone(),
            reason: self.reason.clone(),
        }
    }
}

fn read_head(sequence: i64, hash: Vec<u8>) -> Head {
    // a hash of another length was tampered with: no event has it
    Head { sequence, hash: Hash::try_from(hash).unwrap_or([0xff; 32]) }
}

/// What the sealer found in one workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealOutcome {
    /// So many events were sealed.
    Sealed {
        /// How many.
        count: usize,
        /// The number of the newest event of the journal, where there are new ones.
        newest: Option<i64>,
    },
    /// Another process is sealing there at this moment.
    Busy,
}

/// Seals at most `most` events of a workspace in one transaction.
pub async fn seal(store: &Store, scope: Scope, circumstances: Circumstances, most: i64) -> Result<SealOutcome, StoreError> {
    store.write_aside(scope, circumstances, move |tx| seal_some(tx, most)).await
}

fn seal_some(tx: &mut WriteTx<'_>, most: i64) -> Result<SealOutcome, StoreError> {
    let workspace = tx.workspace();
    let first = first_unsealed(tx, 1)?;
    if first.is_empty() {
        return Ok(SealOutcome::Sealed { count: 0, newest: None });
    }
    let Some((mut head, told)) = hold_head(tx)? else { return Ok(SealOutcome::Busy) };
    // ids are made inside the transactions, under the record's lock: their order is the order in which a record changed
    let next = first_unsealed(tx, most)?;
    let rows: Vec<AuditRow> = all!(tx, audit_event)
        .filter(fragment::one_of("audit_event.id", next.iter().map(|found| found.id.0)))
        .order(audit_event::id)
        .load(tx.db().0)?;
    let recorded = tx.unaudited("the chain of the trace itself");
    let mut seals = Vec::with_capacity(rows.len());
    for row in &rows {
        let sequence = head.sequence + 1;
        let hash = row.entry().hash(&head.hash, sequence);
        seals.push(Seal { id: row.id, sequence, previous: head.hash.to_vec(), hash: hash.to_vec() });
        head = Head { sequence, hash };
    }
    put(tx, seals, &recorded)?;
    let numbered = journal::number(tx, told, most, &recorded)?;
    let newest = told.saturating_add(i64::try_from(numbered).unwrap_or_default());
    set_columns!(
        tx.db().0,
        &recorded,
        audit_head,
        workspace,
        workspace,
        sequence = head.sequence,
        hash = head.hash.to_vec(),
        event_sequence = newest
    )?;
    Ok(SealOutcome::Sealed { count: rows.len().max(numbered), newest: (numbered > 0).then_some(newest) })
}

#[derive(diesel::QueryableByName)]
struct Unsealed {
    #[diesel(sql_type = Guid)]
    id: Uid,
}

/// The first events that are not sealed yet, by their own small index: the planner of the embedded database would rather sort all of them each
/// time, which a flood has made very many.
#[expect(clippy::disallowed_methods, reason = "an index is named")]
fn first_unsealed(tx: &mut WriteTx<'_>, most: i64) -> Result<Vec<Unsealed>, StoreError> {
    let workspace = Uid::from(tx.workspace());
    Ok(match tx.db().0 {
        Db::Sqlite(c) => diesel::sql_query(
            "SELECT id FROM audit_event INDEXED BY audit_event_unsealed_idx WHERE workspace_id = $1 AND sequence IS NULL ORDER BY id LIMIT $2",
        )
        .bind::<Guid, _>(workspace)
        .bind::<BigInt, _>(most)
        .load(c)?,
        Db::Postgres(c) => {
            diesel::sql_query("SELECT id FROM audit_event WHERE workspace_id = $1 AND sequence IS NULL ORDER BY id LIMIT $2")
                .bind::<Guid, _>(workspace)
                .bind::<BigInt, _>(most)
                .load(c)?
        }
    })
}

/// What sealing adds to an event.
struct Seal {
    id: Uid,
    sequence: i64,
    previous: Vec<u8>,
    hash: Vec<u8>,
}

/// Puts seals on their events: on PostgreSQL in one round trip.
fn put(tx: &mut WriteTx<'_>, seals: Vec<Seal>, recorded: &Recorded) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    if let Db::Postgres(c) = tx.db().0 {
        let ids: Vec<Uid> = seals.iter().map(|seal| seal.id).collect();
        let numbers: Vec<i64> = seals.iter().map(|seal| seal.sequence).collect();
        let (before, hashes): (Vec<_>, Vec<_>) = seals.into_iter().map(|seal| (seal.previous, seal.hash)).unzip();
        #[expect(clippy::disallowed_methods, reason = "the chain of the trace itself")]
        diesel::sql_query(
            "UPDATE audit_event SET sequence = s.sequence, previous_hash = s.previous, hash = s.hash \
             FROM unnest($2, $3, $4, $5) AS s (id, sequence, previous, hash) WHERE audit_event.workspace_id = $1 AND audit_event.id = s.id",
        )
        .bind::<Guid, _>(Uid::from(workspace))
        .bind::<Array<Guid>, _>(ids)
        .bind::<Array<BigInt>, _>(numbers)
        .bind::<Array<Binary>, _>(before)
        .bind::<Array<Binary>, _>(hashes)
        .execute(c)?;
        return Ok(());
    }
    for Seal { id, sequence, previous, hash } in seals {
        set_columns!(tx.db().0, recorded, audit_event, workspace, id, sequence = sequence, previous_hash = previous, hash = hash)?;
    }
    Ok(())
}

/// Locks the workspace's head row, making it for the first events: the chain's head and the journal's last number; `None` while somebody
/// else holds it.
#[expect(clippy::disallowed_methods, reason = "the head of the trace itself")]
fn hold_head(tx: &mut WriteTx<'_>) -> Result<Option<(Head, i64)>, StoreError> {
    let workspace = tx.workspace();
    let id = Uid::from(workspace);
    if head(tx)?.is_none() {
        // a chain whose head row is gone goes on from its last event
        let last: Option<(Option<i64>, Option<Vec<u8>>)> = all!(tx, audit_event)
            .filter(audit_event::sequence.is_not_null())
            .order(audit_event::sequence.desc())
            .select((audit_event::sequence, audit_event::hash))
            .first(tx.db().0)
            .optional()?;
        let (sequence, hash) = last.map_or((0, Head::EMPTY.hash.to_vec()), |(n, hash)| (n.unwrap_or_default(), hash.unwrap_or_default()));
        let row = HeadRow { workspace_id: id, id, sequence, hash, event_sequence: journal::last_numbered(tx)? };
        match tx.db().0 {
            Db::Sqlite(c) => diesel::insert_into(audit_head::table).values(&row).on_conflict_do_nothing().execute(c)?,
            Db::Postgres(c) => diesel::insert_into(audit_head::table).values(&row).on_conflict_do_nothing().execute(c)?,
        };
    }
    let query = audit_head::table.filter(audit_head::workspace_id.eq(id)).filter(audit_head::id.eq(id)).select((
        audit_head::sequence,
        audit_head::hash,
        audit_head::event_sequence,
    ));
    let row: Option<(i64, Vec<u8>, i64)> = match tx.db().0 {
        Db::Sqlite(c) => query.first(c).optional()?,
        Db::Postgres(c) => query.for_update().skip_locked().first(c).optional()?,
    };
    Ok(row.map(|(sequence, hash, told)| (read_head(sequence, hash), told)))
}

/// The head as the sealer left it.
pub fn head(tx: &mut dyn Reading) -> Result<Option<Head>, StoreError> {
    let row: Option<(i64, Vec<u8>)> = all!(tx, audit_head).select((audit_head::sequence, audit_head::hash)).first(tx.db().0).optional()?;
    Ok(row.map(|(sequence, hash)| read_head(sequence, hash)))
}

/// Sealed events after a number, in order.
pub fn links(tx: &mut dyn Reading, after: i64, most: i64) -> Result<Vec<Link>, StoreError> {
    let rows: Vec<AuditRow> =
        all!(tx, audit_event).filter(audit_event::sequence.gt(after)).order(audit_event::sequence).limit(most).load(tx.db().0)?;
    Ok(rows
        .into_iter()
        .map(|row| Link { entry: row.entry(), sequence: row.sequence.unwrap_or_default(), previous: row.previous_hash, hash: row.hash })
        .collect())
}

/// How many events wait for the sealer.
pub fn unsealed(tx: &mut dyn Reading) -> Result<i64, StoreError> {
    Ok(all!(tx, audit_event).filter(audit_event::sequence.is_null()).count().get_result(tx.db().0)?)
}

/// The workspace of a slug, or every one: ids and slugs, for the command line.
pub async fn workspaces(store: &Store, slug: Option<String>) -> Result<Vec<(WorkspaceId, String)>, StoreError> {
    use crate::schema::workspace;
    store
        .read_global(move |db| {
            let rows: Vec<(Uid, String)> = workspace::table.select((workspace::id, workspace::slug)).order(workspace::slug).load(db)?;
            Ok(rows
                .into_iter()
                .filter(|(_, found)| slug.as_ref().is_none_or(|slug| slug == found))
                .map(|(id, slug)| (id.into(), slug))
                .collect())
        })
        .await
}
