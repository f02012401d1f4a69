//! The chain of triggers of a communication, both ways. One query a step and kind, whatever hangs on it.

use std::collections::{HashMap, HashSet};

use kartoteka_domain::{
    access::{RecordType, Verb},
    communication::{
        Communication,
        chain::{ChainLink, CommunicationChain, LinkKind, MOST_LINKS, MOST_STEPS, Place},
    },
    submission::Submission,
    task::Task,
};
use kartoteka_persistence::{Reading, Stored, communication as store, task as tasks};
use uuid::Uuid;

use crate::{
    answer::{Answer, Sought},
    can::{Can, ReadCommunications},
    problem::Result,
    record,
    request::At,
};

/// Get the chain of a communication
///
/// What led to it and what it led to: communications, tasks, submissions, as far as the asker sees them; at most 50 steps and 100 records
/// each way.
#[utoipa::path(get, path = "/v1/communications/{id}/chain", tag = "communications")]
pub async fn get_communication_chain(can: Can<ReadCommunications>, at: At<Communication>) -> Answer<Sought<CommunicationChain>> {
    can.read(move |tx| {
        let communication: Communication = record::get(tx, at.0)?;
        let (led_here, more_before) = causes(tx, &communication)?;
        let (led_to, more_after) = effects(tx, &communication)?;
        Ok(Sought(CommunicationChain { communication, led_here, led_to, truncated: more_before || more_after }))
    })
    .await
}

fn steps(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// One record of the chain, with what it names as its own cause.
enum Found {
    Communication(Box<Communication>),
    Task(Task),
    Submission(Submission),
}

impl Found {
    fn id(&self) -> Uuid {
        match self {
            Self::Communication(one) => one.id.uuid(),
            Self::Task(one) => one.id.uuid(),
            Self::Submission(one) => one.id.uuid(),
        }
    }
    fn link(self, steps: i64, next_id: Uuid) -> ChainLink {
        let (mut communication, mut task, mut submission) = (None, None, None);
        let kind = match self {
            Self::Communication(one) => {
                communication = Some(*one);
                LinkKind::Communication
            }
            Self::Task(one) => {
                task = Some(one);
                LinkKind::Task
            }
            Self::Submission(one) => {
                submission = Some(one);
                LinkKind::Submission
            }
        };
        ChainLink { kind, steps, next_id, communication, task, submission }
    }
}

fn look(tx: &mut dyn Reading, place: Place) -> Result<Option<Found>> {
    Ok(match place.kind {
        LinkKind::Communication => Communication::find(tx, place.id)?.map(|one| Found::Communication(Box::new(one))),
        LinkKind::Task => Task::find(tx, place.id)?.map(Found::Task),
        LinkKind::Submission if tx.scope().may(RecordType::Submission, Verb::Read) => {
            Submission::find(tx, place.id)?.map(Found::Submission)
        }
        LinkKind::Submission => None,
    })
}

/// Backwards there is one way: each has one cause.
fn causes(tx: &mut dyn Reading, of: &Communication) -> Result<(Vec<ChainLink>, bool)> {
    let mut links: Vec<ChainLink> = Vec::new();
    let mut next_id = of.id.uuid();
    let mut cause = match of.cause() {
        Some(place) => look(tx, place)?,
        None => None,
    };
    while let Some(found) = cause {
        if links.len() == MOST_STEPS.min(MOST_LINKS) {
            return Ok((links, true));
        }
        let id = found.id();
        cause = match &found {
            Found::Communication(one) => match one.cause() {
                Some(place) => look(tx, place)?,
                None => None,
            },
            Found::Task(one) => store::agreeing_on(tx, one.id.uuid())?.map(|one| Found::Communication(Box::new(one))),
            Found::Submission(_) => None,
        };
        links.push(found.link(steps(links.len() + 1), next_id));
        next_id = id;
    }
    Ok((links, false))
}

/// Forwards it widens: step by step, everything of one step at once.
fn effects(tx: &mut dyn Reading, of: &Communication) -> Result<(Vec<ChainLink>, bool)> {
    let mut links: Vec<ChainLink> = Vec::new();
    let mut met: HashSet<Uuid> = HashSet::from([of.id.uuid()]);
    let mut level: HashSet<Place> = HashSet::from([Place::of(of)]);
    // which communication agreed on which task
    let mut agreed: HashMap<Uuid, Uuid> = of.next_task.iter().map(|task| (task.id.uuid(), of.id.uuid())).collect();
    for step in 1.. {
        let ids: Vec<Uuid> = level.iter().map(|place| place.id).collect();
        let mut found: Vec<(Uuid, Found)> = Vec::new();
        for one in store::following(tx, &ids, steps(MOST_LINKS + 1))? {
            if let Some(cause) = one.cause().filter(|cause| level.contains(cause)) {
                found.push((cause.id, Found::Communication(Box::new(one))));
            }
        }
        let planned: Vec<Uuid> = agreed.keys().copied().collect();
        if !planned.is_empty() {
            for task in tasks::find_many(tx, &planned)? {
                if let Some(by) = agreed.get(&task.id.uuid()) {
                    found.push((*by, Found::Task(task)));
                }
            }
        }
        found.retain(|(_, one)| met.insert(one.id()));
        if found.is_empty() {
            break;
        }
        if step > MOST_STEPS {
            return Ok((links, true));
        }
        (level, agreed) = (HashSet::new(), HashMap::new());
        for (by, one) in found {
            if links.len() == MOST_LINKS {
                return Ok((links, true));
            }
            match &one {
                Found::Communication(talk) => {
                    level.insert(Place::of(talk));
                    agreed.extend(talk.next_task.iter().map(|task| (task.id.uuid(), talk.id.uuid())));
                }
                Found::Task(task) => {
                    level.insert(Place { kind: LinkKind::Task, id: task.id.uuid() });
                }
                Found::Submission(_) => {}
            }
            links.push(one.link(steps(step), by));
        }
    }
    Ok((links, false))
}
