//! Rules of assignment over HTTP, and the one place that asks them.

use kartoteka_domain::{
    access::{RecordType, Verb},
    assignment::{
        Assignment, Candidate, Choice, choose_instead,
        decision::{AssignmentDecision, ListAssignmentDecisions, Occasion, Question, Verdict, decide},
        rule::{AssignmentMethod, AssignmentRule, Facts, ListAssignmentRules, NewAssignmentRule},
    },
    contact::{Contact, Identity},
    deal::turnover::Turnover,
    department::subtree,
    event::Action,
    form::Form,
    id::{AssignmentRuleId, LeadId, UserId},
    lead::Lead,
    list::Page,
    task::Task,
};
use kartoteka_persistence::{
    Reading, Stored, WriteTx,
    assignment::{self as turns, decision as ledger, rule as store},
    contact as contacts, deal, department, duplicate, task as tasks, user,
};
use uuid::Uuid;

use crate::{
    answer::{Answer, Found},
    can::{Can, ReadLeads, UpdateLeads},
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, IfMatch, Params},
};

crud! { AssignmentRule, NewAssignmentRule, ListAssignmentRules; "assignment", "/v1/assignment-rules", "/v1/assignment-rules/{id}", "/v1/assignment-rules/{id}/restore";
    list list_assignment_rules "List rules of assignment", get get_assignment_rule "Get a rule of assignment", read ReadWorkspace;
    create create_assignment_rule "Create a rule of assignment", right CreateWorkspace, by crate::crud::create::<AssignmentRule>;
    update update_assignment_rule "Change a rule of assignment", right UpdateWorkspace, by crate::crud::update::<AssignmentRule>;
    archive archive_assignment_rule "Archive a rule of assignment", by record::archive::<AssignmentRule>;
    restore restore_assignment_rule "Restore a rule of assignment", by record::restore::<AssignmentRule>;
}

/// List decisions of assignment
///
/// Who became responsible for an enquiry, by which rule, and why nobody else did.
#[utoipa::path(get, path = "/v1/assignment-decisions", tag = "assignment")]
pub async fn list_assignment_decisions(can: Can<ReadLeads>, params: Params<ListAssignmentDecisions>) -> Answer<Page<AssignmentDecision>> {
    can.read(move |tx| {
        // whoever may not be told who is responsible is not told why
        if tx.scope().actor().role().fields.hides(RecordType::Lead, "owner_id") {
            return Ok(Page { data: Vec::new(), next_cursor: None, total: params.include_total.filter(|wanted| *wanted).map(|_| 0) });
        }
        Ok(ledger::list(tx, &params)?)
    })
    .await
}

/// Assign a lead
///
/// Chooses the responsible person anew, by the workspace's rules; open tasks of the lead that were the former one's are his, too. Where they find
/// nobody, everything stays as it is, with a warning.
#[utoipa::path(post, path = "/v1/leads/{id}/assign", tag = "leads")]
pub async fn assign_lead(can: Can<UpdateLeads>, at: At<Lead>, if_match: IfMatch) -> Answer<Found<Lead>> {
    can.write(move |tx| {
        if !tx.may(RecordType::Lead, Verb::Assign) {
            return Err(Problem::new(ProblemCode::Forbidden));
        }
        let before: Lead = record::get_in_use(tx, at.0, &if_match)?;
        let former = before.owner_id;
        let after = reassign(tx, before, Occasion::Request, None, None)?;
        take_over(tx, &after, former)?;
        Ok(Found(after))
    })
    .await
}

/// What the former person was to do about a lead is the new one's to do. An escalation leaves it to the former one, who was reminded.
fn take_over(tx: &mut WriteTx<'_>, lead: &Lead, former: Option<UserId>) -> Result<()> {
    let Some(owner) = lead.owner_id.filter(|owner| Some(*owner) != former) else { return Ok(()) };
    tx.because(lead.assignment_reason.clone());
    for task in tasks::open_of_lead(tx, lead.id)? {
        if Some(task.owner_id) == former {
            record::store_change(tx, &task, Task { owner_id: owner, ..task.clone() }, Action::Assigned)?;
        }
    }
    tx.because(None);
    Ok(())
}

/// What the rules said, and whose words they were.
pub struct Asked {
    /// The verdict.
    pub verdict: Verdict,
    /// The rule that decided.
    pub rule: Option<(AssignmentRuleId, String, AssignmentMethod)>,
    seed: i64,
}

impl Asked {
    /// A decision that was made without the rules.
    pub fn otherwise(tx: &WriteTx<'_>, user: Option<UserId>, reason: String) -> Self {
        Self { verdict: Verdict { rule: None, user, reason, candidates: Vec::new() }, rule: None, seed: seed(tx) }
    }
}

fn seed(tx: &WriteTx<'_>) -> i64 {
    // what every reader of JSON holds exactly
    i64::try_from(tx.fresh_id().as_u128() & ((1 << 52) - 1)).unwrap_or(0)
}

/// Asks the workspace's rules; `None` when there are none. Two that ask at once take turns, so that a round stays fair.
pub fn ask(tx: &mut WriteTx<'_>, facts: &Facts<'_>, except: Option<UserId>) -> Result<Option<Asked>> {
    let mut rules = store::in_order(tx)?;
    if rules.is_empty() {
        return Ok(None);
    }
    // asked only where a rule wants to know; what a client bought counts whoever sold it
    let bought = match facts.client.filter(|_| rules.iter().any(|(rule, _)| rule.conditions.turnover.is_some())) {
        Some(client) => deal::turnover::regardless(tx, client)?,
        None => Turnover::default(),
    };
    let facts = &Facts { turnover: Some(&bought), ..facts.clone() };
    let fitting = |rules: Vec<(AssignmentRule, Option<UserId>)>| -> Vec<_> {
        rules.into_iter().filter(|(rule, _)| rule.conditions.fit(facts)).collect()
    };
    rules = fitting(rules);
    if rules.iter().any(|(rule, _)| matches!(rule.method, AssignmentMethod::RoundRobin | AssignmentMethod::LeastLoaded)) {
        duplicate::lock(tx, &[Identity { kind: "assignment", value: String::new() }])?;
        rules = fitting(store::in_order(tx)?);
    }
    let mut questions = Vec::new();
    for (rule, last) in &rules {
        let people = match rule.department_id {
            Some(department) if rule.user_ids.is_empty() => {
                let inside = subtree(department, &department::tree(tx)?);
                user::of_departments(tx, &inside)?
            }
            _ => rule.user_ids.clone(),
        };
        questions.push(Question { rule, people, last: *last });
    }
    let mut ids: Vec<Uuid> =
        questions.iter().flat_map(|q| q.people.iter().map(|id| id.uuid())).chain(facts.present.map(UserId::uuid)).collect();
    ids.sort_unstable();
    ids.dedup();
    let workers = ledger::workers(tx, &ids)?;
    let seed = seed(tx);
    let verdict = decide(facts, &questions, &workers, except, seed, tx.now());
    let decided = verdict.rule.and_then(|place| rules.get(place)).map(|(rule, _)| (rule.id, rule.name.clone(), rule.method));
    if let (Some((id, _, AssignmentMethod::RoundRobin)), Some(user)) = (&decided, verdict.user) {
        store::set_last(tx, *id, user)?;
    }
    Ok(Some(Asked { verdict, rule: decided, seed }))
}

/// Asks a form's own assignment: `choose` knows the people it names and `present`, and whose turn it is.
pub fn ask_form(
    tx: &mut WriteTx<'_>,
    form: &Form,
    present: Option<UserId>,
    choose: impl FnOnce(&[Candidate], i64) -> Choice,
) -> Result<Choice> {
    let mut ids: Vec<Uuid> = present.iter().map(|id| id.uuid()).collect();
    match &form.assignment {
        Some(Assignment::User(one)) => ids.push(one.user_id.uuid()),
        Some(Assignment::RoundRobin(round)) => ids.extend(round.user_ids.iter().map(|id| id.uuid())),
        None => {}
    }
    let people = user::candidates(tx, &ids)?;
    let turn = match &form.assignment {
        Some(Assignment::RoundRobin(_)) => turns::turn(tx, form.id)?,
        _ => 0,
    };
    let choice = choose(&people, turn);
    if choice.turn != turn {
        turns::set_turn(tx, form.id, choice.turn)?;
    }
    Ok(choice)
}

/// The other people of the form an enquiry came by, where the rules find nobody.
fn ask_others_of_the_form(tx: &mut WriteTx<'_>, lead: &Lead, except: Option<UserId>, asked: Asked) -> Result<Asked> {
    let form = match lead.form_id {
        Some(id) => Form::find(tx, id.uuid())?.filter(|form| form.assignment.is_some()),
        None => None,
    };
    let Some(form) = form else { return Ok(asked) };
    let now = tx.now();
    let choice = ask_form(tx, &form, None, |people, turn| choose_instead(except, form.assignment.as_ref(), people, turn, now))?;
    if choice.user.is_some() {
        return Ok(Asked::otherwise(tx, choice.user, choice.reason));
    }
    let reason = format!("{}; {}", asked.verdict.reason, choice.reason);
    Ok(Asked { verdict: Verdict { reason, ..asked.verdict }, ..asked })
}

/// Writes a decision into the ledger.
pub fn note(tx: &mut WriteTx<'_>, lead_id: LeadId, occasion: Occasion, asked: Asked) -> Result<()> {
    let (rule_id, rule_name, method) = match asked.rule {
        Some((id, name, method)) => (Some(id), Some(name), Some(method)),
        None => (None, None, None),
    };
    let decision = AssignmentDecision {
        id: tx.fresh_id(),
        at: tx.now(),
        lead_id,
        occasion,
        rule_id,
        rule_name,
        method,
        user_id: asked.verdict.user,
        reason: asked.verdict.reason,
        candidates: asked.verdict.candidates,
        seed: asked.seed,
    };
    Ok(ledger::keep(tx, &decision)?)
}

/// What the rules ask about a client and his enquiry.
pub fn facts<'a>(contact: &'a Contact, lead: Option<&'a Lead>) -> Facts<'a> {
    let address = contact.address.as_ref();
    Facts {
        source_id: lead.map_or(contact.source_id, |lead| lead.source_id),
        form_id: lead.and_then(|lead| lead.form_id),
        phones: contact.phones.iter().map(|phone| phone.e164.as_str()).collect(),
        region: address.and_then(|a| a.region.as_deref()),
        city: address.and_then(|a| a.city.as_deref()),
        answers: lead.map(|lead| &lead.answers),
        present: contact.owner_id,
        client: Some(contact.id),
        turnover: None,
    }
}

/// Chooses anew for a lead that is held, and says so in the ledger.
pub fn reassign(tx: &mut WriteTx<'_>, before: Lead, occasion: Occasion, except: Option<UserId>, why: Option<&str>) -> Result<Lead> {
    tx.hold(RecordType::Contact, before.contact_id.uuid())?;
    let contact = contacts::find_regardless(tx, before.contact_id.uuid())?.ok_or_else(|| Problem::internal("a lead without its card"))?;
    let mut asked = match ask(tx, &facts(&contact, Some(&before)), except)? {
        Some(asked) => asked,
        None => Asked::otherwise(tx, None, "there are no rules".to_owned()),
    };
    if asked.verdict.user.is_none() && occasion == Occasion::Escalation {
        asked = ask_others_of_the_form(tx, &before, except, asked)?;
    }
    let mut after = before.clone();
    if let Some(user) = asked.verdict.user {
        after.owner_id = Some(user);
        let reason = why.map_or_else(|| asked.verdict.reason.clone(), |why| format!("{why}; {}", asked.verdict.reason));
        after.assignment_reason = Some(reason.clone());
        if contact.owner_id.is_none() {
            let given = Contact { owner_id: Some(user), ..contact.clone() };
            record::store_change(tx, &contact, given, Action::Assigned)?;
        }
        tx.because(Some(reason));
        after = record::store_change(tx, &before, after, Action::Assigned)?;
        tx.because(None);
    } else {
        kartoteka_domain::record::Record::warn(&mut after, record::warning("nobody_available", &asked.verdict.reason));
    }
    note(tx, after.id, occasion, asked)?;
    Ok(after)
}
