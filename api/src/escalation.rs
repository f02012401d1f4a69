//! The worker that looks after leads nobody reacts to. A wake-up per lead says when to look; what is due is done under the lead's lock, each
//! step once, whoever of several processes comes first.

use std::time::Duration;

use kartoteka_domain::{
    access::{RecordType, Scope},
    actor::ActorRef,
    assignment::decision::Occasion,
    escalation::{Step, title},
    id::{LeadId, UserId},
    lead::Lead,
    notification::NotificationKind as Kind,
    task::{NewTask, Priority},
    working_time::WorkingTime,
    workspace::Workspace,
};
use kartoteka_persistence::{
    Reading, Stored, WriteTx, escalation as store, user,
    workspace::{self, Wakeup},
};
use uuid::Uuid;

use crate::{
    app::App,
    assignment, clock,
    notification::{self, Facts, Notice},
    problem::Result,
    task,
};

/// What its wake-ups are called.
pub const KIND: &str = "escalation";

/// How long it sleeps.
const NAP: Duration = Duration::from_secs(2);

/// How long it waits after a failure.
const AFTER_FAILURE: i64 = 60;

/// How many leads are woken in one transaction when the settings change.
const SLICE: i64 = 200;

/// A new lead is looked after, where the workspace wants that.
pub fn watch(tx: &mut WriteTx<'_>, settings: &Workspace, lead: &Lead) -> Result<()> {
    let plan = settings.untouched_leads.plan(lead, &[], &WorkingTime::of(settings), tx.now());
    let due = if plan.now.is_empty() { plan.next } else { Some(tx.now()) };
    if let Some(due) = due {
        workspace::wake(tx, KIND, lead.id.uuid(), due)?;
    }
    Ok(())
}

/// New settings hold for the leads that wait already.
pub fn settings_changed(tx: &mut WriteTx<'_>) -> Result<()> {
    let (id, now) = (tx.workspace().uuid(), tx.now());
    Ok(workspace::wake(tx, KIND, id, now)?)
}

/// Runs until the application stops.
pub async fn run(app: App) {
    while !app.stopping() {
        match workspace::due(&app.store, KIND, clock::now(), 100).await {
            Ok(due) if due.is_empty() => tokio::time::sleep(NAP).await,
            Ok(due) => {
                for wakeup in due {
                    take_up(&app, wakeup).await;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "leads nobody reacts to are looked after later");
                tokio::time::sleep(NAP).await;
            }
        }
    }
}

async fn take_up(app: &App, wakeup: Wakeup) {
    let scope = Scope::of_the_server(wakeup.workspace, ActorRef::system());
    let done = if wakeup.id == wakeup.workspace.uuid() {
        spread(app, &scope, wakeup.id).await
    } else {
        let id = LeadId::new(wakeup.id);
        app.store.write(scope.clone(), clock::own_circumstances(), move |tx| look_after(tx, id)).await
    };
    let Err(problem) = done else { return };
    tracing::warn!(%problem, lead = %wakeup.id, "a lead nobody reacts to is looked after later");
    let later = clock::now() + chrono::Duration::seconds(AFTER_FAILURE);
    let noted: Result<()> =
        app.store.write(scope, clock::own_circumstances(), move |tx| Ok(workspace::wake(tx, KIND, wakeup.id, later)?)).await;
    if let Err(problem) = noted {
        tracing::error!(%problem, "a failure was not put off");
    }
}

/// Wakes every lead that waits, slice by slice: the settings are new.
async fn spread(app: &App, scope: &Scope, own: Uuid) -> Result<()> {
    let mut after = None;
    loop {
        let from = after;
        let last: Option<Uuid> = app
            .store
            .write(scope.clone(), clock::own_circumstances(), move |tx| -> Result<Option<Uuid>> {
                let ids = store::untouched(tx, from, SLICE)?;
                let now = tx.now();
                for id in &ids {
                    workspace::wake(tx, KIND, id.uuid(), now)?;
                }
                if ids.is_empty() {
                    workspace::settle(tx, own)?;
                }
                Ok(ids.last().map(|id| id.uuid()))
            })
            .await?;
        match last {
            Some(last) => after = Some(last),
            None => return Ok(()),
        }
    }
}

/// Does what is due about one lead, and says when to look again.
fn look_after(tx: &mut WriteTx<'_>, id: LeadId) -> Result<()> {
    tx.hold(RecordType::Lead, id.uuid())?;
    let settings = workspace::current(tx)?;
    let Some(mut lead) = Lead::find(tx, id.uuid())? else { return Ok(workspace::settle(tx, id.uuid())?) };
    let done = store::done(tx, id)?;
    let plan = settings.untouched_leads.plan(&lead, &done, &WorkingTime::of(&settings), tx.now());
    for step in plan.now {
        store::take(tx, id, step)?;
        lead = act(tx, &settings, lead, step)?;
    }
    match plan.next {
        Some(next) => workspace::wake(tx, KIND, id.uuid(), next)?,
        None => workspace::settle(tx, id.uuid())?,
    }
    Ok(())
}

fn act(tx: &mut WriteTx<'_>, settings: &Workspace, lead: Lead, step: Step) -> Result<Lead> {
    let minutes = (tx.now() - lead.received_at).num_minutes();
    match step {
        Step::Remind => {
            let owner = user::or_on_duty(tx, lead.owner_id)?;
            ask_for(tx, settings, &lead, step, owner)?;
            tell(tx, &lead, step, owner)?;
            Ok(lead)
        }
        Step::Head => {
            let told = head_of(tx, lead.owner_id)?;
            ask_for(tx, settings, &lead, step, told)?;
            tell(tx, &lead, step, told)?;
            Ok(lead)
        }
        Step::Reassign => {
            let present = lead.owner_id;
            let reason = format!("nobody reacted within {minutes} minutes");
            let lead = assignment::reassign(tx, lead, Occasion::Escalation, present, Some(&reason))?;
            // who has it now hears that it waits already; where nobody else could be found, whoever can find somebody does
            let told = match lead.owner_id.filter(|owner| Some(*owner) != present) {
                Some(owner) => Some(owner),
                None => head_of(tx, present)?,
            };
            tell(tx, &lead, step, told)?;
            Ok(lead)
        }
    }
}

/// The head of who is responsible, else an administrator.
fn head_of(tx: &mut WriteTx<'_>, responsible: Option<UserId>) -> Result<Option<UserId>> {
    let head = match responsible {
        Some(responsible) => user::head_of(tx, responsible)?,
        None => None,
    };
    Ok(user::or_on_duty(tx, head)?)
}

/// Who has to see to it is told.
fn tell(tx: &mut WriteTx<'_>, lead: &Lead, step: Step, whom: Option<UserId>) -> Result<()> {
    let Some(whom) = whom else { return Ok(()) };
    let minutes = (tx.now() - lead.received_at).num_minutes();
    let facts = Facts { minutes, passed: step != Step::Remind, ..Facts::default() };
    let cause = format!("{}:{}:{step}", Kind::LeadUntouched, lead.id);
    notification::tell(tx, whom, Notice { kind: Kind::LeadUntouched, cause, about: Some((RecordType::Lead, lead.id.uuid())), facts })?;
    Ok(())
}

/// A task for whoever has to see to it that the client is answered.
fn ask_for(tx: &mut WriteTx<'_>, settings: &Workspace, lead: &Lead, step: Step, owner: Option<UserId>) -> Result<()> {
    let Some(owner) = owner else { return Ok(()) };
    let input = NewTask {
        kind: Some(format!("untouched_{step}")),
        title: Some(title(step, settings.languages.first().map_or("en", String::as_str)).to_owned()),
        due_at: Some(tx.now()),
        owner_id: Some(owner),
        priority: Some(Priority::High),
        contact_id: Some(lead.contact_id),
        lead_id: Some(lead.id),
        ..NewTask::default()
    };
    task::plan(tx, settings, &input)?;
    Ok(())
}
