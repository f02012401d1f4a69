//! Submission: what a form sent, raw, and what became of it. Reading one never fails: what is not understood goes to the answers.

mod reading;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeZone, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    access::RecordType,
    email,
    form::{Form, FormFieldKind},
    id::{ContactId, FormId, LeadId, SubmissionId},
    invalid::{FieldCode, FieldErrors, line, pointer_token},
    lead::Utm,
    list::AnyOf,
    phone, text,
};

pub use reading::{Enquiry, summary, understand};

words! {
    /// What became of a submission.
    pub enum SubmissionState {
        /// Durable, waiting to be processed.
        Received = "received",
        /// Made a lead.
        Processed = "processed",
        /// Processing failed; tried again.
        Failed = "failed",
        /// Broke the form's own rules.
        Rejected = "rejected",
        /// Looks like a robot's; kept, not processed.
        Spam = "spam",
        /// The same enquiry as another one.
        Duplicate = "duplicate",
    }
}

record! {
    /// What a form sent, and what became of it.
    pub struct Submission (RecordType::Submission) {
        /// The form.
        pub form_id: FormId,
        /// What became of it.
        pub state: SubmissionState,
        /// Why it was rejected, is spam, or a duplicate.
        pub reason: Option<String>,
        /// What was read from it.
        #[schema(value_type = crate::free::Answers)]
        pub fields: BTreeMap<String, Value>,
        /// Content type as sent.
        pub content_type: Option<String>,
        /// The body as received, base64; only in the answer for one submission.
        pub body_base64: Option<String>,
        /// Page the form stood on.
        pub page_url: Option<String>,
        /// Whether it is a test of the form.
        pub test: bool,
        /// When it arrived.
        pub received_at: DateTime<Utc>,
        /// When it was processed.
        pub processed_at: Option<DateTime<Utc>>,
        /// How often processing was tried.
        pub attempts: i64,
        /// When it is tried next.
        pub next_attempt_at: Option<DateTime<Utc>>,
        /// Why the last try failed.
        pub error: Option<String>,
        /// The lead made from it.
        pub lead_id: Option<LeadId>,
        /// The card it belongs to.
        pub contact_id: Option<ContactId>,
        /// The submission it repeats.
        pub duplicate_of: Option<SubmissionId>,
    }
}

sorts! {
    /// Orders of submissions.
    pub enum SubmissionSort {
        ReceivedDown = "-received_at" => "received_at" down,
        ReceivedUp = "received_at" => "received_at" up,
    }
}

list_params! {
    /// Filters of submissions.
    pub struct ListSubmissions sort SubmissionSort {
        /// Forms.
        form_id: AnyOf<FormId>,
        /// What became of them.
        state: AnyOf<SubmissionState>,
        /// Contacts.
        contact_id: AnyOf<ContactId>,
        /// Leads.
        lead_id: AnyOf<LeadId>,
        /// Arrived at or after.
        received_after: crate::list::Moment,
        /// Arrived before.
        received_before: crate::list::Moment,
    }
}

/// The receipt a page gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// Id of the submission.
    #[schema(required = true)]
    pub submission_id: SubmissionId,
    /// `accepted`: it is durable and will be processed.
    #[schema(required = true)]
    pub status: ReceiptStatus,
}

words! {
    /// What a receipt says.
    pub enum ReceiptStatus {
        /// It is durable and will be processed.
        Accepted = "accepted",
    }
}

/// UTM marks a page sends: those it has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PostedUtm {
    /// `utm_source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// `utm_medium`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<String>,
    /// `utm_campaign`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// `utm_term`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<String>,
    /// `utm_content`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// What a page posts as JSON. Deliberately open: an enquiry is never refused for a name we do not know.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PostedForm {
    /// The form's fields by name.
    #[serde(default)]
    #[schema(value_type = crate::free::Answers)]
    pub fields: BTreeMap<String, Value>,
    /// Page the form stands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_url: Option<String>,
    /// Page before that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrer: Option<String>,
    /// UTM marks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utm: Option<PostedUtm>,
    /// The page's clock when it posted, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_time: Option<String>,
}

/// A submission as read: names and values, and what is known of the visit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Posted {
    /// Names and values.
    #[serde(skip)]
    pub fields: BTreeMap<String, Value>,
    /// Page the form stood on.
    pub page_url: Option<String>,
    /// Page before that one.
    pub referrer: Option<String>,
    /// UTM marks.
    pub utm: Utm,
    /// The page's clock when it posted.
    pub client_time: Option<String>,
}

impl Posted {
    /// From a JSON value: the documented shape, or a flat object, which means the same as flat form fields.
    pub fn from_json(value: Value) -> Option<Self> {
        let Value::Object(mut object) = value else { return None };
        let Some(Value::Object(fields)) = object.remove("fields") else {
            return Some(Self::from_pairs(object.into_iter()));
        };
        let take = |object: &mut serde_json::Map<String, Value>, key: &str| object.remove(key).and_then(|v| as_text(&v));
        let page_url = take(&mut object, "page_url");
        let referrer = take(&mut object, "referrer");
        let client_time = take(&mut object, "client_time");
        let utm = match object.remove("utm") {
            Some(Value::Object(utm)) => {
                let mark = |key: &str| utm.get(key).and_then(as_text).map(|v| cut(&v, 300));
                Utm {
                    source: mark("source"),
                    medium: mark("medium"),
                    campaign: mark("campaign"),
                    term: mark("term"),
                    content: mark("content"),
                }
            }
            _ => Utm::default(),
        };
        let mut posted = Self { fields: BTreeMap::new(), page_url, referrer, utm, client_time };
        // names beside `fields` are unknown to us and kept as answers
        for (name, value) in fields.into_iter().chain(object) {
            posted.fields.entry(name).or_insert(value);
        }
        Some(posted)
    }

    /// From flat names and values; `utm_*`, `page_url`, `referrer`, `client_time` are taken out. A name given twice makes a list.
    pub fn from_pairs(pairs: impl Iterator<Item = (String, Value)>) -> Self {
        let mut posted = Self::default();
        for (name, value) in pairs {
            let text = as_text(&value);
            match name.as_str() {
                "page_url" => posted.page_url = text,
                "referrer" => posted.referrer = text,
                "client_time" => posted.client_time = text,
                "utm_source" => posted.utm.source = text.map(|v| cut(&v, 300)),
                "utm_medium" => posted.utm.medium = text.map(|v| cut(&v, 300)),
                "utm_campaign" => posted.utm.campaign = text.map(|v| cut(&v, 300)),
                "utm_term" => posted.utm.term = text.map(|v| cut(&v, 300)),
                "utm_content" => posted.utm.content = text.map(|v| cut(&v, 300)),
                _ => match posted.fields.remove(&name) {
                    None => drop(posted.fields.insert(name, value)),
                    Some(Value::Array(mut list)) => {
                        list.push(value);
                        posted.fields.insert(name, Value::Array(list));
                    }
                    Some(first) => drop(posted.fields.insert(name, Value::Array(vec![first, value]))),
                },
            }
        }
        posted
    }

    /// Without U+0000, which no database keeps in text: the raw body has it still.
    #[must_use]
    pub fn without_nul(self) -> Self {
        let clean = |text: Option<String>| text.map(|t| t.replace('\0', ""));
        Self {
            fields: self.fields.into_iter().map(|(name, value)| (name.replace('\0', ""), value_without_nul(value))).collect(),
            page_url: clean(self.page_url),
            referrer: clean(self.referrer),
            utm: Utm {
                source: clean(self.utm.source),
                medium: clean(self.utm.medium),
                campaign: clean(self.utm.campaign),
                term: clean(self.utm.term),
                content: clean(self.utm.content),
            },
            client_time: clean(self.client_time),
        }
    }

    /// One field as text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.fields.get(name).and_then(as_text).and_then(|v| line(Some(&v)))
    }

    /// The parts that make two submissions the same enquiry: fields without the clockwork of the form.
    pub fn content(&self, form: &Form) -> BTreeMap<String, String> {
        self.fields
            .iter()
            .filter(|(name, _)| **name != form.start_field)
            .map(|(name, value)| (name.clone(), as_text(value).map_or_else(|| value.to_string(), |v| text::clean_line(&v))))
            .collect()
    }
}

fn value_without_nul(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace('\0', "")),
        Value::Array(items) => items.into_iter().map(value_without_nul).collect(),
        Value::Object(map) => Value::Object(map.into_iter().map(|(k, v)| (k.replace('\0', ""), value_without_nul(v))).collect()),
        other => other,
    }
}

fn cut(text: &str, most: usize) -> String {
    text::clean_line(text).chars().take(most).collect()
}

/// A scalar as text; lists are joined, objects are none.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Array(items) => {
            let parts: Vec<String> = items.iter().filter_map(as_text).collect();
            (!parts.is_empty()).then(|| parts.join(", "))
        }
        Value::Null | Value::Object(_) => None,
    }
}

/// What stands in the way of processing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objection {
    /// Looks like a robot's.
    Spam(String),
    /// Breaks the form's own rules; the page is told.
    Invalid(FieldErrors),
}

/// Holds a submission against the form's rules: honeypot, fill time, required fields and their formats.
pub fn examine(posted: &Posted, form: &Form, country: &str, now: DateTime<Utc>) -> Result<(), Objection> {
    if posted.text(&form.honeypot_field).is_some() {
        return Err(Objection::Spam(format!("the hidden field «{}» is filled", form.honeypot_field)));
    }
    if form.min_fill_seconds > 0
        && let Some(started) = posted.text(&form.start_field).as_deref().and_then(instant)
    {
        let ended = posted.client_time.as_deref().and_then(instant).unwrap_or(now);
        let filled = (ended - started).num_milliseconds();
        if (0..form.min_fill_seconds * 1000).contains(&filled) {
            return Err(Objection::Spam(format!("filled in {filled} ms, a person needs {} s", form.min_fill_seconds)));
        }
    }
    let mut errors = FieldErrors::default();
    for field in &form.fields {
        let at = format!("/fields/{}", pointer_token(&field.name));
        let Some(value) = posted.text(&field.name) else {
            if field.required {
                errors.add(at, FieldCode::Required);
            }
            continue;
        };
        // an optional value that cannot be read is kept among the answers: no enquiry is lost for a typing error
        if !field.required {
            continue;
        }
        match field.kind {
            FormFieldKind::Phone if phone::parse(&value, country).is_err() => errors.add_with(at, FieldCode::InvalidPhone, value),
            FormFieldKind::Email if email::parse(&value).is_err() => errors.add_with(at, FieldCode::InvalidEmail, value),
            FormFieldKind::Number if value.replace(',', ".").parse::<f64>().is_err() => errors.add_with(at, FieldCode::WrongType, value),
            FormFieldKind::Choice if !field.options.contains(&value) => errors.add_with(at, FieldCode::InvalidValue, value),
            _ => {}
        }
    }
    errors.finish().map_err(Objection::Invalid)
}

/// RFC 3339, or milliseconds since 1970.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    text.parse::<i64>().ok().and_then(|millis| Utc.timestamp_millis_opt(millis).single())
}

/// When a failed processing is tried again: 1, 2, 4 … seconds, at most an hour apart.
pub fn retry_at(attempts: i64, now: DateTime<Utc>) -> DateTime<Utc> {
    let seconds = 1_i64 << attempts.clamp(0, 12);
    now + chrono::Duration::seconds(seconds.min(3600))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actor::ActorRef,
        form::NewForm,
        record::{Birth, Made, Making},
    };
    use uuid::Uuid;

    fn form(input: NewForm) -> Form {
        let birth = Birth { id: Uuid::nil(), at: now(), by: ActorRef::system() };
        let making = Making { birth: &birth, workspace: None, fresh_id: &Uuid::nil, asker: None };
        Form::make(&NewForm { name: Some("Site".into()), ..input }, None, &making).unwrap()
    }
    fn now() -> DateTime<Utc> {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }
    fn posted(json: &str) -> Posted {
        Posted::from_json(serde_json::from_str(json).unwrap()).unwrap()
    }

    #[test]
    fn flat_fields_mean_the_same_as_the_documented_shape() {
        let nested =
            posted(r#"{"fields": {"name": "Анна", "phone": "8 912 345-67-89"}, "utm": {"source": "ya"}, "page_url": "https://x.test"}"#);
        let flat = posted(r#"{"name": "Анна", "phone": "8 912 345-67-89", "utm_source": "ya", "page_url": "https://x.test"}"#);
        assert_eq!(nested, flat);
    }

    #[test]
    fn what_is_not_understood_is_kept_as_an_answer() {
        let enquiry = understand(&posted(r#"{"Телефон": "12", "budget": 5000, "Имя": "Анна"}"#), &form(NewForm::default()), "RU");
        assert_eq!(enquiry.name.as_deref(), Some("Анна"));
        assert!(enquiry.phones.is_empty());
        assert_eq!(enquiry.answers["Телефон"], "12");
        assert_eq!(enquiry.answers["budget"], 5000);
    }

    #[test]
    fn a_filled_honeypot_and_a_form_filled_in_a_moment_are_spam() {
        let form = form(NewForm::default());
        let honey = posted(r#"{"name": "x", "website": "http://spam.test"}"#);
        assert!(matches!(examine(&honey, &form, "RU", now()), Err(Objection::Spam(_))));
        let quick = posted(r#"{"name": "x", "started_at": "2026-11-22T09:59:59.500Z"}"#);
        assert!(matches!(examine(&quick, &form, "RU", now()), Err(Objection::Spam(_))));
        let slow = posted(r#"{"name": "x", "started_at": "2026-11-22T09:59:00Z"}"#);
        assert_eq!(examine(&slow, &form, "RU", now()), Ok(()));
    }

    #[test]
    fn a_required_phone_must_be_one_an_optional_one_need_not() {
        let fields = |required| {
            vec![crate::form::FormField { name: "tel".into(), kind: FormFieldKind::Phone, label: None, required, options: vec![] }]
        };
        let strict = form(NewForm { fields: Some(fields(true)), ..NewForm::default() });
        let lax = form(NewForm { fields: Some(fields(false)), ..NewForm::default() });
        let wrong = posted(r#"{"tel": "12"}"#);
        assert!(matches!(examine(&wrong, &strict, "RU", now()), Err(Objection::Invalid(e)) if e.0[0].pointer == "/fields/tel"));
        assert_eq!(examine(&wrong, &lax, "RU", now()), Ok(()));
    }

    #[test]
    fn a_nul_is_taken_out_of_every_text() {
        let posted =
            posted("{\"fields\": {\"na\\u0000me\": \"a\\u0000b\", \"x\": [\"\\u0000\"]}, \"page_url\": \"https://x.test/\\u0000\"}")
                .without_nul();
        assert!(!serde_json::to_string(&(&posted.fields, &posted)).unwrap().contains("u0000"));
        assert_eq!(posted.fields["name"], "ab");
    }

    #[test]
    fn waiting_grows_and_ends_at_an_hour() {
        assert_eq!(retry_at(0, now()) - now(), chrono::Duration::seconds(1));
        assert_eq!(retry_at(3, now()) - now(), chrono::Duration::seconds(8));
        assert_eq!(retry_at(90, now()) - now(), chrono::Duration::hours(1));
    }
}
