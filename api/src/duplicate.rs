//! One client, one card: what is done when a card seems to exist.

use kartoteka_domain::{
    access::RecordType,
    contact::Identity,
    duplicate::{self, Candidate, CardOwner},
    workspace::{Policy, Workspace},
};
use kartoteka_persistence::{
    Reading, WriteTx, company, contact,
    duplicate::{Cards, lock, matches, queue},
    user,
};
use uuid::Uuid;

use crate::problem::{Problem, ProblemCode, Result};

/// Locks the identities, then looks: between the two nobody else can make the same card.
pub fn find(tx: &mut WriteTx<'_>, cards: Cards, identities: &[Identity], but: Option<Uuid>) -> Result<Vec<Candidate>> {
    if identities.is_empty() {
        return Ok(Vec::new());
    }
    lock(tx, identities)?;
    Ok(duplicate::judge(&matches(tx, cards, identities, but)?))
}

/// Holds an integrator's own key until the end of the transaction; taken before any identity.
pub fn lock_key(tx: &mut WriteTx<'_>, record: RecordType, external_id: &str) -> Result<()> {
    Ok(lock(tx, &[Identity { kind: "external_id", value: format!("{record}:{external_id}") }])?)
}

/// The refusal that names the candidates: of a card in somebody else's portfolio only that it is there, and whose.
pub fn refusal(tx: &mut dyn Reading, cards: Cards, candidates: Vec<Candidate>) -> Problem {
    match shown(tx, cards, candidates) {
        Err(problem) => problem,
        Ok(candidates) => {
            let best = candidates.first().map(|c| c.id);
            Problem::new(ProblemCode::DuplicateFound).with("candidates", candidates).with("existing_id", best)
        }
    }
}

fn shown(tx: &mut dyn Reading, cards: Cards, candidates: Vec<Candidate>) -> Result<Vec<Candidate>> {
    let ids: Vec<Uuid> = candidates.iter().map(|c| c.id).collect();
    let whose = match cards {
        Cards::Contacts => contact::responsibles(tx, &ids)?,
        Cards::Companies => company::responsibles(tx, &ids)?,
    };
    let people: Vec<Uuid> = whose.iter().filter_map(|(_, owner, _)| owner.map(kartoteka_domain::id::Id::uuid)).collect();
    let people = user::find_many(tx, &people)?;
    let show = |mut candidate: Candidate| {
        let known = whose.iter().find(|(id, ..)| *id == candidate.id);
        let person = known.and_then(|(_, owner, _)| people.iter().find(|person| Some(person.id) == *owner));
        candidate.responsible = person.map(|person| CardOwner { id: person.id, name: person.name.clone() });
        if known.is_some_and(|(_, _, readable)| *readable) { candidate } else { candidate.from_afar() }
    };
    Ok(candidates.into_iter().map(show).collect())
}

/// Whether this workspace and role let a duplicate be made knowingly.
pub fn may_create(tx: &WriteTx<'_>, settings: &Workspace) -> bool {
    settings.policies.duplicates != Policy::Require || tx.scope().actor().role().override_duplicates
}

/// Queues the pairs for review.
pub fn queue_all(tx: &mut WriteTx<'_>, cards: Cards, card: Uuid, candidates: &[Candidate]) -> Result<()> {
    for candidate in candidates {
        queue(tx, cards, card, candidate)?;
    }
    Ok(())
}

/// A change that gives a card somebody else's contact point: refused, warned of or allowed, as the policy says.
pub fn check_change(tx: &mut WriteTx<'_>, cards: Cards, settings: &Workspace, card: Uuid, added: &[Identity]) -> Result<Option<String>> {
    if added.is_empty() || settings.policies.duplicates == Policy::Off {
        return Ok(None);
    }
    let candidates = find(tx, cards, added, Some(card))?;
    if candidates.is_empty() {
        return Ok(None);
    }
    if settings.policies.duplicates == Policy::Require {
        return Err(refusal(tx, cards, candidates));
    }
    queue_all(tx, cards, card, &candidates)?;
    Ok(Some("another card has the same contact point; the pair is queued for review".to_owned()))
}
