//! Lead: one enquiry. Refuses a lead of nobody, a rejection without its reason, and being qualified by anything but its own operation.

mod course;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    access::RecordType,
    contact::{self, slice},
    deal::Deal,
    id::{CompanyId, ContactId, DealId, FormId, PipelineId, RejectReasonId, SourceId, StageId, SubmissionId, UserId},
    invalid::{FieldCode, FieldErrors, line, prose},
    list::AnyOf,
    money::MoneyInput,
    record::{CLOCKS_DIFFER, Made, Making, Reference},
    task::NewTask,
    text,
};

words! {
    /// Where an enquiry stands.
    pub enum LeadStatus {
        /// Nobody has reacted yet.
        New = "new",
        /// Somebody works on it.
        InWork = "in_work",
        /// It became, or may become, a deal.
        Qualified = "qualified",
        /// It will not, and says why.
        Rejected = "rejected",
    }
}

impl LeadStatus {
    /// Whether somebody still has to do something.
    pub fn is_open(self) -> bool {
        matches!(self, Self::New | Self::InWork)
    }
}

/// UTM marks of the visit that led here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Utm {
    /// `utm_source`.
    #[validate(length(max = 300))]
    #[schema(max_length = 300, required = true)]
    pub source: Option<String>,
    /// `utm_medium`.
    #[validate(length(max = 300))]
    #[schema(max_length = 300, required = true)]
    pub medium: Option<String>,
    /// `utm_campaign`.
    #[validate(length(max = 300))]
    #[schema(max_length = 300, required = true)]
    pub campaign: Option<String>,
    /// `utm_term`.
    #[validate(length(max = 300))]
    #[schema(max_length = 300, required = true)]
    pub term: Option<String>,
    /// `utm_content`.
    #[validate(length(max = 300))]
    #[schema(max_length = 300, required = true)]
    pub content: Option<String>,
}

record! {
    /// One enquiry of a client.
    pub struct Lead (RecordType::Lead, forgets no_next_step_reason) {
        /// Who asks.
        pub contact_id: ContactId,
        /// For which company.
        pub company_id: Option<CompanyId>,
        /// What it is about, in a line.
        pub title: Option<String>,
        /// The form it came through.
        pub form_id: Option<FormId>,
        /// The submission it was made from.
        pub submission_id: Option<SubmissionId>,
        /// Where it came from.
        pub source_id: Option<SourceId>,
        /// UTM marks.
        pub utm: Utm,
        /// Page the form stood on.
        pub page_url: Option<String>,
        /// Page before that one.
        pub referrer: Option<String>,
        /// Everything else that was asked and answered: budget, term, product.
        #[schema(value_type = crate::free::Answers)]
        pub answers: BTreeMap<String, Value>,
        /// What the client wrote.
        pub comment: Option<String>,
        /// Where it stands.
        pub status: LeadStatus,
        /// Why it was rejected.
        pub reject_reason_id: Option<RejectReasonId>,
        /// The responsible user.
        pub owner_id: Option<UserId>,
        /// Why this person is responsible.
        pub assignment_reason: Option<String>,
        /// When the enquiry arrived.
        pub received_at: DateTime<Utc>,
        /// When somebody first reacted.
        pub first_response_at: Option<DateTime<Utc>>,
        /// How much working time passed from the enquiry to the first reaction.
        pub first_response_seconds: Option<i64>,
        /// The deal made from it.
        pub deal_id: Option<DealId>,
        /// Names of tags.
        pub tags: Vec<String>,
        /// Due time of the earliest open task; derived.
        pub next_task_at: Option<DateTime<Utc>>,
        /// Why it has no next step; derived, gone with the next open task.
        pub no_next_step_reason: Option<String>,
    }
}

input! {
    /// A lead to create by hand or by an integration.
    pub struct NewLead, LeadPatch clears LeadField {
        /// Who asks.
        contact_id (required = true): ContactId;
        /// For which company.
        company_id: CompanyId;
        /// What it is about, in a line.
        title: String, max 300;
        /// Where it came from.
        source_id: SourceId;
        /// UTM marks.
        #[validate(nested)]
        utm: Utm;
        /// Page the enquiry was made on, http or https.
        page_url: String, max 2000;
        /// Page before that one.
        referrer: String, max 2000;
        /// Everything else that was asked and answered.
        #[schema(value_type = Option<crate::free::Answers>)]
        answers: BTreeMap<String, Value>;
        /// What the client wrote.
        comment: String, max 20_000;
        /// Where it stands; `new` when absent. `qualified` comes by its own operation, `rejected` needs its reason; a rejected one is opened
        /// again here.
        status: LeadStatus;
        /// Why it was rejected; needed of one that is.
        reject_reason_id: RejectReasonId;
        /// The responsible user; the asking user when absent.
        owner_id: UserId;
        /// When the enquiry arrived; now when absent.
        received_at: DateTime<Utc>;
        /// Names of tags; a tag that is not there yet is made.
        tags: Vec<String>, items 50;
        /// The next step, made in the same transaction.
        #[validate(nested)]
        next_task: NewTask;
        /// Why it has no next step.
        no_next_step_reason: String, max 1000;
    }
}

sorts! {
    /// Orders of leads.
    pub enum LeadSort {
        ReceivedDown = "-received_at" => "received_at" down,
        ReceivedUp = "received_at" => "received_at" up,
        UpdatedDown = "-updated_at" => "updated_at" down,
        UpdatedUp = "updated_at" => "updated_at" up,
        NextTaskUp = "next_task_at" => "next_task_key" up,
    }
}

expands!(Lead by LeadExpansion { Contact = "contact", Owner = "owner", Source = "source", Company = "company" });

list_params! {
    /// Filters of leads.
    pub struct ListLeads sort LeadSort {
        /// Words to find in the client's name, phones, e-mails and in the enquiry.
        q: String,
        /// Contacts.
        contact_id: AnyOf<ContactId>,
        /// Companies.
        company_id: AnyOf<CompanyId>,
        /// Responsible users.
        owner_id: AnyOf<UserId>,
        /// Sources.
        source_id: AnyOf<SourceId>,
        /// Forms.
        form_id: AnyOf<FormId>,
        /// Where they stand.
        status: AnyOf<LeadStatus>,
        /// Reasons of rejection.
        reject_reason_id: AnyOf<RejectReasonId>,
        /// Names of tags.
        tag: AnyOf<String>,
        /// Only those nobody is responsible for (`true`), or somebody is (`false`).
        unassigned: bool,
        /// Arrived at or after.
        received_after: crate::list::Moment,
        /// Arrived before.
        received_before: crate::list::Moment,
        /// Changed at or after.
        updated_after: crate::list::Moment,
        /// Related records to put beside each one: contact, owner, source.
        expand: AnyOf<LeadExpansion>,
    }
}

/// Why a lead is rejected.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeadRejection {
    /// One of the workspace's reject reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = true)]
    pub reject_reason_id: Option<RejectReasonId>,
    /// More about it.
    #[validate(length(max = 20_000))]
    #[schema(max_length = 20_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// How a lead becomes a deal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeadQualification {
    /// Name of the deal; the lead's title, else the client's name when absent.
    #[validate(length(max = 300))]
    #[schema(max_length = 300)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The client of the deal, when it is another one than the lead's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
    /// The pipeline; the first one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_id: Option<PipelineId>,
    /// An open stage of it; the first one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage_id: Option<StageId>,
    /// What the deal comes to.
    #[validate(nested)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<MoneyInput>,
    /// Who is responsible for the deal; the lead's person, else the asking user when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
    /// The next step with the deal, made in the same transaction; open tasks of the lead go over to the deal anyway.
    #[validate(nested)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_task: Option<NewTask>,
    /// Why the deal has no next step.
    #[validate(length(max = 1000))]
    #[schema(max_length = 1000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_next_step_reason: Option<String>,
}

/// A qualified lead and its deal.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct QualifiedLead {
    /// The lead.
    #[schema(required = true)]
    pub lead: Lead,
    /// The deal made from it.
    #[schema(required = true)]
    pub deal: Deal,
}

/// Answers and other open objects: at most this many keys.
pub const MOST_ANSWERS: usize = 200;

impl Made for Lead {
    type Input = NewLead;

    fn input(&self) -> NewLead {
        NewLead {
            contact_id: Some(self.contact_id),
            company_id: self.company_id,
            title: self.title.clone(),
            source_id: self.source_id,
            utm: Some(self.utm.clone()),
            page_url: self.page_url.clone(),
            referrer: self.referrer.clone(),
            answers: Some(self.answers.clone()),
            comment: self.comment.clone(),
            status: Some(self.status),
            reject_reason_id: self.reject_reason_id,
            owner_id: self.owner_id,
            received_at: Some(self.received_at),
            tags: Some(self.tags.clone()),
            next_task: None,
            no_next_step_reason: None,
        }
    }

    fn make(input: &NewLead, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        if input.contact_id.is_none() {
            errors.add("/contact_id", FieldCode::Required);
        }
        let status = input.status.unwrap_or(LeadStatus::New);
        if !status.is_set_by_hand(previous.map(|lead| lead.status)) {
            errors.add_with("/status", FieldCode::OwnOperation, status.word());
        }
        if status == LeadStatus::Rejected && input.reject_reason_id.is_none() {
            errors.add("/reject_reason_id", FieldCode::Required);
        }
        let page_url = errors.url("/page_url", input.page_url.as_deref());
        let referrer = errors.url("/referrer", input.referrer.as_deref());
        let received_at = errors.time("/received_at", input.received_at).unwrap_or(making.birth.at);
        if previous.is_none_or(|old| old.received_at != received_at) && received_at > making.birth.at + CLOCKS_DIFFER {
            errors.add_with("/received_at", FieldCode::InTheFuture, received_at.to_rfc3339());
        }
        let answers = input.answers.clone().unwrap_or_default();
        if answers.len() > MOST_ANSWERS {
            errors.add_with("/answers", FieldCode::TooLong, MOST_ANSWERS.to_string());
        }
        let tags = contact::words("/tags", slice(input.tags.as_ref()), &mut errors);
        errors.finish()?;
        let Some(contact_id) = input.contact_id else { return Err(FieldErrors::one("/contact_id", FieldCode::Required)) };
        let old = previous;
        let owner_id = if old.is_some() { input.owner_id } else { input.owner_id.or(making.asker) };
        let kept = old.is_some_and(|o| o.owner_id == owner_id);
        let lead = fresh!(Lead, making.birth, {
            contact_id: contact_id,
            company_id: input.company_id,
            title: line(input.title.as_deref()),
            form_id: old.and_then(|o| o.form_id),
            submission_id: old.and_then(|o| o.submission_id),
            source_id: input.source_id,
            utm: input.utm.clone().unwrap_or_default(),
            page_url: page_url,
            referrer: referrer,
            answers: answers,
            comment: prose(input.comment.as_deref()),
            status: status,
            reject_reason_id: input.reject_reason_id.filter(|_| status == LeadStatus::Rejected),
            owner_id: owner_id,
            assignment_reason: if kept { old.and_then(|o| o.assignment_reason.clone()) } else { owner_id.map(|_| "set by hand".to_owned()) },
            received_at: received_at,
            first_response_at: old.and_then(|o| o.first_response_at),
            first_response_seconds: old.and_then(|o| o.first_response_seconds),
            deal_id: old.and_then(|o| o.deal_id),
            tags: tags,
            next_task_at: old.and_then(|o| o.next_task_at),
            no_next_step_reason: old.and_then(|o| o.no_next_step_reason.clone()),
        });
        Ok(match old {
            None => lead,
            Some(old) => lead.in_the_envelope_of(old),
        })
    }

    fn references(&self) -> Vec<Reference> {
        [
            Some(Reference::new("/contact_id", RecordType::Contact, self.contact_id.uuid())),
            Reference::optional("/company_id", RecordType::Company, self.company_id),
            Reference::optional("/owner_id", RecordType::User, self.owner_id),
            Reference::optional("/source_id", RecordType::Source, self.source_id),
            Reference::optional("/reject_reason_id", RecordType::RejectReason, self.reject_reason_id),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Lead {
    /// What `q` searches beside the client's card.
    pub fn search_text(&self) -> String {
        let parts = [self.title.as_deref(), self.comment.as_deref()];
        let joined: Vec<&str> = parts.into_iter().flatten().collect();
        text::fold(&joined.join(" ")).chars().take(4000).collect()
    }
}
