//! Stages: their meaning, their limits and their playbook.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    contact::slice,
    id::{ChecklistStepId, StageId, UserId},
    invalid::{FieldCode, FieldErrors, line, prose},
    record::Making,
};

/// Most stages of a pipeline.
pub const MOST_STAGES: usize = 30;

words! {
    /// What a stage means.
    pub enum StageKind {
        /// The deal is being worked on.
        Open = "open",
        /// The client bought.
        Won = "won",
        /// The client did not.
        Lost = "lost",
    }
}

words! {
    /// A field of a deal that a stage can ask for.
    pub enum DealRequirement {
        /// The amount.
        Amount = "amount",
        /// At least one line item.
        LineItems = "line_items",
        /// The expected close.
        ExpectedCloseOn = "expected_close_on",
        /// The company.
        CompanyId = "company_id",
        /// At least one contact.
        Contacts = "contacts",
        /// The responsible user.
        OwnerId = "owner_id",
        /// The source.
        SourceId = "source_id",
        /// The client's budget.
        Budget = "budget",
        /// A comment.
        Comment = "comment",
    }
}

/// One step of a stage's checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChecklistStep {
    /// Its id; a deal's `checked` names it.
    #[schema(required = true)]
    pub id: ChecklistStepId,
    /// What to do.
    #[schema(required = true)]
    pub text: String,
    /// Whether the stage cannot be left forward without it.
    #[schema(required = true)]
    pub required: bool,
}

/// One stage of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stage {
    /// Its id.
    #[schema(required = true)]
    pub id: StageId,
    /// Its name.
    #[schema(required = true)]
    pub name: String,
    /// What it means.
    #[schema(required = true)]
    pub kind: StageKind,
    /// How likely a deal here is won, percent.
    #[schema(required = true)]
    pub probability: i32,
    /// How long a deal may stay here, seconds.
    #[schema(required = true)]
    pub time_limit_seconds: Option<i64>,
    /// How long before the limit to remind, seconds.
    #[schema(required = true)]
    pub remind_before_seconds: Option<i64>,
    /// Fields a deal must have to enter.
    #[schema(required = true)]
    pub required_fields: Vec<DealRequirement>,
    /// What to do here.
    #[schema(required = true)]
    pub checklist: Vec<ChecklistStep>,
    /// What to say here: the playbook.
    #[schema(required = true)]
    pub script: Option<String>,
    /// Who is responsible for this stage beside the deal's own person.
    #[schema(required = true)]
    pub owner_id: Option<UserId>,
}

/// One step of a checklist as it is sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChecklistStepInput {
    /// Id of a step that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ChecklistStepId>,
    /// What to do.
    #[validate(length(max = 300))]
    #[schema(max_length = 300)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether the stage cannot be left forward without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
}

/// One stage as it is sent. In a change, a stage with a known `id` keeps what it leaves out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StageInput {
    /// Id of a stage that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<StageId>,
    /// Its name.
    #[validate(length(max = 100))]
    #[schema(max_length = 100)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it means; `open` when absent. Exactly one stage is won, one is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<StageKind>,
    /// How likely a deal here is won, percent.
    #[validate(range(min = 0, max = 100))]
    #[schema(minimum = 0, maximum = 100)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<i32>,
    /// How long a deal may stay here, seconds; 0 for no limit.
    #[validate(range(min = 0, max = 315_360_000))]
    #[schema(minimum = 0, maximum = 315_360_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit_seconds: Option<i64>,
    /// How long before the limit to remind, seconds, no more than the limit; 0 for not at all.
    #[validate(range(min = 0, max = 315_360_000))]
    #[schema(minimum = 0, maximum = 315_360_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_before_seconds: Option<i64>,
    /// Fields a deal must have to enter.
    #[validate(length(max = 20))]
    #[schema(max_items = 20)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_fields: Option<Vec<DealRequirement>>,
    /// What to do here.
    #[validate(length(max = 50), nested)]
    #[schema(max_items = 50)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checklist: Option<Vec<ChecklistStepInput>>,
    /// What to say here: the playbook.
    #[validate(length(max = 20_000))]
    #[schema(max_length = 20_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Who is responsible for this stage beside the deal's own person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
}

impl From<&Stage> for StageInput {
    fn from(s: &Stage) -> Self {
        let step =
            |step: &ChecklistStep| ChecklistStepInput { id: Some(step.id), text: Some(step.text.clone()), required: Some(step.required) };
        Self {
            id: Some(s.id),
            name: Some(s.name.clone()),
            kind: Some(s.kind),
            probability: Some(s.probability),
            time_limit_seconds: Some(s.time_limit_seconds.unwrap_or(0)),
            remind_before_seconds: Some(s.remind_before_seconds.unwrap_or(0)),
            required_fields: Some(s.required_fields.clone()),
            checklist: Some(s.checklist.iter().map(step).collect()),
            script: s.script.clone(),
            owner_id: s.owner_id,
        }
    }
}

fn checklist(
    at: &str,
    inputs: &[ChecklistStepInput],
    old: &[ChecklistStep],
    making: &Making<'_>,
    errors: &mut FieldErrors,
) -> Vec<ChecklistStep> {
    let mut steps: Vec<ChecklistStep> = Vec::with_capacity(inputs.len());
    for (index, input) in inputs.iter().enumerate() {
        let known = input.id.and_then(|id| old.iter().find(|step| step.id == id));
        if input.id.is_some() && (known.is_none() || steps.iter().any(|step| Some(step.id) == input.id)) {
            errors.add(format!("{at}/{index}/id"), FieldCode::ReferenceNotFound);
            continue;
        }
        let text = super::named(input.text.as_deref(), known.map(|step| &step.text));
        if text.is_empty() {
            errors.add(format!("{at}/{index}/text"), FieldCode::Required);
        }
        steps.push(ChecklistStep {
            id: known.map_or_else(|| ChecklistStepId::new((making.fresh_id)()), |step| step.id),
            text,
            required: input.required.unwrap_or(known.is_some_and(|step| step.required)),
        });
    }
    steps
}

/// The stages of a pipeline from what was sent: open ones first, then won, then lost; every fault noted.
pub fn stages(inputs: &[StageInput], old: &[Stage], making: &Making<'_>, errors: &mut FieldErrors) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::with_capacity(inputs.len());
    if inputs.len() > MOST_STAGES {
        errors.add_with("/stages", FieldCode::TooLong, MOST_STAGES.to_string());
        return stages;
    }
    for (index, input) in inputs.iter().enumerate() {
        let at = |field: &str| format!("/stages/{index}/{field}");
        let known = input.id.and_then(|id| old.iter().find(|stage| stage.id == id));
        if input.id.is_some() && known.is_none() {
            errors.add(at("id"), FieldCode::ReferenceNotFound);
            continue;
        }
        if stages.iter().any(|stage| Some(stage.id) == input.id) {
            errors.add(at("id"), FieldCode::AlreadyTaken);
            continue;
        }
        let name = super::named(input.name.as_deref(), known.map(|k| &k.name));
        if name.is_empty() {
            errors.add(at("name"), FieldCode::Required);
        } else if stages.iter().any(|stage| stage.name.to_lowercase() == name.to_lowercase()) {
            errors.add_with(at("name"), FieldCode::AlreadyTaken, &name);
        }
        let kind = input.kind.or(known.map(|k| k.kind)).unwrap_or(StageKind::Open);
        // deals carry the meaning of their stage: it cannot change under them
        if known.is_some_and(|k| k.kind != kind) {
            errors.add(at("kind"), FieldCode::Unchangeable);
        }
        let mut required_fields = input.required_fields.clone().or_else(|| known.map(|k| k.required_fields.clone())).unwrap_or_default();
        required_fields.sort_unstable();
        required_fields.dedup();
        let old_steps = known.map_or(&[][..], |k| k.checklist.as_slice());
        let checklist = match &input.checklist {
            Some(given) => checklist(&at("checklist"), slice(Some(given)), old_steps, making, errors),
            None => old_steps.to_vec(),
        };
        let limit = |given: Option<i64>, was: Option<i64>| given.or(was).filter(|seconds| *seconds > 0);
        let time_limit_seconds =
            limit(input.time_limit_seconds, known.and_then(|k| k.time_limit_seconds)).filter(|_| kind == StageKind::Open);
        let remind_before_seconds = limit(input.remind_before_seconds, known.and_then(|k| k.remind_before_seconds));
        // it would never come; what is kept so stays, so that the pipeline can be changed in other things
        let kept = known.is_some_and(|k| (k.time_limit_seconds, k.remind_before_seconds) == (time_limit_seconds, remind_before_seconds));
        if !kept && time_limit_seconds.is_some_and(|limit| remind_before_seconds.is_some_and(|before| before > limit)) {
            errors.add_with(at("remind_before_seconds"), FieldCode::ConflictingFields, "time_limit_seconds");
        }
        stages.push(Stage {
            id: known.map_or_else(|| StageId::new((making.fresh_id)()), |k| k.id),
            name,
            kind,
            probability: match kind {
                StageKind::Open => input.probability.or(known.map(|k| k.probability)).unwrap_or(50),
                StageKind::Won => 100,
                StageKind::Lost => 0,
            },
            time_limit_seconds,
            remind_before_seconds,
            required_fields,
            checklist,
            script: prose(input.script.as_deref()).or_else(|| known.and_then(|k| k.script.clone()).filter(|_| input.script.is_none())),
            owner_id: input.owner_id.or(known.and_then(|k| k.owner_id)),
        });
    }
    stages.sort_by_key(|stage| stage.kind);
    stages
}

/// The stages a pipeline begins with, in the language of the business.
pub fn ready_made(language: &str) -> Vec<StageInput> {
    const DAY: i64 = 86_400;
    let stage = |[en, ru, uk]: [&str; 3], kind: StageKind, probability: i32, days: i64| StageInput {
        name: line(Some(match language {
            "ru" => ru,
            "uk" => uk,
            _ => en,
        })),
        kind: Some(kind),
        probability: Some(probability),
        time_limit_seconds: Some(days * DAY),
        ..StageInput::default()
    };
    let offer = StageInput {
        required_fields: Some(vec![DealRequirement::Amount]),
        ..stage(["Offer sent", "Отправлено предложение", "Надіслано пропозицію"], StageKind::Open, 30, 7)
    };
    vec![
        stage(["First contact", "Первый контакт", "Перший контакт"], StageKind::Open, 10, 3),
        offer,
        stage(["Negotiation", "Переговоры", "Переговори"], StageKind::Open, 50, 14),
        stage(["Payment", "Оплата", "Оплата"], StageKind::Open, 80, 7),
        stage(["Fulfilment", "Исполнение", "Виконання"], StageKind::Open, 95, 30),
        stage(["Won", "Успешно завершена", "Успішно завершено"], StageKind::Won, 100, 0),
        stage(["Lost", "Не состоялась", "Не відбулася"], StageKind::Lost, 0, 0),
    ]
}
