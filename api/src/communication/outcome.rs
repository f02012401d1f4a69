//! The list of what may come of communications, and the one place that holds a communication against it: what an outcome demands is looked at
//! when it is chosen, and what comes next is made in the same transaction.

use kartoteka_domain::{
    access::{RecordType, Verb},
    communication::{
        AgreedMeeting, AgreedTask, Communication, NextMeeting,
        outcome::{Brought, CommunicationOutcome, ListCommunicationOutcomes, NewCommunicationOutcome},
    },
    event::Event,
    invalid::{FieldCode, FieldErrors},
    next_step::Subject,
    record::Made,
    task::{NewTask, Task},
};
use kartoteka_persistence::{Reading, Stored, WriteTx, next_step as steps, reference, user, workspace};

use crate::{
    crud,
    next_step::{self, Links},
    problem::{Problem, Result},
    record, task,
};

crud! { CommunicationOutcome, NewCommunicationOutcome, ListCommunicationOutcomes; "communication-outcomes", "/v1/communication-outcomes", "/v1/communication-outcomes/{id}", "/v1/communication-outcomes/{id}/restore";
    list list_communication_outcomes "List outcomes of communications", get get_communication_outcome "Get an outcome of communications", read ReadCommunicationOutcomes;
    create create_communication_outcome "Create an outcome of communications", right CreateCommunicationOutcomes, by crud::create;
    update update_communication_outcome "Change an outcome of communications", right UpdateCommunicationOutcomes, by crud::update;
    archive archive_communication_outcome "Archive an outcome of communications", by record::archive::<CommunicationOutcome>;
    restore restore_communication_outcome "Restore an outcome of communications", by record::restore::<CommunicationOutcome>;
}

/// What a request says beside the communication itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sent<'a> {
    /// Whether it says in words what came of it.
    pub words: bool,
    /// The next step.
    pub task: Option<&'a NewTask>,
    /// The next meeting.
    pub meeting: Option<&'a NextMeeting>,
}

/// Holds a communication against an outcome that is newly chosen, and makes what comes next. The meeting that was agreed on is answered: it
/// is kept after the communication that led to it.
pub fn follow(
    tx: &mut WriteTx<'_>,
    before: Option<&Communication>,
    after: &mut Communication,
    sent: Sent<'_>,
) -> Result<Option<Communication>> {
    let former = before.and_then(|before| before.outcome_id);
    let chosen = match after.outcome_id.filter(|id| Some(*id) != former) {
        None => None,
        Some(id) => Some(
            CommunicationOutcome::find(tx, id.uuid())?
                .filter(|outcome| outcome.archived_at.is_none())
                .ok_or_else(|| Problem::invalid("/outcome_id", FieldCode::ReferenceNotFound))?,
        ),
    };
    let brought =
        Brought { task: sent.task.is_some() || after.next_task.is_some(), meeting: sent.meeting.is_some() || after.next_meeting.is_some() };
    let mut own = None;
    if let Some(outcome) = chosen {
        outcome.check(after, brought)?;
        let former = match former {
            Some(id) => CommunicationOutcome::find(tx, id.uuid())?,
            None => None,
        };
        after.outcome = Some(outcome.told(after.outcome.take(), sent.words, former.as_ref()));
        own = outcome.own_task(after, brought, tx.now());
    }
    let next = if let Some(task) = own {
        Some(plan_own(tx, after, task)?)
    } else {
        let links = Links { contact_id: Some(after.contact_id), lead_id: after.lead_id, deal_id: after.deal_id, ..Links::default() };
        next_step::plan(tx, sent.task, links)?
    };
    if let Some(task) = &next {
        after.next_task = Some(AgreedTask::from(task));
    }
    let Some(meeting) = sent.meeting else { return Ok(None) };
    let planned = plan_meeting(tx, after, meeting)?;
    after.next_meeting = Some(AgreedMeeting::from(&planned));
    Ok(Some(planned))
}

/// Keeps the meeting that was agreed on.
pub fn keep(tx: &mut WriteTx<'_>, meeting: Option<&Communication>) -> Result<()> {
    if let Some(meeting) = meeting {
        Communication::insert(tx, meeting, Event::created(meeting))?;
    }
    Ok(())
}

/// The task an outcome makes of itself, for who led the communication while he works here, else for who is responsible for the client.
fn plan_own(tx: &mut WriteTx<'_>, of: &Communication, input: NewTask) -> Result<Task> {
    let mut owner = of.owner_id.or(tx.scope().actor().user());
    if let Some(person) = owner
        && !user::candidates(tx, &[person.uuid()])?.iter().any(|person| person.active)
    {
        owner = None;
    }
    if owner.is_none() {
        owner = steps::responsible(tx, Subject::Contact(of.contact_id))?.0;
    }
    let owner = user::or_on_duty(tx, owner)?;
    if owner.is_none() {
        return Err(Problem::invalid("/next_task", FieldCode::Required));
    }
    let settings = workspace::current(tx)?;
    task::plan(tx, &settings, &NewTask { owner_id: owner, ..input })
}

fn plan_meeting(tx: &mut WriteTx<'_>, of: &Communication, meeting: &NextMeeting) -> Result<Communication> {
    if !tx.may(RecordType::Communication, Verb::Create) {
        return Err(Problem::invalid("/next_meeting", FieldCode::NotPermitted));
    }
    let pointed = |mut problem: Problem| {
        for error in &mut problem.errors {
            error.pointer = format!("/next_meeting{}", error.pointer);
        }
        problem
    };
    let settings = workspace::current(tx)?;
    let made: Communication = record::make_trusted(tx, &settings, &meeting.input(of.contact_id)).map_err(pointed)?;
    // with whom the communication was is no question of the meeting's
    let mut errors = FieldErrors::default();
    reference::check(tx, &made.references(), &of.references(), &mut errors)?;
    errors.finish().map_err(|errors| pointed(errors.into()))?;
    Ok(made.agreed_in(of))
}
