//! Always a next step, over HTTP: no request ends before the records it touched are looked at, and a list of those that have none.

use kartoteka_domain::{
    access::RecordType,
    id::{CompanyId, ContactId, DealId, LeadId, UserId},
    invalid::FieldCode,
    list::Page,
    next_step::{AttentionParams, AttentionType, Concern, Missing, Subject, is_left_without, is_worth_a_warning},
    record::{Input, Record, Warning},
    task::{NewTask, Task},
    working_time::WorkingTime,
    workspace::Policy,
};
use kartoteka_persistence::{Stored, WriteTx, next_step as store, user, workspace};

use crate::{
    answer::Answer,
    can::{Can, ReadLeads},
    problem::{Problem, Result},
    record,
    request::{Params, Patch},
    task,
};

/// Get the records without a next step
///
/// Open leads, open deals or customers without an open task that has a due time and an active responsible person, and without a stated
/// reason; as far as the asker sees them, oldest first.
#[utoipa::path(get, path = "/v1/attention", tag = "tasks")]
pub async fn get_attention(can: Can<ReadLeads>, params: Params<AttentionParams>) -> Answer<Page<Missing>> {
    can.read(move |tx| {
        let kind = match params.record_type.unwrap_or(AttentionType::Lead) {
            AttentionType::Lead => RecordType::Lead,
            AttentionType::Deal => RecordType::Deal,
            AttentionType::Contact => RecordType::Contact,
        };
        let limit = params.limit.unwrap_or_default().get();
        Ok(store::missing(tx, kind, limit, params.cursor.as_ref().map(|cursor| cursor.0.as_str()))?)
    })
    .await
}

/// Working time within which somebody decides what comes next, seconds.
const SOON: i64 = 3600;

/// How many records a person's leaving is looked through for.
const MOST_OF_A_PERSON: i64 = 20_000;

/// Looks at every record the transaction touched. With `require` one that is left without its next step refuses everything; with `warn` the
/// answer says so.
pub fn settle(tx: &mut WriteTx<'_>) -> Result<Vec<Warning>> {
    let mut steps = tx.take_next_steps();
    if steps.concerns.is_empty() && steps.dismissed.is_empty() {
        return Ok(Vec::new());
    }
    let settings = workspace::current(tx)?;
    let policies = &settings.policies.next_step;
    for person in &steps.dismissed {
        for subject in store::of_person(tx, *person, MOST_OF_A_PERSON)? {
            steps.concerns.entry(subject).or_insert(Concern::Tasks);
        }
    }
    let mut warned = false;
    for (subject, concern) in &steps.concerns {
        let policy = subject.policy(policies);
        let silent = warned || !is_worth_a_warning(*subject, *concern);
        if policy == Policy::Off || (policy == Policy::Warn && silent) {
            continue;
        }
        let Some(mut standing) = store::standing(tx, *subject)? else { continue };
        if !standing.has_step && steps.reason.is_some() && standing.reason != steps.reason {
            // stated for all of them; kept where it is needed and not yet kept
            store::refresh(tx, *subject, steps.reason.as_deref())?;
            let Some(now) = store::standing(tx, *subject)? else { continue };
            standing = now;
        }
        if !is_left_without(*subject, *concern, &standing) {
            continue;
        }
        if policy == Policy::Require {
            let pointer = if steps.dismissed.is_empty() { steps.pointer.unwrap_or("/next_task") } else { "/active" };
            return Err(Problem::invalid(pointer, FieldCode::NextStepRequired).given(&format!("{} {}", subject.record(), subject.uuid())));
        }
        warned = true;
    }
    Ok(if warned { vec![record::warning("next_step_missing", "this client has no next step now")] } else { Vec::new() })
}

/// The same for what comes from outside and is never refused, an enquiry or a call: where the workspace demands a next step and there is none,
/// one is made, for whoever is responsible, else for an administrator.
pub fn provide(tx: &mut WriteTx<'_>) -> Result<()> {
    let steps = tx.take_next_steps();
    let settings = workspace::current(tx)?;
    for (subject, concern) in steps.concerns {
        if subject.policy(&settings.policies.next_step) != Policy::Require {
            continue;
        }
        let Some(standing) = store::standing(tx, subject)? else { continue };
        if !is_left_without(subject, concern, &standing) {
            continue;
        }
        let (owner, contact_id) = store::responsible(tx, subject)?;
        let Some(owner) = user::or_on_duty(tx, owner)? else { continue };
        let (lead_id, deal_id) = match subject {
            Subject::Lead(id) => (Some(id), None),
            Subject::Deal(id) => (None, Some(id)),
            Subject::Contact(_) => (None, None),
        };
        let title = match settings.languages.first().map(String::as_str) {
            Some("ru") => "Определить следующий шаг",
            Some("uk") => "Визначити наступний крок",
            _ => "Decide on the next step",
        };
        let working = WorkingTime::of(&settings);
        let input = NewTask {
            title: Some(title.to_owned()),
            due_at: working.after(tx.now(), SOON).or(Some(tx.now())),
            owner_id: Some(owner),
            contact_id,
            lead_id,
            deal_id,
            ..NewTask::default()
        };
        task::plan(tx, &settings, &input)?;
    }
    drop(tx.take_next_steps());
    Ok(())
}

/// What a next step hangs on when the request does not say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Links {
    /// The client.
    pub contact_id: Option<ContactId>,
    /// The company.
    pub company_id: Option<CompanyId>,
    /// The lead.
    pub lead_id: Option<LeadId>,
    /// The deal.
    pub deal_id: Option<DealId>,
    /// Who does it.
    pub owner_id: Option<UserId>,
}

/// Makes the next step a request brought along.
pub fn plan(tx: &mut WriteTx<'_>, next: Option<&NewTask>, links: Links) -> Result<Option<Task>> {
    let Some(next) = next else { return Ok(None) };
    let input = NewTask {
        contact_id: next.contact_id.or(links.contact_id),
        company_id: next.company_id.or(links.company_id),
        lead_id: next.lead_id.or(links.lead_id),
        deal_id: next.deal_id.or(links.deal_id),
        owner_id: next.owner_id.or(links.owner_id),
        ..next.clone()
    };
    let made = task::create(tx, &input).map_err(|mut problem| {
        for error in &mut problem.errors {
            error.pointer = format!("/next_task{}", error.pointer);
        }
        problem
    })?;
    Ok(Some(made.record))
}

/// What a request says of what comes next: never part of a record.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sent<'a> {
    /// The next step.
    pub task: Option<&'a NewTask>,
    /// Why there is none.
    pub reason: Option<&'a str>,
}

impl<'a> Sent<'a> {
    /// What a request names.
    pub fn new(task: Option<&'a NewTask>, reason: Option<&'a str>) -> Self {
        Self { task, reason }
    }
}

/// What a change says of it.
pub struct InPatch(Option<NewTask>, Option<String>);

impl InPatch {
    /// Reads it.
    pub fn of<I: Input>(patch: &Patch<I>) -> Result<Self> {
        Ok(Self(patch.part("next_task")?, patch.part("no_next_step_reason")?))
    }
    /// The same as any request says it.
    pub fn sent(&self) -> Sent<'_> {
        Sent::new(self.0.as_ref(), self.1.as_deref())
    }
}

/// Makes the next step of a record, or keeps the reason why it has none; answers the record as it is afterwards.
pub fn follow<T: Stored>(tx: &mut WriteTx<'_>, record: T, subject: Subject, sent: Sent<'_>, links: Links) -> Result<T> {
    let Sent { task: next, reason } = sent;
    tx.explain_next_step(reason, "/next_task");
    plan(tx, next, links)?;
    let reason = kartoteka_domain::invalid::line(reason);
    if reason.is_some() {
        store::refresh(tx, subject, reason.as_deref())?;
    }
    if next.is_none() && reason.is_none() {
        return Ok(record);
    }
    // whoever may not read what he made still gets it as it was made
    let Some(mut after) = T::find(tx, Record::uuid(&record))? else { return Ok(record) };
    record.warned().iter().for_each(|warning| after.warn(warning.clone()));
    Ok(after)
}
