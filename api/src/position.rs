//! Positions that the mobile application sends: kept with the person's consent and in his working time, and told to whoever may see them. They
//! end a meeting when the one who checked in leaves. Nothing of them goes to the outside; the audit is told how many, never where.

use kartoteka_domain::{
    access::RecordType,
    communication::Communication,
    event::{Action, Event},
    id::{CommunicationId, UserId},
    list::Page,
    position::{
        FOLLOWED_FOR, Fix, KEPT_FOR, KeptPosition, ListPositions, NewPositions, PositionConsent, PositionsTaken, SayPositionConsent, sift,
        unknown,
    },
    record::Record,
    user::User,
    working_time::WorkingTime,
};
use kartoteka_persistence::{Reading, Stored, WriteTx, communication, position as store, workspace};

use crate::{
    answer::{Answer, Plain, Reply},
    can::{Can, OwnChange, ReadPositions, SignedIn},
    problem::{Problem, ProblemCode, Result},
    request::{Params, Valid},
    session::open::oneself,
};

/// Why a meeting ended without anybody saying so.
const LEFT: &str = "left the place of the meeting, as positions tell";
/// Why it goes on.
const STAYED: &str = "was still there, as later positions tell";

/// Get whether one's positions may be kept
#[utoipa::path(
    get,
    path = "/v1/me/position-consent",
    tag = "me",
    description = "What one said oneself, and when. Nobody can say it for somebody else."
)]
pub async fn get_position_consent(who: SignedIn) -> Answer<Plain<PositionConsent>> {
    let user = oneself(&who)?;
    let consent = who.app.store.read(who.scope()?, move |tx| -> Result<_> { Ok(store::consent(tx, user)?) }).await?;
    Reply::of(&Plain(consent))
}

/// Say whether one's positions may be kept
///
/// Only the person can. Taking it back deletes the positions that are kept of him, at once and for good; where and when he came to meetings and left
/// them stays with the meetings. Saying the same again changes nothing.
#[utoipa::path(put, path = "/v1/me/position-consent", tag = "me")]
pub async fn update_position_consent(who: OwnChange, wanted: Valid<SayPositionConsent>) -> Answer<Plain<PositionConsent>> {
    let (user, given) = (oneself(&who)?, wanted.given);
    let say = move |tx: &mut WriteTx<'_>| {
        store::hold(tx, user)?;
        let before = store::consent(tx, user)?;
        let Some(said) = before.said(given, tx.now()) else { return Ok(Plain(before)) };
        store::set_consent(tx, user, &said)?;
        Ok(Plain(said))
    };
    who.write(say).await
}

/// Send one's positions
///
/// In any order, late ones among them: a week late at most. Without one's consent (`PUT /v1/me/position-consent`) nothing is taken; what is from before it,
/// or from outside the workspace's working hours in one's own time zone, is not kept, only counted. One position a second is kept, whatever is sent again.
/// They are kept for 30 days.
///
/// A meeting that one checked in to and out of by nobody's word ends with the first position that is farther from where one checked in than
/// the workspace's `meeting_radius_m`, its own accuracy taken off, if the ones after it go on to be for two minutes; one wrong position, or a burst
/// of them, ends nothing. Positions up to twelve hours after the check-in are looked at. The end is told by all positions that are kept, whatever order they came
/// in: late ones may move it, or take it back. An outcome that the workspace demands is not demanded here: the meeting is listed with
/// `outcome_missing` until it is told.
#[utoipa::path(post, path = "/v1/me/positions", tag = "me")]
pub async fn submit_positions(who: OwnChange, batch: Valid<NewPositions>) -> Answer<Plain<PositionsTaken>> {
    let user = oneself(&who)?;
    who.write(move |tx| take(tx, user, &batch).map(Plain)).await
}

fn take(tx: &mut WriteTx<'_>, user: UserId, batch: &NewPositions) -> Result<PositionsTaken> {
    let fixes = batch.checked(tx.now())?;
    store::hold(tx, user)?;
    let consent = store::consent(tx, user)?;
    let Some(given_at) = consent.given_at.filter(|_| consent.given) else {
        return Err(Problem::new(ProblemCode::PositionConsentMissing));
    };
    let (settings, person) = (workspace::current(tx)?, User::find(tx, user.uuid())?);
    let zone = person.and_then(|person| person.time_zone).unwrap_or_else(|| settings.time_zone.clone());
    let sifted = sift(fixes, given_at, &WorkingTime::new(&settings.working_calendar, &zone));
    let known = store::known(tx, user, sifted.fixes.iter().map(|fix| fix.at))?;
    let (fresh, repeated) = unknown(sifted.fixes, &known);
    let mut taken = PositionsTaken {
        kept: i64::try_from(fresh.len()).unwrap_or(i64::MAX),
        outside_working_hours: sifted.outside_working_hours,
        before_consent: sifted.before_consent,
        repeated,
        ..PositionsTaken::default()
    };
    let (Some(first), Some(last)) = (fresh.first(), fresh.last()) else { return Ok(taken) };
    store::keep(tx, user, &fresh, taken.in_short())?;
    for meeting in store::followed(tx, user, first.at - FOLLOWED_FOR, last.at)? {
        look_at(tx, meeting, user, &fresh, settings.meeting_radius_m, &mut taken)?;
    }
    Ok(taken)
}

/// A meeting as all of somebody's positions tell it, now that there are fresh ones.
fn look_at(
    tx: &mut WriteTx<'_>,
    id: CommunicationId,
    user: UserId,
    fresh: &[Fix],
    radius_m: i64,
    taken: &mut PositionsTaken,
) -> Result<()> {
    tx.hold(RecordType::Communication, id.uuid())?;
    let Some(before) = communication::find_regardless(tx, id)? else { return Ok(()) };
    let is_concerned = before.followed().is_some_and(|(from, until)| fresh.iter().any(|fix| fix.at > from && fix.at <= until));
    if !is_concerned {
        return Ok(());
    }
    tx.follow(before.updated_at);
    let had_ended = before.check_out.clone();
    let after = conclude(tx, before, user, radius_m)?;
    match (&had_ended, &after.check_out) {
        (before, after) if before == after => {}
        (_, Some(_)) => taken.ended_meetings.push(id),
        (_, None) => taken.resumed_meetings.push(id),
    }
    Ok(())
}

/// A meeting that is held, as all of somebody's positions tell it; stored where that is news.
fn conclude(tx: &mut WriteTx<'_>, before: Communication, user: UserId, radius_m: i64) -> Result<Communication> {
    let Some((from, until)) = before.followed() else { return Ok(before) };
    let mut after = before.followed_by(&store::between(tx, user, from, until)?, radius_m);
    if after == before {
        return Ok(before);
    }
    // what the server concludes is not the person's writing: his field rights are not asked
    after.stamp(&tx.scope().by().clone(), tx.now());
    let reason = if after.check_out.is_some() { LEFT } else { STAYED };
    Communication::update(tx, &before, &after, Event::updated(&before, &after).because(reason))?;
    // where somebody was is kept, whatever comes next with the client
    tx.take_next_steps();
    Ok(after)
}

/// Before somebody comes to a meeting: no batch of his comes in between.
pub fn hold_own(tx: &mut WriteTx<'_>) -> Result<()> {
    match tx.scope().actor().user() {
        Some(user) => Ok(store::hold(tx, user)?),
        None => Ok(()),
    }
}

/// Somebody came to a meeting: his positions tell when he leaves, those among them that are here already, since a phone without a network sends
/// everything late. Where a key says so, they are those of the person who leads it.
pub fn follow(tx: &mut WriteTx<'_>, meeting: Communication) -> Result<Communication> {
    let (Some(user), Some(begun)) = (tx.scope().actor().user().or(meeting.owner_id), &meeting.check_in) else { return Ok(meeting) };
    store::follow(tx, meeting.id, user, begun.at)?;
    let radius_m = workspace::current(tx)?.meeting_radius_m;
    conclude(tx, meeting, user, radius_m)
}

/// List somebody's positions
///
/// The newest first. A head sees those of his department, everybody his own; reading another person's is written down in the audit. They are
/// kept for 30 days, and as long as the person consents.
#[utoipa::path(get, path = "/v1/positions", tag = "communications")]
pub async fn list_positions(can: Can<ReadPositions>, params: Params<ListPositions>) -> Answer<Page<KeptPosition>> {
    can.write(move |tx| {
        let asker = tx.scope().actor().user();
        // a key is nobody: it has none of its own
        let user = params.user_id.or(asker);
        if let Some(other) = user.filter(|user| Some(*user) != asker && store::is_in_reach(tx, *user))
            && User::find(tx, other.uuid())?.is_some()
        {
            tx.note(&Event::bare(RecordType::User, other.uuid(), Action::PositionsRead))?;
        }
        Ok(store::list(tx, user, &params)?)
    })
    .await
}

/// Forgets what was kept for long enough.
pub fn forget_old(tx: &mut WriteTx<'_>) -> Result<()> {
    let before = tx.now() - KEPT_FOR;
    store::forget_before(tx, before)?;
    Ok(())
}
