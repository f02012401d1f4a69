//! Hints: what to do with a client now, each with its reason. Computed from what is known of him; nothing is stored.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    access::RecordType,
    communication::{Communication, CommunicationStatus, Direction},
    contact::Contact,
    deal::{Deal, movement::legal_moves, stuck},
    id::UserId,
    lead::{Lead, LeadStatus},
    pipeline::{Pipeline, stage::StageKind},
    record::Record,
    task::Task,
};

words! {
    /// What a hint advises. Open to additions.
    pub enum HintCode {
        /// Something was promised for a time that has passed.
        OverduePromise = "overdue_promise",
        /// The client called and nobody answered.
        CallBack = "call_back",
        /// An enquiry nobody has reacted to.
        UntouchedLead = "untouched_lead",
        /// The responsible person to connect the client with.
        ConnectTo = "connect_to",
        /// There is no next step.
        PlanNextStep = "plan_next_step",
        /// A deal does not move.
        StuckDeal = "stuck_deal",
        /// A field the deal needs for its next stage.
        MissingField = "missing_field",
        /// A step of the stage's checklist that is not done.
        ChecklistStep = "checklist_step",
        /// What to say in this stage.
        Script = "script",
        /// The card has no phone and no e-mail.
        NoContactPoint = "no_contact_point",
        /// The next step that is planned.
        NextStep = "next_step",
    }
}

/// One piece of advice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hint {
    /// What kind of advice.
    #[schema(required = true)]
    pub code: HintCode,
    /// The advice in words: a task's title, a script, a field.
    #[schema(required = true)]
    pub text: String,
    /// Why, in the language of the business.
    #[schema(required = true)]
    pub reason: String,
    /// The record it is about.
    #[schema(required = true)]
    pub record_type: RecordType,
    /// Its id.
    #[schema(required = true)]
    pub record_id: Uuid,
    /// Whom to turn to.
    #[schema(required = true)]
    pub user_id: Option<UserId>,
    /// By when, or since when.
    #[schema(required = true)]
    pub at: Option<DateTime<Utc>>,
}

/// What is known of a client.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The card.
    pub contact: &'a Contact,
    /// Open tasks, earliest first.
    pub tasks: &'a [Task],
    /// Open leads.
    pub leads: &'a [Lead],
    /// Open deals.
    pub deals: &'a [Deal],
    /// Their pipelines.
    pub pipelines: &'a [Pipeline],
    /// The last communications, newest first.
    pub communications: &'a [Communication],
    /// Language of the business.
    pub language: &'a str,
    /// Now.
    pub now: DateTime<Utc>,
}

/// How many hints there are at most: more is no advice.
pub const MOST_HINTS: usize = 20;

/// The hints, the most urgent first.
pub fn hints(facts: &Facts<'_>) -> Vec<Hint> {
    let mut hints = Vec::new();
    let pick = |[en, ru, uk]: [&str; 3]| match facts.language {
        "ru" => ru.to_owned(),
        "uk" => uk.to_owned(),
        _ => en.to_owned(),
    };
    let on = |code: HintCode, text: String, reason: String, record_type: RecordType, record_id: Uuid| Hint {
        code,
        text,
        reason,
        record_type,
        record_id,
        user_id: None,
        at: None,
    };
    for task in facts.tasks.iter().filter(|task| task.due_at.is_some_and(|due| due < facts.now)) {
        let reason = pick(["it was due and is not done", "срок прошёл, а дело не сделано", "термін минув, а справу не зроблено"]);
        hints.push(Hint {
            user_id: Some(task.owner_id),
            at: task.due_at,
            ..on(HintCode::OverduePromise, task.title.clone(), reason, Task::TYPE, task.uuid())
        });
    }
    let talks = || facts.communications.iter();
    if let Some(missed) = talks().find(|c| c.direction == Direction::Inbound && c.status == CommunicationStatus::Missed)
        && !talks().any(|c| c.status == CommunicationStatus::Done && c.occurred_at > missed.occurred_at)
    {
        let text = pick(["Call back", "Перезвонить", "Передзвонити"]);
        let reason =
            pick(["the client called and nobody answered", "клиент звонил, никто не ответил", "клієнт телефонував, ніхто не відповів"]);
        hints.push(Hint { at: Some(missed.occurred_at), ..on(HintCode::CallBack, text, reason, Communication::TYPE, missed.uuid()) });
    }
    for lead in facts.leads.iter().filter(|lead| lead.status == LeadStatus::New) {
        let text = lead.title.clone().unwrap_or_else(|| pick(["Answer the enquiry", "Ответить на обращение", "Відповісти на звернення"]));
        let reason = pick([
            "nobody has reacted to the enquiry yet",
            "на обращение ещё никто не отреагировал",
            "на звернення ще ніхто не відреагував",
        ]);
        hints.push(Hint {
            user_id: lead.owner_id,
            at: Some(lead.received_at),
            ..on(HintCode::UntouchedLead, text, reason, Lead::TYPE, lead.uuid())
        });
    }
    if let Some(owner) = facts.contact.owner_id {
        let text = pick(["Connect with the responsible person", "Соединить с ответственным", "З'єднати з відповідальним"]);
        let reason = pick(["responsible for this client", "отвечает за этого клиента", "відповідає за цього клієнта"]);
        hints.push(Hint { user_id: Some(owner), ..on(HintCode::ConnectTo, text, reason, Contact::TYPE, facts.contact.uuid()) });
    }
    if facts.tasks.iter().all(|task| task.due_at.is_none()) {
        let text = pick(["Agree on the next step", "Договориться о следующем шаге", "Домовитися про наступний крок"]);
        let reason = pick(["no open task has a due time", "нет открытой задачи со сроком", "немає відкритої задачі з терміном"]);
        hints.push(on(HintCode::PlanNextStep, text, reason, Contact::TYPE, facts.contact.uuid()));
    }
    for deal in facts.deals {
        if let Some(pipeline) = facts.pipelines.iter().find(|pipeline| pipeline.id == deal.pipeline_id) {
            of_deal(deal, pipeline, facts.now, &pick, &mut hints);
        }
    }
    if facts.contact.phones.is_empty() && facts.contact.emails.is_empty() {
        let text = pick(["Ask for a phone or an e-mail", "Узнать телефон или почту", "Дізнатися телефон або пошту"]);
        let reason = pick(["the card has neither", "в карточке нет ни того, ни другого", "у картці немає ні того, ні іншого"]);
        hints.push(on(HintCode::NoContactPoint, text, reason, Contact::TYPE, facts.contact.uuid()));
    }
    if let Some(next) = facts.tasks.iter().find(|task| task.due_at.is_some_and(|due| due >= facts.now)) {
        let reason = pick(["the earliest open task", "ближайшая открытая задача", "найближча відкрита задача"]);
        hints.push(Hint {
            user_id: Some(next.owner_id),
            at: next.due_at,
            ..on(HintCode::NextStep, next.title.clone(), reason, Task::TYPE, next.uuid())
        });
    }
    hints.truncate(MOST_HINTS);
    hints
}

/// What a deal's stage advises: its script and checklist, what it lacks for the next one, whether it is stuck.
fn of_deal(deal: &Deal, pipeline: &Pipeline, now: DateTime<Utc>, pick: &dyn Fn([&str; 3]) -> String, hints: &mut Vec<Hint>) {
    let Some(stage) = pipeline.stage(deal.stage_id) else { return };
    let mut add = |code: HintCode, text: String, reason: String, at: Option<DateTime<Utc>>| {
        hints.push(Hint { code, text, reason, record_type: Deal::TYPE, record_id: deal.uuid(), user_id: deal.owner_id, at });
    };
    for stuck in stuck::reasons(deal, pipeline.silent_after_days, now) {
        let reason = match stuck.code {
            stuck::StuckCode::OverTimeLimit => {
                pick(["longer in its stage than the stage allows", "дольше на этапе, чем он допускает", "довше на етапі, ніж він допускає"])
            }
            stuck::StuckCode::NoNextStep => {
                pick(["the deal has no next step", "у сделки нет следующего шага", "в угоди немає наступного кроку"])
            }
            stuck::StuckCode::Silent => pick(["nobody talked about it for long", "о ней давно не говорили", "про неї давно не говорили"]),
        };
        add(HintCode::StuckDeal, deal.name.clone(), reason, Some(stuck.since));
    }
    let next = legal_moves(deal, pipeline, false)
        .into_iter()
        .find(|to| to.kind != StageKind::Lost && pipeline.place(to.stage_id) > pipeline.place(stage.id));
    for field in next.iter().flat_map(|to| &to.missing_fields) {
        let wanted = next.as_ref().map_or("", |to| to.name.as_str());
        let reason = pick(["needed for the stage", "нужно для этапа", "потрібно для етапу"]);
        add(HintCode::MissingField, field.word().to_owned(), format!("{reason} «{wanted}»"), None);
    }
    for step in stage.checklist.iter().filter(|step| !deal.checked.contains(&step.id)) {
        let reason = pick(["on the checklist of the stage", "в списке дел этапа", "у списку справ етапу"]);
        add(HintCode::ChecklistStep, step.text.clone(), format!("{reason} «{}»", stage.name), None);
    }
    if let Some(script) = &stage.script {
        let reason = pick(["the script of the stage", "скрипт этапа", "скрипт етапу"]);
        add(HintCode::Script, script.clone(), format!("{reason} «{}»", stage.name), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actor::ActorRef,
        contact::NewContact,
        id::ContactId,
        record::{Birth, Made, Making},
        task::NewTask,
    };

    fn made<T: Made>(input: &T::Input, number: u128) -> T {
        let birth = Birth { id: Uuid::from_u128(number), at: "2026-11-22T10:00:00Z".parse().unwrap(), by: ActorRef::system() };
        let making = Making { birth: &birth, workspace: None, fresh_id: &Uuid::nil, asker: Some(UserId::new(Uuid::from_u128(9))) };
        T::make(input, None, &making).unwrap()
    }

    fn codes(tasks: &[Task], now: &str) -> Vec<HintCode> {
        let contact: Contact = made(&NewContact { last_name: Some("Блок".into()), ..NewContact::default() }, 1);
        let facts = Facts {
            contact: &contact,
            tasks,
            leads: &[],
            deals: &[],
            pipelines: &[],
            communications: &[],
            language: "ru",
            now: now.parse().unwrap(),
        };
        hints(&facts).into_iter().map(|hint| hint.code).collect()
    }

    #[test]
    fn what_was_promised_comes_first_and_a_client_without_a_plan_gets_one() {
        let input = NewTask {
            title: Some("Перезвонить".into()),
            due_at: "2026-11-22T12:00:00Z".parse().ok(),
            contact_id: Some(ContactId::new(Uuid::from_u128(1))),
            ..NewTask::default()
        };
        let task: Task = made(&input, 2);
        let (person, missing) = (HintCode::ConnectTo, HintCode::NoContactPoint);
        assert_eq!(codes(std::slice::from_ref(&task), "2026-11-22T11:00:00Z"), [person, missing, HintCode::NextStep]);
        assert_eq!(codes(&[task], "2026-11-22T13:00:00Z"), [HintCode::OverduePromise, person, missing]);
        assert_eq!(codes(&[], "2026-11-22T11:00:00Z"), [person, HintCode::PlanNextStep, missing]);
    }
}
