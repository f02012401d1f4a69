//! Duplicates: which existing cards may be the same client, explained field by field.
//!
//! Exact matches only here: a shared phone, e-mail, messenger or tax id. Independent agreements add up as
//! `1 - Π(1 - weight)`, so that two weak signs weigh more than one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::contact::Identity;

words! {
    /// What a score means.
    pub enum Verdict {
        /// The same client.
        Same = "same",
        /// Probably the same.
        Probable = "probable",
        /// Another one.
        Different = "different",
    }
}

words! {
    /// How far two values agree.
    pub enum Agreement {
        /// Equal after normalising.
        Exact = "exact",
        /// Alike.
        Similar = "similar",
    }
}

/// One field two cards agree in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// Which: `phones`, `emails`, `messengers`, `tax_id`.
    #[schema(required = true)]
    pub field: String,
    /// How far.
    #[schema(required = true)]
    pub agreement: Agreement,
    /// Weight of it, 0 to 1.
    #[schema(required = true)]
    pub weight: f64,
}

/// A card that may be the same client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Candidate {
    /// Its id.
    #[schema(required = true)]
    pub id: Uuid,
    /// All evidence together, 0 to 1.
    #[schema(required = true)]
    pub score: f64,
    /// What it means.
    #[schema(required = true)]
    pub verdict: Verdict,
    /// What it rests on; nothing where the asker may not see the card.
    #[schema(required = true)]
    pub evidence: Vec<Evidence>,
    /// Who is responsible for it; null when nobody is.
    #[serde(default)]
    #[schema(required = true)]
    pub responsible: Option<CardOwner>,
    /// Whether the asker may see the card.
    #[serde(default)]
    #[schema(required = true)]
    pub in_reach: bool,
}

impl Candidate {
    /// What somebody may know of a card out of his reach: that it is there, and whom to ask.
    #[must_use]
    pub fn from_afar(self) -> Self {
        Self { score: 1.0, verdict: Verdict::Same, evidence: Vec::new(), in_reach: false, ..self }
    }
}

/// Who is responsible for a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardOwner {
    /// His id.
    #[schema(required = true)]
    pub id: crate::id::UserId,
    /// His name.
    #[schema(required = true)]
    pub name: String,
}

/// A shared contact point: whose and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The card that has it.
    pub card: Uuid,
    /// The contact point.
    pub identity: Identity,
}

/// From this score on it is the same client.
pub const SAME: f64 = 0.85;
/// From this score on it probably is.
pub const PROBABLE: f64 = 0.5;

fn sign(kind: &str) -> (&'static str, f64) {
    match kind {
        "tax_id" => ("tax_id", 0.98),
        "phone" => ("phones", 0.95),
        "email" => ("emails", 0.93),
        "messenger" => ("messengers", 0.9),
        _ => ("other", 0.5),
    }
}

/// Candidates from shared contact points, the best first; equal scores by id, the older card first.
pub fn judge(matches: &[Match]) -> Vec<Candidate> {
    let mut cards: Vec<Uuid> = matches.iter().map(|m| m.card).collect();
    cards.sort_unstable();
    cards.dedup();
    let mut candidates: Vec<Candidate> = cards
        .into_iter()
        .map(|card| {
            let mut kinds: Vec<&str> = matches.iter().filter(|m| m.card == card).map(|m| m.identity.kind).collect();
            kinds.sort_unstable();
            kinds.dedup();
            let evidence: Vec<Evidence> = kinds
                .iter()
                .map(|kind| {
                    let (field, weight) = sign(kind);
                    Evidence { field: field.into(), agreement: Agreement::Exact, weight }
                })
                .collect();
            let doubt: f64 = evidence.iter().map(|e| 1.0 - e.weight).product();
            let score = ((1.0 - doubt) * 10_000.0).round() / 10_000.0;
            Candidate { id: card, score, verdict: verdict(score), evidence, responsible: None, in_reach: true }
        })
        .collect();
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
    candidates
}

fn verdict(score: f64) -> Verdict {
    if score >= SAME {
        Verdict::Same
    } else if score >= PROBABLE {
        Verdict::Probable
    } else {
        Verdict::Different
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_agreements_weigh_more_than_one_and_the_best_comes_first() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let found = judge(&[
            Match { card: a, identity: Identity::phone("+79123456789") },
            Match { card: b, identity: Identity::phone("+79123456789") },
            Match { card: b, identity: Identity::email("a@example.com") },
        ]);
        assert_eq!(found.iter().map(|c| c.id).collect::<Vec<_>>(), [b, a]);
        assert!(found[0].score > found[1].score);
        assert_eq!(found[1].verdict, Verdict::Same);
        assert_eq!(found[0].evidence.len(), 2);
    }
}
