//! Taking changes back: one, those of a record since a moment, those of an actor in a period. Old values go through the
//! rules of the record's room like any other change; what was changed again since is left and said.

mod room;

use kartoteka_domain::{
    access::{Owners, RecordType, Verb},
    audit::{
        AuditEvent,
        reversal::{
            ConflictReason, Period, Reversal, RevertConflict, RevertMoment, RevertParams, RevertPeriod, RevertedRecord, Step,
            UntouchedRecord, plan,
        },
    },
    communication::Communication,
    company::Company,
    contact::Contact,
    deal::Deal,
    event::Action,
    form::Form,
    invalid::{FieldCode, FieldErrors},
    lead::Lead,
    note::Note,
    record::{Record, difference},
    role::Role,
    task::Task,
    user::User,
};
use kartoteka_persistence::{Reading, WriteTx, audit, audit::Trace, reference, workspace};
use serde_json::{Map, Value};
use uuid::Uuid;

use self::room::{ARCHIVED_AT, Revertible};
use crate::{
    answer::{Answer, Plain},
    can::{Can, UpdateAuditEvents},
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, Params, Valid},
};

/// Take one change back
///
/// A creation is taken back by archiving (of a colleague by deactivating), an archiving by restoring, a change by writing the values
/// before it, all by the rules any change obeys. A field that was changed again since stays and is listed; so are passwords, second
/// factors, sessions and keys, which are never put back.
#[utoipa::path(post, path = "/v1/audit-events/{id}/revert", tag = "audit-events")]
pub async fn revert_audit_event(can: Can<UpdateAuditEvents>, at: At<AuditEvent>, params: Params<RevertParams>) -> Answer<Plain<Reversal>> {
    run(&can, &params, move |tx| revert_event(tx, at.0)).await
}

/// Take an actor's changes of a period back
///
/// Records are gone through some at a time: send the same body with `cursor` = `next_cursor` until that is null. Each request
/// is one transaction.
#[utoipa::path(post, path = "/v1/audit-events/revert-period", tag = "audit-events")]
pub async fn revert_period(
    can: Can<UpdateAuditEvents>,
    params: Params<RevertParams>,
    body: Valid<RevertPeriod>,
) -> Answer<Plain<Reversal>> {
    run(&can, &params, move |tx| revert_slice(tx, &body.checked()?, body.cursor.as_deref())).await
}

macro_rules! to_a_moment {
    ($($name:ident $text:tt: $ty:ty, $tag:tt, $path:tt;)*) => { $(
        #[utoipa::path(post, path = $path, tag = $tag, summary = $text, description = "Everything that happened to its own fields after the moment is taken back, as far as the rules allow; a preview with `dry_run`.")]
        pub async fn $name(can: Can<UpdateAuditEvents>, at: At<$ty>, params: Params<RevertParams>, body: Valid<RevertMoment>) -> Answer<Plain<Reversal>> {
            run(&can, &params, move |tx| to_moment::<$ty>(tx, at.0, &body)).await
        }
    )* };
}
to_a_moment! {
    revert_contact "Put a contact back to a moment": Contact, "contacts", "/v1/contacts/{id}/revert-to";
    revert_company "Put a company back to a moment": Company, "companies", "/v1/companies/{id}/revert-to";
    revert_lead "Put a lead back to a moment": Lead, "leads", "/v1/leads/{id}/revert-to";
    revert_deal "Put a deal back to a moment": Deal, "deals", "/v1/deals/{id}/revert-to";
    revert_task "Put a task back to a moment": Task, "tasks", "/v1/tasks/{id}/revert-to";
    revert_communication "Put a communication back to a moment": Communication, "communications", "/v1/communications/{id}/revert-to";
    revert_note "Put a note back to a moment": Note, "notes", "/v1/notes/{id}/revert-to";
    revert_form "Put a form back to a moment": Form, "forms", "/v1/forms/{id}/revert-to";
    revert_user "Put a colleague back to a moment": User, "users", "/v1/users/{id}/revert-to";
    revert_role "Put a role back to a moment": Role, "roles", "/v1/roles/{id}/revert-to";
}

async fn run(
    can: &Can<UpdateAuditEvents>,
    params: &RevertParams,
    f: impl Fn(&mut WriteTx<'_>) -> Result<Reversal> + Send + 'static,
) -> Answer<Plain<Reversal>> {
    let dry_run = params.dry_run.unwrap_or(false);
    let work = move |tx: &mut WriteTx<'_>| f(tx).map(|done| Plain(Reversal { dry_run, ..done }));
    if dry_run {
        return can.rehearse(work).await;
    }
    let answer = can.write(work).await;
    // whose role or activity it was is not looked at: the next request of everybody asks again
    can.app().credentials.invalidate_all();
    answer
}

fn revert_event(tx: &mut WriteTx<'_>, id: Uuid) -> Result<Reversal> {
    let event = audit::find(tx, id)?.ok_or_else(Problem::not_found)?;
    let mut done = Reversal::default();
    if event.changes.as_object().is_none_or(Map::is_empty)
        && let Some(record_type) = RecordType::from_word(&event.record_type)
    {
        // a password, a sign-in, a refusal: nothing of it can be written back
        done.conflicts.push(left(record_type, event.record_id.unwrap_or_default()));
        return Ok(done);
    }
    tx.because(Some(format!("revert of {id}")));
    any(tx, &event.record_type, event.record_id.unwrap_or_default(), &|trace| trace.id == id, &mut done)?;
    Ok(done)
}

fn to_moment<T: Revertible>(tx: &mut WriteTx<'_>, id: Uuid, body: &RevertMoment) -> Result<Reversal> {
    if T::find(tx, id)?.is_none() {
        return Err(Problem::not_found());
    }
    let moment = body.checked()?;
    let mut done = Reversal::default();
    tx.because(Some(format!("revert of everything after {}", moment.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))));
    put_back::<T>(tx, id, &|trace| trace.at > moment, &mut done)?;
    Ok(done)
}

/// Records gone through in one request.
const SLICE: i64 = 20;

fn revert_slice(tx: &mut WriteTx<'_>, period: &Period, cursor: Option<&str>) -> Result<Reversal> {
    let after = match cursor {
        None => None,
        Some(cursor) => Some(Uuid::try_parse(cursor).map_err(|_| Problem::invalid("/cursor", FieldCode::InvalidCursor))?),
    };
    let touched = audit::touched(tx, period.actor, period.from, period.to, after, SLICE + 1)?;
    let most = usize::try_from(SLICE).unwrap_or_default();
    let mut done = Reversal::default();
    let instant = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    tx.because(Some(format!("revert of {}'s changes from {} to {}", period.actor, instant(period.from), instant(period.to))));
    let taken_back = |trace: &Trace| trace.actor == Some(period.actor) && (period.from..period.to).contains(&trace.at);
    for (record, id) in touched.iter().take(most) {
        any(tx, record, *id, &taken_back, &mut done)?;
    }
    done.next_cursor = touched.iter().take(most).next_back().filter(|_| touched.len() > most).map(|(_, id)| id.simple().to_string());
    Ok(done)
}

/// Which events are taken back.
type Choice<'a> = &'a dyn Fn(&Trace) -> bool;

fn any(tx: &mut WriteTx<'_>, record: &str, id: Uuid, choice: Choice<'_>, done: &mut Reversal) -> Result<()> {
    match RecordType::from_word(record) {
        Some(RecordType::Contact) => put_back::<Contact>(tx, id, choice, done),
        Some(RecordType::Company) => put_back::<Company>(tx, id, choice, done),
        Some(RecordType::Lead) => put_back::<Lead>(tx, id, choice, done),
        Some(RecordType::Deal) => put_back::<Deal>(tx, id, choice, done),
        Some(RecordType::Task) => put_back::<Task>(tx, id, choice, done),
        Some(RecordType::Communication) => put_back::<Communication>(tx, id, choice, done),
        Some(RecordType::Note) => put_back::<Note>(tx, id, choice, done),
        Some(RecordType::Form) => put_back::<Form>(tx, id, choice, done),
        Some(RecordType::User) => put_back::<User>(tx, id, choice, done),
        Some(RecordType::Role) => put_back::<Role>(tx, id, choice, done),
        Some(record_type) => {
            done.conflicts.push(left(record_type, id));
            Ok(())
        }
        None => Ok(()),
    }
}

fn left(record_type: RecordType, record_id: Uuid) -> RevertConflict {
    RevertConflict { record_type, record_id, field: None, reason: ConflictReason::NotRevertible }
}

/// Puts one record back, as far as it goes.
fn put_back<T: Revertible>(tx: &mut WriteTx<'_>, id: Uuid, choice: Choice<'_>, done: &mut Reversal) -> Result<()> {
    let conflict = |field: Option<String>, reason| RevertConflict { record_type: T::TYPE, record_id: id, field, reason };
    if tx.scope().changers(T::TYPE) != Owners::All {
        done.conflicts.push(conflict(None, ConflictReason::NotPermitted));
        return Ok(());
    }
    tx.hold(T::TYPE, id)?;
    let Some(before) = T::find(tx, id)? else {
        done.conflicts.push(conflict(None, ConflictReason::Gone));
        return Ok(());
    };
    let steps: Vec<Step> = audit::traces(tx, T::TYPE, id)?
        .into_iter()
        .skip_while(|trace| !choice(trace))
        .map(|trace| Step { taken_back: choice(&trace), made: trace.action == Action::Created.word(), changes: trace.changes })
        .collect();
    let mut plan = plan(&steps, &members(&before));
    let mut work = Work { tx, before, fields: Vec::new(), conflicts: Vec::new() };
    work.conflicts.extend(plan.changed_again.into_iter().map(|field| conflict(Some(field), ConflictReason::ChangedAgain)));
    for field in T::ONE_WAY {
        if plan.back.remove(*field).is_some() {
            work.conflict(Some((*field).to_owned()), ConflictReason::NotRevertible);
        }
    }
    let archiving = plan.back.remove(ARCHIVED_AT).map(|at| !at.is_null());
    if plan.unmade {
        work.unmake()?;
    } else {
        if archiving == Some(false) {
            work.restore()?;
        }
        if work.before.archived_at().is_some() {
            work.conflicts.extend(plan.back.into_keys().map(|field| conflict(Some(field), ConflictReason::Archived)));
        } else {
            work.change(plan.back.into_iter().collect())?;
        }
        if archiving == Some(true) {
            work.archive()?;
        }
    }
    let Work { fields, conflicts, .. } = work;
    if fields.is_empty() && conflicts.is_empty() {
        done.unchanged.push(UntouchedRecord { record_type: T::TYPE, record_id: id });
    } else if !fields.is_empty() {
        done.reverted.push(RevertedRecord { record_type: T::TYPE, record_id: id, fields });
    }
    done.conflicts.extend(conflicts);
    Ok(())
}

fn members<T: Record>(record: &T) -> Map<String, Value> {
    match serde_json::to_value(record) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// One record on its way back.
struct Work<'a, 'b, T> {
    tx: &'a mut WriteTx<'b>,
    before: T,
    fields: Vec<String>,
    conflicts: Vec<RevertConflict>,
}

impl<T: Revertible> Work<'_, '_, T> {
    fn conflict(&mut self, field: Option<String>, reason: ConflictReason) {
        self.conflicts.push(RevertConflict { record_type: T::TYPE, record_id: self.before.uuid(), field, reason });
    }

    fn unmake(&mut self) -> Result<()> {
        if !self.before.is_unmade() && (T::UNMADE != ARCHIVED_AT || self.may_archive()) {
            self.step(T::UNMADE, |tx, id| T::unmake(tx, id))?;
        }
        Ok(())
    }

    fn archive(&mut self) -> Result<()> {
        if self.before.archived_at().is_none() && self.may_archive() {
            self.step(ARCHIVED_AT, |tx, id| T::archive(tx, id))?;
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<()> {
        if self.before.archived_at().is_some() && self.may_archive() {
            self.step(ARCHIVED_AT, |tx, id| T::restore(tx, id))?;
        }
        Ok(())
    }

    fn may_archive(&mut self) -> bool {
        let may = self.tx.may(T::TYPE, Verb::Delete);
        if !may {
            self.conflict(Some(ARCHIVED_AT.to_owned()), ConflictReason::NotPermitted);
        }
        may
    }

    fn step(&mut self, field: &str, f: impl FnOnce(&mut WriteTx<'_>, Uuid) -> Result<T>) -> Result<()> {
        let id = self.before.uuid();
        match self.tx.attempt(|tx| f(tx, id)) {
            Ok(after) => {
                self.before = after;
                self.fields.push(field.to_owned());
                Ok(())
            }
            Err(problem) => {
                let reason = refused(problem)?.1;
                self.conflict(Some(field.to_owned()), reason);
                Ok(())
            }
        }
    }

    /// Writes the old values; those the rules refuse are left, and the rest is tried again without them.
    fn change(&mut self, mut back: Map<String, Value>) -> Result<()> {
        while !back.is_empty() {
            let before = self.before.clone();
            let problem = match self.tx.attempt(|tx| rewrite(tx, &before, &back)) {
                Ok(after) => {
                    self.fields.extend(difference(Some(&before), &after).into_iter().map(|(field, _)| field));
                    self.before = after;
                    return Ok(());
                }
                Err(problem) => problem,
            };
            let (named, reason) = refused(problem)?;
            let mut blamed: Vec<String> = back.keys().filter(|field| named.contains(field)).cloned().collect();
            if blamed.is_empty() {
                let meant = if reason == ConflictReason::Duplicate { T::IDENTITIES } else { T::RIGHTS };
                blamed = back.keys().filter(|field| meant.contains(&field.as_str())).cloned().collect();
            }
            if blamed.is_empty() {
                blamed = back.keys().cloned().collect();
            }
            for field in blamed {
                back.remove(&field);
                self.conflict(Some(field), reason);
            }
        }
        Ok(())
    }
}

/// The fields a refusal names and why; what is no refusal by a rule goes on being an error.
fn refused(problem: Problem) -> Result<(Vec<String>, ConflictReason)> {
    let forbids = matches!(problem.code, ProblemCode::FieldNotPermitted | ProblemCode::ExceedsOwnRights);
    if problem.transient || !(matches!(problem.code.status(), 409 | 422) || forbids) {
        return Err(problem);
    }
    let named = problem.errors.iter().filter_map(|e| e.pointer.split('/').nth(1).map(ToOwned::to_owned)).collect();
    let reason = match problem.code {
        ProblemCode::DuplicateFound => ConflictReason::Duplicate,
        ProblemCode::Archived => ConflictReason::Archived,
        ProblemCode::FieldNotPermitted => ConflictReason::NotPermitted,
        ProblemCode::ExceedsOwnRights => ConflictReason::ExceedsOwnRights,
        ProblemCode::LastAdministrator => ConflictReason::LastAdministrator,
        ProblemCode::RoleInUse => ConflictReason::RoleInUse,
        ProblemCode::RoleProtected => ConflictReason::RoleProtected,
        _ => ConflictReason::NotValid,
    };
    Ok((named, reason))
}

/// The record with old values, held against every rule of its room.
fn rewrite<T: Revertible>(tx: &mut WriteTx<'_>, before: &T, back: &Map<String, Value>) -> Result<T> {
    let mut members = members(before);
    members.extend(back.clone());
    let target: T = serde_json::from_value(Value::Object(members)).map_err(|_| Problem::new(ProblemCode::ValidationFailed))?;
    let settings = workspace::current(tx)?;
    // what no input carries (a result, a first response) comes from the old state itself
    let mut after: T = record::make_in(tx, &settings, &target.input(), Some(&target))?;
    let mut errors = FieldErrors::default();
    reference::check(tx, &after.references(), &before.references(), &mut errors)?;
    errors.finish()?;
    T::check(tx, &settings, before, &mut after)?;
    let after = record::store_change(tx, before, after, Action::Updated)?;
    T::follow(tx, before, &after)?;
    Ok(after)
}
