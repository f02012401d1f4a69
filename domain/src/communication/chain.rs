//! The chain of triggers: what led to a communication and what it led to. A chain that bites its tail is refused.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Communication, TriggerKind};
use crate::{id::AnyId, submission::Submission, task::Task};

/// How many steps of a chain are told in each direction.
pub const MOST_STEPS: usize = 50;

/// How many records of a chain are told in each direction.
pub const MOST_LINKS: usize = 100;

/// How far a chain is followed before it counts as endless.
pub const LONGEST: usize = 1000;

words! {
    /// What stands in a chain.
    pub enum LinkKind {
        /// A communication.
        Communication = "communication",
        /// A task.
        Task = "task",
        /// A submission of a form.
        Submission = "submission",
    }
}

/// A place in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// What stands there.
    pub kind: LinkKind,
    /// Its id.
    pub id: Uuid,
}

impl Place {
    /// A communication's.
    pub fn of(communication: &Communication) -> Self {
        Self { kind: LinkKind::Communication, id: communication.id.uuid() }
    }
}

/// One record of a chain. Exactly one of `communication`, `task` and `submission` is there.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChainLink {
    /// What it is.
    #[schema(required = true)]
    pub kind: LinkKind,
    /// Steps from the communication asked about, at least 1.
    #[schema(required = true)]
    pub steps: i64,
    /// The record next to it on the way to the communication asked about.
    #[schema(required = true, value_type = AnyId)]
    pub next_id: Uuid,
    /// The communication.
    #[schema(required = true)]
    pub communication: Option<Communication>,
    /// The task.
    #[schema(required = true)]
    pub task: Option<Task>,
    /// The submission, without its body.
    #[schema(required = true)]
    pub submission: Option<Submission>,
}

/// What led to a communication and what it led to, as far as the asker sees it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CommunicationChain {
    /// The communication asked about.
    #[schema(required = true)]
    pub communication: Communication,
    /// What led to it, the nearest first.
    #[schema(required = true)]
    pub led_here: Vec<ChainLink>,
    /// What it led to, the nearest first.
    #[schema(required = true)]
    pub led_to: Vec<ChainLink>,
    /// Whether there is more than is told: 50 steps and 100 records each way.
    #[schema(required = true)]
    pub truncated: bool,
}

impl Communication {
    /// What led to it: what it says itself, else the task it fulfils, else the submission it records.
    pub fn cause(&self) -> Option<Place> {
        let said = self.triggered_by.as_ref().and_then(|trigger| {
            let kind = match trigger.kind {
                TriggerKind::Communication => LinkKind::Communication,
                TriggerKind::Task => LinkKind::Task,
                TriggerKind::Submission => LinkKind::Submission,
                TriggerKind::Rule => return None,
            };
            Some(Place { kind, id: trigger.id })
        });
        said.or_else(|| self.task_id.map(|id| Place { kind: LinkKind::Task, id: id.uuid() }))
            .or_else(|| self.submission_id.map(|id| Place { kind: LinkKind::Submission, id: id.uuid() }))
    }
}

/// Whether going from `from` to what led to it, again and again, comes to `to`. `cause` tells what led to a place. Ends with the first
/// place met twice; a chain longer than [`LONGEST`] counts as one that does.
pub fn leads_from<E>(from: Place, to: Place, mut cause: impl FnMut(Place) -> Result<Option<Place>, E>) -> Result<bool, E> {
    let mut met = std::collections::HashSet::new();
    let mut at = Some(from);
    while let Some(place) = at {
        if place == to || met.len() >= LONGEST {
            return Ok(true);
        }
        if !met.insert(place) {
            return Ok(false);
        }
        at = cause(place)?;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use proptest::prelude::*;

    fn place(n: u8) -> Place {
        Place { kind: LinkKind::Communication, id: Uuid::from_u128(n.into()) }
    }

    proptest! {
        /// Links are set one after the other in any order: with the check there is never a way round.
        #[test]
        fn no_order_of_links_closes_a_circle(wishes in proptest::collection::vec((0_u8..12, 0_u8..12), 0..60)) {
            let mut cause: std::collections::HashMap<Place, Place> = std::collections::HashMap::new();
            for (record, trigger) in wishes {
                let closes = leads_from::<Infallible>(place(trigger), place(record), |at| Ok(cause.get(&at).copied())).unwrap();
                if !closes {
                    cause.insert(place(record), place(trigger));
                }
            }
            for start in 0..12 {
                let (mut at, mut steps) = (cause.get(&place(start)), 0);
                while let Some(next) = at {
                    steps += 1;
                    prop_assert!(steps <= 12 && *next != place(start));
                    at = cause.get(next);
                }
            }
        }
    }

    #[test]
    fn a_record_does_not_lead_to_itself_and_an_endless_chain_is_none() {
        assert!(leads_from::<Infallible>(place(1), place(1), |_| Ok(None)).unwrap());
        assert!(!leads_from::<Infallible>(place(1), place(2), |_| Ok(None)).unwrap());
        let mut n = 10_u128;
        let endless = |_| {
            n += 1;
            Ok::<_, Infallible>(Some(Place { kind: LinkKind::Communication, id: Uuid::from_u128(n) }))
        };
        assert!(leads_from(place(1), place(2), endless).unwrap());
    }
}
