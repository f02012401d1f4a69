//! Deal: a sale on its way. Refuses amounts that cannot be kept and a way through the stages that its pipeline forbids.

pub mod board;
pub mod line_item;
pub mod movement;
pub mod stuck;
pub mod turnover;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    access::RecordType,
    contact::slice,
    id::{ChecklistStepId, CompanyId, ContactId, LeadId, LostReasonId, PipelineId, SourceId, StageId, UserId},
    invalid::{FieldCode, FieldErrors, line, prose},
    lead::Utm,
    list::AnyOf,
    money::{self, Money, MoneyInput},
    pipeline::{
        Stage,
        stage::{DealRequirement, StageKind},
    },
    record::{Made, Making, Reference},
    task::NewTask,
    text,
};
pub use line_item::{LineItem, LineItemInput};

words! {
    /// How a deal ended, if it did.
    pub enum DealOutcome {
        /// It is being worked on.
        Open = "open",
        /// The client bought.
        Won = "won",
        /// The client did not.
        Lost = "lost",
    }
}

impl From<StageKind> for DealOutcome {
    fn from(kind: StageKind) -> Self {
        match kind {
            StageKind::Open => Self::Open,
            StageKind::Won => Self::Won,
            StageKind::Lost => Self::Lost,
        }
    }
}

/// A person of a deal and the part he plays in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DealContact {
    /// Who.
    pub contact_id: ContactId,
    /// His part: decides, pays, uses, own words.
    #[validate(length(max = 100))]
    #[schema(max_length = 100, required = true)]
    #[serde(default)]
    pub role: Option<String>,
}

/// Most people of a deal.
pub const MOST_CONTACTS: usize = 50;

record! {
    /// A sale on its way through the stages of a pipeline.
    pub struct Deal (RecordType::Deal, forgets no_next_step_reason) {
        /// What it is about, in a line.
        pub name: String,
        /// The people of it; the first is the client it is shown with.
        pub contacts: Vec<DealContact>,
        /// The company.
        pub company_id: Option<CompanyId>,
        /// Its pipeline.
        pub pipeline_id: PipelineId,
        /// Its stage; changed by moving.
        pub stage_id: StageId,
        /// Whether it is open, won or lost: what its stage means.
        pub outcome: DealOutcome,
        /// Why it was lost.
        pub lost_reason_id: Option<LostReasonId>,
        /// More about why.
        pub lost_comment: Option<String>,
        /// Currency of the amount and the line items, ISO 4217.
        pub currency: String,
        /// What it comes to: the sum of the line items where there are any.
        pub amount: Option<Money>,
        /// What is offered.
        pub line_items: Vec<LineItem>,
        /// What the client can spend.
        pub budget: Option<Money>,
        /// When it is expected to be won.
        pub expected_close_on: Option<NaiveDate>,
        /// The responsible user.
        pub owner_id: Option<UserId>,
        /// Where the client came from.
        pub source_id: Option<SourceId>,
        /// UTM marks, kept from the lead.
        pub utm: Utm,
        /// The lead it was made from.
        pub lead_id: Option<LeadId>,
        /// Anything worth knowing.
        pub comment: Option<String>,
        /// Steps of its stages' checklists that are done.
        pub checked: Vec<ChecklistStepId>,
        /// When it came to its stage.
        pub stage_entered_at: DateTime<Utc>,
        /// Until when it may stay there.
        pub stage_due_at: Option<DateTime<Utc>>,
        /// When it was won or lost.
        pub closed_at: Option<DateTime<Utc>>,
        /// Why it has no next step; derived, gone with the next open task.
        pub no_next_step_reason: Option<String>,
        /// Due time of the earliest open task; derived.
        pub next_task_at: Option<DateTime<Utc>>,
        /// When the last communication about it took place; derived.
        pub last_communication_at: Option<DateTime<Utc>>,
    }
}

input! {
    /// A deal to create. Without pipeline and stage it begins in the first stage of the first pipeline.
    pub struct NewDeal, DealPatch clears DealField {
        /// What it is about, in a line.
        name (required = true): String, max 300;
        /// The people of it; the first is the client it is shown with.
        #[validate(nested)]
        contacts: Vec<DealContact>, items 50;
        /// The company.
        company_id: CompanyId;
        /// Its pipeline; only when creating.
        pipeline_id: PipelineId;
        /// An open stage of the pipeline; only when creating, afterwards it is moved.
        stage_id: StageId;
        /// What it comes to; where there are line items their sum takes its place.
        #[validate(nested)]
        amount: MoneyInput;
        /// Currency of the line items, ISO 4217; that of the amount or of the workspace when absent.
        currency: String, max 3;
        /// What is offered. In a change the list is the whole: a line left out is removed.
        #[validate(nested)]
        line_items: Vec<LineItemInput>, items 200;
        /// What the client can spend.
        #[validate(nested)]
        budget: MoneyInput;
        /// When it is expected to be won.
        expected_close_on: NaiveDate;
        /// The responsible user; the asking user when absent.
        owner_id: UserId;
        /// Where the client came from.
        source_id: SourceId;
        /// UTM marks.
        #[validate(nested)]
        utm: Utm;
        /// The lead it was made from.
        lead_id: LeadId;
        /// Anything worth knowing.
        comment: String, max 20_000;
        /// Steps of its stages' checklists that are done.
        checked: Vec<ChecklistStepId>, items 1000;
        /// The next step, made in the same transaction.
        #[validate(nested)]
        next_task: NewTask;
        /// Why it has no next step.
        no_next_step_reason: String, max 1000;
    }
}

sorts! {
    /// Orders of deals.
    pub enum DealSort {
        UpdatedDown = "-updated_at" => "updated_at" down,
        UpdatedUp = "updated_at" => "updated_at" up,
        CreatedDown = "-created_at" => "created_at" down,
        CreatedUp = "created_at" => "created_at" up,
        Name = "name" => "sort_key" up,
        NextTaskUp = "next_task_at" => "next_task_key" up,
        ExpectedUp = "expected_close_on" => "expected_key" up,
        Board = "board" => "board_key" up,
    }
}

expands!(Deal by DealExpansion { Contact = "contact", Company = "company", Owner = "owner", Source = "source", Lead = "lead" });

list_params! {
    /// Filters of deals.
    pub struct ListDeals sort DealSort {
        /// Words the name contains.
        q: String,
        /// Pipelines.
        pipeline_id: AnyOf<PipelineId>,
        /// Stages.
        stage_id: AnyOf<StageId>,
        /// Whether they are open, won or lost.
        outcome: AnyOf<DealOutcome>,
        /// People of them, whatever part they play.
        contact_id: AnyOf<ContactId>,
        /// Companies.
        company_id: AnyOf<CompanyId>,
        /// Responsible users.
        owner_id: AnyOf<UserId>,
        /// Sources.
        source_id: AnyOf<SourceId>,
        /// Leads they were made from.
        lead_id: AnyOf<LeadId>,
        /// Reasons they were lost for.
        lost_reason_id: AnyOf<LostReasonId>,
        /// Only those without an open task that has a due time (`true`), or with one (`false`).
        without_next_task: bool,
        /// Won or lost at or after.
        closed_after: crate::list::Moment,
        /// Won or lost before.
        closed_before: crate::list::Moment,
        /// Made at or after.
        created_after: crate::list::Moment,
        /// Changed at or after.
        updated_after: crate::list::Moment,
        /// Related records to put beside each one: contact, company, owner, source, lead.
        expand: AnyOf<DealExpansion>,
    }
}

impl Made for Deal {
    type Input = NewDeal;

    fn input(&self) -> NewDeal {
        NewDeal {
            name: Some(self.name.clone()),
            contacts: Some(self.contacts.clone()),
            company_id: self.company_id,
            pipeline_id: Some(self.pipeline_id),
            stage_id: Some(self.stage_id),
            amount: self.amount.as_ref().map(MoneyInput::from),
            currency: Some(self.currency.clone()),
            line_items: Some(self.line_items.iter().map(LineItemInput::from).collect()),
            budget: self.budget.as_ref().map(MoneyInput::from),
            expected_close_on: self.expected_close_on,
            owner_id: self.owner_id,
            source_id: self.source_id,
            utm: Some(self.utm.clone()),
            lead_id: self.lead_id,
            comment: self.comment.clone(),
            checked: Some(self.checked.clone()),
            next_task: None,
            no_next_step_reason: None,
        }
    }

    fn make(input: &NewDeal, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.required_line("/name", input.name.as_deref());
        let contacts = people(slice(input.contacts.as_ref()), &mut errors);
        for (pointer, given, old) in [
            ("/pipeline_id", input.pipeline_id.map(crate::id::Id::uuid), previous.map(|p| p.pipeline_id.uuid())),
            ("/stage_id", input.stage_id.map(crate::id::Id::uuid), previous.map(|p| p.stage_id.uuid())),
        ] {
            if given.is_none() {
                errors.add(pointer, FieldCode::Required);
            } else if old.is_some() && old != given {
                errors.add(pointer, FieldCode::Unchangeable);
            }
        }
        let old_lines = previous.map_or(&[][..], |p| p.line_items.as_slice());
        let line_items = line_item::lines(slice(input.line_items.as_ref()), old_lines, making, &mut errors);
        let (currency, amount) = amount(input, previous, &line_items, making, &mut errors);
        let budget = money::money("/budget", input.budget.as_ref(), &mut errors);
        if let Some(day) = input.expected_close_on
            && !(1970..2200).contains(&chrono::Datelike::year(&day))
        {
            errors.add_with("/expected_close_on", FieldCode::InvalidTime, day.to_string());
        }
        errors.finish()?;
        let (Some(pipeline_id), Some(stage_id)) = (input.pipeline_id, input.stage_id) else {
            return Err(FieldErrors::one("/pipeline_id", FieldCode::Required));
        };
        let mut checked = input.checked.clone().unwrap_or_default();
        checked.sort_unstable();
        checked.dedup();
        let old = previous;
        let deal = fresh!(Deal, making.birth, {
            name: name,
            contacts: contacts,
            company_id: input.company_id,
            pipeline_id: pipeline_id,
            stage_id: stage_id,
            outcome: old.map_or(DealOutcome::Open, |o| o.outcome),
            lost_reason_id: old.and_then(|o| o.lost_reason_id),
            lost_comment: old.and_then(|o| o.lost_comment.clone()),
            currency: currency,
            amount: amount,
            line_items: line_items,
            budget: budget,
            expected_close_on: input.expected_close_on,
            owner_id: if old.is_some() { input.owner_id } else { input.owner_id.or(making.asker) },
            source_id: input.source_id,
            utm: input.utm.clone().unwrap_or_default(),
            lead_id: input.lead_id,
            comment: prose(input.comment.as_deref()),
            checked: checked,
            stage_entered_at: old.map_or(making.birth.at, |o| o.stage_entered_at),
            stage_due_at: old.and_then(|o| o.stage_due_at),
            closed_at: old.and_then(|o| o.closed_at),
            no_next_step_reason: old.and_then(|o| o.no_next_step_reason.clone()),
            next_task_at: old.and_then(|o| o.next_task_at),
            last_communication_at: old.and_then(|o| o.last_communication_at),
        });
        Ok(match old {
            None => deal,
            Some(old) => deal.in_the_envelope_of(old),
        })
    }

    fn references(&self) -> Vec<Reference> {
        let mut references: Vec<Reference> = [
            Reference::optional("/company_id", RecordType::Company, self.company_id),
            Some(Reference::new("/pipeline_id", RecordType::Pipeline, self.pipeline_id.uuid())),
            Reference::optional("/owner_id", RecordType::User, self.owner_id),
            Reference::optional("/source_id", RecordType::Source, self.source_id),
            Reference::optional("/lead_id", RecordType::Lead, self.lead_id),
            Reference::optional("/lost_reason_id", RecordType::LostReason, self.lost_reason_id),
        ]
        .into_iter()
        .flatten()
        .collect();
        for (index, person) in self.contacts.iter().enumerate() {
            references.push(Reference::new(format!("/contacts/{index}/contact_id"), RecordType::Contact, person.contact_id.uuid()));
        }
        references
    }
}

/// The people of a deal, each once.
fn people(given: &[DealContact], errors: &mut FieldErrors) -> Vec<DealContact> {
    if given.len() > MOST_CONTACTS {
        errors.add_with("/contacts", FieldCode::TooLong, MOST_CONTACTS.to_string());
    }
    let mut people: Vec<DealContact> = Vec::new();
    for (index, person) in given.iter().take(MOST_CONTACTS).enumerate() {
        if people.iter().any(|other| other.contact_id == person.contact_id) {
            errors.add(format!("/contacts/{index}/contact_id"), FieldCode::AlreadyTaken);
        }
        people.push(DealContact { contact_id: person.contact_id, role: line(person.role.as_deref()) });
    }
    people
}

/// Currency and amount: line items decide the amount; an amount brings its currency, unless another one was asked for.
fn amount(
    input: &NewDeal,
    previous: Option<&Deal>,
    lines: &[LineItem],
    making: &Making<'_>,
    errors: &mut FieldErrors,
) -> (String, Option<Money>) {
    let old = previous.map(|p| p.currency.clone());
    let asked = line(input.currency.as_deref()).map(|code| money::currency("/currency", &code, errors));
    let given = if lines.is_empty() { money::money("/amount", input.amount.as_ref(), errors) } else { None };
    let anew = asked.is_some() && asked != old;
    let currency = match (&given, anew) {
        (Some(given), true) if asked.as_ref() != Some(&given.currency) => {
            errors.add("/currency", FieldCode::ConflictingFields);
            given.currency.clone()
        }
        (Some(given), false) => given.currency.clone(),
        _ => asked.or(old).or_else(|| making.workspace.map(|w| w.currency.clone())).unwrap_or_else(|| "EUR".into()),
    };
    if lines.is_empty() {
        return (currency, given);
    }
    let sum = line_item::sum(lines);
    if sum.is_none() {
        errors.add("/line_items", FieldCode::AmountTooLarge);
    }
    let amount = sum.map(|amount| Money { amount, currency: currency.clone() });
    (currency, amount)
}

impl Deal {
    /// The client it is shown with.
    pub fn contact_id(&self) -> Option<ContactId> {
        self.contacts.first().map(|person| person.contact_id)
    }

    /// What `q` searches.
    pub fn search_text(&self) -> String {
        text::fold(&self.name)
    }

    /// Whether the deal has what a stage asks for.
    pub fn has(&self, requirement: DealRequirement) -> bool {
        match requirement {
            DealRequirement::Amount => self.amount.is_some(),
            DealRequirement::LineItems => !self.line_items.is_empty(),
            DealRequirement::ExpectedCloseOn => self.expected_close_on.is_some(),
            DealRequirement::CompanyId => self.company_id.is_some(),
            DealRequirement::Contacts => !self.contacts.is_empty(),
            DealRequirement::OwnerId => self.owner_id.is_some(),
            DealRequirement::SourceId => self.source_id.is_some(),
            DealRequirement::Budget => self.budget.is_some(),
            DealRequirement::Comment => self.comment.is_some(),
        }
    }

    /// The deal as it begins in a stage, or comes to it.
    #[must_use]
    pub fn entering(&self, stage: &Stage, now: DateTime<Utc>) -> Self {
        let outcome = DealOutcome::from(stage.kind);
        let lost = outcome == DealOutcome::Lost;
        Self {
            stage_id: stage.id,
            outcome,
            lost_reason_id: self.lost_reason_id.filter(|_| lost),
            lost_comment: self.lost_comment.clone().filter(|_| lost),
            stage_entered_at: now,
            stage_due_at: stage.time_limit_seconds.and_then(|seconds| now.checked_add_signed(chrono::Duration::seconds(seconds))),
            closed_at: (outcome != DealOutcome::Open).then_some(now),
            ..self.clone()
        }
    }

    /// The deal moved to another stage: after it came to the one it is in, whatever the clock says, so that its way is told as it went.
    #[must_use]
    pub fn moved(&self, stage: &Stage, now: DateTime<Utc>) -> Self {
        let after = self.stage_entered_at.checked_add_signed(chrono::Duration::microseconds(1));
        self.entering(stage, now.max(after.unwrap_or(now)))
    }
}

#[cfg(test)]
mod tests;
