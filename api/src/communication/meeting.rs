//! Checking in and out of meetings. Who met elsewhere than planned is told to his head, once.

use kartoteka_domain::{
    communication::{
        Communication,
        meeting::{Position, PresenceRefused, mismatch_title},
    },
    event::Action,
    task::NewTask,
    workspace::Workspace,
};
use kartoteka_persistence::{Reading, WriteTx, user, workspace};
use uuid::Uuid;

use super::outcome::{self, Sent};
use crate::{
    answer::{Answer, Found},
    can::{Can, UpdateCommunications},
    position,
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, IfMatch, Valid},
    task,
};

/// Check in to a meeting
///
/// It takes place here and now, whatever was planned: the plan stays beside it, and the distance to it is told. From here on the positions that the one
/// who checks in sends (`submit_positions`) end it when he leaves.
#[utoipa::path(post, path = "/v1/communications/{id}/check-in", tag = "communications")]
pub async fn check_in_to_meeting(
    can: Can<UpdateCommunications>,
    at: At<Communication>,
    if_match: IfMatch,
    position: Valid<Position>,
) -> Answer<Found<Communication>> {
    can.write(move |tx| {
        let now = tx.now();
        position::hold_own(tx)?;
        let begun = be_there(tx, at.0, &if_match, &position, |meeting, radius| meeting.check_in(&position, radius, now), false)?;
        position::follow(tx, begun).map(Found)
    })
    .await
}

/// Check out of a meeting
///
/// It lasted from the check-in until now. Where the workspace demands an outcome of communications, it is demanded here, unless it was told before;
/// what an outcome of the list demands is demanded here, too.
#[utoipa::path(post, path = "/v1/communications/{id}/check-out", tag = "communications")]
pub async fn check_out_of_meeting(
    can: Can<UpdateCommunications>,
    at: At<Communication>,
    if_match: IfMatch,
    position: Valid<Position>,
) -> Answer<Found<Communication>> {
    can.write(move |tx| {
        let now = tx.now();
        be_there(tx, at.0, &if_match, &position, |meeting, radius| meeting.check_out(&position, radius, now), true).map(Found)
    })
    .await
}

impl From<PresenceRefused> for Problem {
    fn from(refused: PresenceRefused) -> Self {
        match refused {
            PresenceRefused::Invalid(errors) => errors.into(),
            PresenceRefused::NotAMeeting => Self::new(ProblemCode::NotAMeeting),
            PresenceRefused::AlreadyThere => Self::new(ProblemCode::AlreadyCheckedIn),
            PresenceRefused::NotThereYet => Self::new(ProblemCode::NotCheckedIn),
        }
    }
}

fn be_there(
    tx: &mut WriteTx<'_>,
    id: Uuid,
    if_match: &IfMatch,
    position: &Position,
    step: impl FnOnce(&Communication, i64) -> std::result::Result<Communication, PresenceRefused>,
    ended: bool,
) -> Result<Communication> {
    let before: Communication = record::get_in_use(tx, id, if_match)?;
    let settings = workspace::current(tx)?;
    let mut after = step(&before, settings.meeting_radius_m)?;
    let words = kartoteka_domain::invalid::line(position.outcome.as_deref()).is_some();
    let sent = Sent { words, task: position.next_task.as_ref(), meeting: position.next_meeting.as_ref() };
    let agreed = outcome::follow(tx, Some(&before), &mut after, sent)?;
    if ended {
        super::check_outcome(tx, &mut after)?;
    }
    let after = record::store_change(tx, &before, after, Action::Updated)?;
    outcome::keep(tx, agreed.as_ref())?;
    if before.place_mismatch.is_none() && after.place_mismatch.is_some() {
        report(tx, &settings, &after)?;
    }
    super::consequences(tx, &after)?;
    // where somebody was is kept, whatever comes next with the client
    tx.take_next_steps();
    Ok(after)
}

/// What is said of a meeting afterwards, held against its plan; `told` when the request says where it was.
pub fn compare(tx: &mut WriteTx<'_>, before: &Communication, after: &mut Communication, told: bool) -> Result<()> {
    // coordinates that nobody told again are those of the plan, and say nothing of where it was
    let turned = before.status != after.status && after.place_matches.is_some();
    if !told && !turned {
        return Ok(());
    }
    let settings = workspace::current(tx)?;
    *after = after.clone().held_against_the_plan(settings.meeting_radius_m);
    if before.place_mismatch.is_none() && after.place_mismatch.is_some() {
        report(tx, &settings, after)?;
    }
    Ok(())
}

/// A task for the head of who met elsewhere than planned.
fn report(tx: &mut WriteTx<'_>, settings: &Workspace, meeting: &Communication) -> Result<()> {
    let Some(person) = meeting.owner_id.or(tx.scope().actor().user()) else { return Ok(()) };
    let Some(head) = user::head_of(tx, person)? else {
        tracing::info!(workspace = %tx.workspace(), communication = %meeting.id, "a meeting away from the plan has no head to be told to");
        return Ok(());
    };
    let input = NewTask {
        kind: Some("control".into()),
        title: Some(mismatch_title(settings.languages.first().map_or("en", String::as_str)).to_owned()),
        description: meeting.place_mismatch.as_ref().map(|far| format!("{} m > {} m, {}", far.distance_m, far.radius_m, meeting.id)),
        due_at: Some(tx.now() + chrono::Duration::days(1)),
        owner_id: Some(head),
        contact_id: Some(meeting.contact_id),
        lead_id: meeting.lead_id,
        ..NewTask::default()
    };
    task::plan(tx, settings, &input)?;
    Ok(())
}
