//! The audit over HTTP and on the command line: reading the trace, proving it complete. Taking changes back is in `reversal`,
//! the history of fields in `history`; the sealer and the writer of refusals run beside the requests.

pub mod history;
pub mod refusal;
pub mod reversal;
pub mod sealer;

use kartoteka_domain::{
    access::Scope,
    audit::{
        AuditEvent, AuditVerification, ListAuditEvents, VerifyAuditEvents,
        chain::{BreakKind, ChainBreak, Head, Walk, from_hex},
    },
    invalid::FieldCode,
    list::Page,
};
use kartoteka_persistence::{ReadTx, Store, audit as store, audit::chain};

use crate::{
    answer::{Answer, Plain, Reply},
    can::{Can, ReadAuditEvents},
    credential::lookup_scope,
    problem::{Problem, Result},
    request::{At, Params},
};

/// List audit events
///
/// Who did what, from where and through what, before and after; newest first.
#[utoipa::path(get, path = "/v1/audit-events", tag = "audit-events")]
pub async fn list_audit_events(can: Can<ReadAuditEvents>, params: Params<ListAuditEvents>) -> Answer<Page<AuditEvent>> {
    can.read(move |tx| Ok(store::list(tx, &params)?)).await
}

/// Get an audit event
///
/// With its number and hashes, once it is sealed.
#[utoipa::path(get, path = "/v1/audit-events/{id}", tag = "audit-events")]
pub async fn get_audit_event(can: Can<ReadAuditEvents>, at: At<AuditEvent>) -> Answer<Plain<AuditEvent>> {
    can.read(move |tx| store::find(tx, at.0)?.map(Plain).ok_or_else(Problem::not_found)).await
}

/// Verify the audit's chain
///
/// Walks along the whole chain and names the first broken link. With a head that was exported earlier, a chain whose end was
/// cut off, or that was reckoned anew, is found as well: keep `head` somewhere else from time to time.
#[utoipa::path(get, path = "/v1/audit-events/verify", tag = "audit-events")]
pub async fn verify_audit_events(can: Can<ReadAuditEvents>, params: Params<VerifyAuditEvents>) -> Answer<Plain<AuditVerification>> {
    let expected = match (params.expected_sequence, params.expected_hash) {
        (Some(sequence), Some(hash)) => Some(Head { sequence: sequence.0, hash: hash.0 }),
        (None, None) => None,
        (Some(_), None) => return Err(Problem::parameter("expected_hash", FieldCode::Required)),
        (None, Some(_)) => return Err(Problem::parameter("expected_sequence", FieldCode::Required)),
    };
    Reply::of(&Plain(verify(&can.app().store, can.scope(), expected).await?))
}

/// Events held against their hashes in one transaction.
const SLICE: i64 = 500;

/// Verifies the chain of the scope's workspace, slice by slice: no transaction lasts as long as the chain is.
pub async fn verify(store: &Store, scope: &Scope, expected: Option<Head>) -> Result<AuditVerification> {
    let (mut walk, mut more, headless, unsealed) = store
        .read(scope.clone(), move |tx| -> Result<_> {
            let head = chain::head(tx)?;
            let mut walk = Walk::new(head.into_iter().chain(expected));
            let more = along(tx, &mut walk)?;
            // sealed events without the head the sealer keeps with them: somebody took it away
            let headless = head.is_none() && walk.head().sequence > 0;
            Ok((walk, more, headless, chain::unsealed(tx)?))
        })
        .await?;
    while more {
        let mut on = walk;
        (walk, more) = store
            .read(scope.clone(), move |tx| -> Result<_> {
                let more = along(tx, &mut on)?;
                Ok((on, more))
            })
            .await?;
    }
    let head = walk.head();
    let lost = headless.then_some(ChainBreak { id: None, sequence: head.sequence + 1, kind: BreakKind::Truncated });
    let first_break = walk.finish().or(lost);
    Ok(AuditVerification {
        ok: first_break.is_none(),
        verified: head.sequence,
        unsealed,
        head: (head.sequence > 0).then(|| head.into()),
        first_break,
    })
}

/// One slice further; whether there is more.
fn along(tx: &mut ReadTx<'_>, walk: &mut Walk) -> Result<bool> {
    let links = chain::links(tx, walk.head().sequence, SLICE)?;
    for link in &links {
        walk.step(link);
    }
    Ok(!walk.is_over() && i64::try_from(links.len()).is_ok_and(|count| count == SLICE))
}

/// `SEQUENCE:HASH`, as the command line takes a head.
pub fn read_head(text: &str) -> Option<Head> {
    let (sequence, hash) = text.split_once(':')?;
    Some(Head { sequence: sequence.parse().ok().filter(|n| *n > 0)?, hash: from_hex(hash)? })
}

/// Verifies one workspace or all; a line for each, and whether all hold.
pub async fn verify_offline(store: &Store, slug: Option<String>, expected: Option<Head>) -> Result<(Vec<String>, bool)> {
    let workspaces = chain::workspaces(store, slug).await?;
    if workspaces.is_empty() {
        return Ok((vec!["no such workspace".to_owned()], false));
    }
    let (mut lines, mut sound) = (Vec::new(), true);
    for (id, slug) in workspaces {
        let found = verify(store, &lookup_scope(id), expected).await?;
        let head = found.head.map_or_else(|| "-".to_owned(), |head| format!("{}:{}", head.sequence, head.hash));
        let broken = found.first_break.map(|b| {
            let id = b.id.map(|id| format!(" (event {id})")).unwrap_or_default();
            format!("broken at {}: {}{id}", b.sequence, b.kind)
        });
        sound &= broken.is_none();
        let verdict = broken.unwrap_or_else(|| "ok".to_owned());
        lines.push(format!("{slug}: {verdict}; {} verified, {} unsealed, head {head}", found.verified, found.unsealed));
    }
    Ok((lines, sound))
}
