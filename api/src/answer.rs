//! What operations answer. The type decides status, headers and schema, for the wire and for the spec alike.

use std::marker::PhantomData;

use actix_web::{HttpRequest, HttpResponse, Responder, body::BoxBody, http::StatusCode};
use kartoteka_domain::{
    list::Page,
    record::{Record, Warning},
};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use crate::{
    problem::{Problem, Result},
    spec::{Shape, page_schema},
};

/// What a handler returns.
pub type Answer<R> = Result<Reply<R>>;

/// An outcome, serialised: what is sent is what an idempotency key keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// JSON body; `None` for 204.
    pub body: Option<String>,
}

impl Outcome {
    /// The same with warnings on its record: itself, or the first one in it.
    pub fn warn(mut self, warnings: Vec<Warning>) -> Self {
        let Some(text) = self.body.take() else { return self };
        let mut body: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let is_record = |value: &serde_json::Value| value.get("version").is_some();
        let told = serde_json::to_value(&warnings).unwrap_or_default();
        if is_record(&body) && body.get("warnings").is_none() {
            // the last field of a record: all before it stays letter by letter what GET answers
            self.body = Some(format!("{},\"warnings\":{told}}}", text.strip_suffix('}').unwrap_or(&text)));
            return self;
        }
        let record = if is_record(&body) {
            Some(&mut body)
        } else {
            body.as_object_mut().and_then(|parts| parts.values_mut().find(|v| is_record(v)))
        };
        if let Some(serde_json::Value::Object(record)) = record {
            let mut all = record.get("warnings").and_then(|w| w.as_array()).cloned().unwrap_or_default();
            all.extend(told.as_array().cloned().unwrap_or_default());
            record.insert("warnings".to_owned(), all.into());
        }
        self.body = Some(body.to_string());
        self
    }
}

/// An answer of a described kind.
pub struct Reply<R>(pub Outcome, PhantomData<fn() -> R>);

impl<R: Respond> Reply<R> {
    /// From the value.
    pub fn of(value: &R) -> Result<Self> {
        Ok(Self(value.outcome()?, PhantomData))
    }
    /// From an outcome that was serialised before.
    pub fn kept(outcome: Outcome) -> Self {
        Self(outcome, PhantomData)
    }
}

impl<R> Responder for Reply<R> {
    type Body = BoxBody;
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        for (name, value) in self.0.headers {
            response.insert_header((name, value));
        }
        match self.0.body {
            Some(body) => response.content_type("application/json").body(body),
            None => response.finish(),
        }
    }
}

/// A kind of answer.
pub trait Respond {
    /// Whether it shows what field rules keep from the asker: only where that is its purpose, and it is audited.
    const UNMASKED: bool = false;
    /// The outcome of a value.
    fn outcome(&self) -> Result<Outcome>;
    /// What the spec says of it.
    fn describe(shape: &mut Shape);
}

fn json<T: Serialize>(status: u16, value: &T, headers: Vec<(String, String)>) -> Result<Outcome> {
    let body = serde_json::to_string(value).map_err(Problem::internal)?;
    Ok(Outcome { status, headers, body: Some(body) })
}

fn etag<T: Record>(record: &T) -> (String, String) {
    ("etag".to_owned(), format!("\"{}\"", record.version()))
}

/// 201 with `Location` and `ETag`; 200 where an existing record was taken instead.
pub struct Created<T> {
    /// The record.
    pub record: T,
    /// Whether it is new.
    pub fresh: bool,
}

impl<T> Created<T> {
    /// A new record.
    pub fn new(record: T) -> Self {
        Self { record, fresh: true }
    }
}

/// The collection a record lives in.
pub trait Located: Record {
    /// Its path.
    const PATH: &'static str;
}

macro_rules! located {
    ($($ty:ty => $path:literal),* $(,)?) => { $(impl Located for $ty { const PATH: &'static str = $path; })* };
}
located! {
    kartoteka_domain::contact::Contact => "/v1/contacts",
    kartoteka_domain::company::Company => "/v1/companies",
    kartoteka_domain::lead::Lead => "/v1/leads",
    kartoteka_domain::deal::Deal => "/v1/deals",
    kartoteka_domain::pipeline::Pipeline => "/v1/pipelines",
    kartoteka_domain::catalogue::LostReason => "/v1/lost-reasons",
    kartoteka_domain::task::Task => "/v1/tasks",
    kartoteka_domain::communication::Communication => "/v1/communications",
    kartoteka_domain::communication::outcome::CommunicationOutcome => "/v1/communication-outcomes",
    kartoteka_domain::note::Note => "/v1/notes",
    kartoteka_domain::form::Form => "/v1/forms",
    kartoteka_domain::user::User => "/v1/users",
    kartoteka_domain::department::Department => "/v1/departments",
    kartoteka_domain::api_key::ApiKey => "/v1/api-keys",
    kartoteka_domain::catalogue::Source => "/v1/sources",
    kartoteka_domain::catalogue::ContactStatus => "/v1/contact-statuses",
    kartoteka_domain::catalogue::RejectReason => "/v1/reject-reasons",
    kartoteka_domain::catalogue::Tag => "/v1/tags",
    kartoteka_domain::role::Role => "/v1/roles",
    kartoteka_domain::webhook::Webhook => "/v1/webhooks",
    kartoteka_domain::assignment::rule::AssignmentRule => "/v1/assignment-rules",
}

fn created<T: Located>(record: &T, status: u16) -> Result<Outcome> {
    let location = ("location".to_owned(), format!("{}/{}", T::PATH, record.uuid()));
    json(status, record, vec![location, etag(record)])
}

impl<T: Located + ToSchema> Respond for Created<T> {
    fn outcome(&self) -> Result<Outcome> {
        created(&self.record, if self.fresh { 201 } else { 200 })
    }
    fn describe(shape: &mut Shape) {
        shape.answer::<T>(201, "Created: the full record.");
        shape.answer_header(201, "Location", "Address of the record.");
        shape.answer_header(201, "ETag", "The record's version.");
    }
}

/// 201, or 200 with the existing record: creations that may attach, and upserts.
pub struct CreatedOrFound<T>(pub Created<T>);

impl<T: Located + ToSchema> Respond for CreatedOrFound<T> {
    fn outcome(&self) -> Result<Outcome> {
        self.0.outcome()
    }
    fn describe(shape: &mut Shape) {
        Created::<T>::describe(shape);
        shape.may_refuse(&[409]);
        shape.answer::<T>(200, "The existing record, with what was new to it; or the outcome of a dry run.");
        shape.answer_header(200, "Location", "Address of the record.");
        shape.answer_header(200, "ETag", "The record's version.");
    }
}

/// 200 with a record and its `ETag`.
pub struct Found<T>(pub T);

impl<T: Record + ToSchema> Respond for Found<T> {
    fn outcome(&self) -> Result<Outcome> {
        json(200, &self.0, vec![etag(&self.0)])
    }
    fn describe(shape: &mut Shape) {
        shape.answer::<T>(200, "The record.");
        shape.answer_header(200, "ETag", "The record's version.");
    }
}

/// 200 with anything.
pub struct Plain<T>(pub T);

impl<T: Serialize + ToSchema> Respond for Plain<T> {
    fn outcome(&self) -> Result<Outcome> {
        json(200, &self.0, Vec::new())
    }
    fn describe(shape: &mut Shape) {
        shape.answer::<T>(200, "The answer.");
    }
}

/// 200 with a record as it is, whatever the asker's role keeps from him.
pub struct Unmasked<T>(pub T);

impl<T: Record + ToSchema> Respond for Unmasked<T> {
    const UNMASKED: bool = true;
    fn outcome(&self) -> Result<Outcome> {
        json(200, &self.0, vec![etag(&self.0)])
    }
    fn describe(shape: &mut Shape) {
        Found::<T>::describe(shape);
    }
}

/// 200 with something that may not be there.
pub struct Sought<T>(pub T);

impl<T: Serialize + ToSchema> Respond for Sought<T> {
    fn outcome(&self) -> Result<Outcome> {
        json(200, &self.0, Vec::new())
    }
    fn describe(shape: &mut Shape) {
        Plain::<T>::describe(shape);
        shape.may_refuse(&[404]);
    }
}

/// 201 with something that has no address of its own.
pub struct Issued<T>(pub T);

impl<T: Serialize + ToSchema> Respond for Issued<T> {
    fn outcome(&self) -> Result<Outcome> {
        json(201, &self.0, Vec::new())
    }
    fn describe(shape: &mut Shape) {
        shape.answer::<T>(201, "Created.");
    }
}

/// 202 with a receipt.
pub struct Accepted<T>(pub T);

impl<T: Serialize + ToSchema> Respond for Accepted<T> {
    fn outcome(&self) -> Result<Outcome> {
        json(202, &self.0, Vec::new())
    }
    fn describe(shape: &mut Shape) {
        shape.answer::<T>(202, "Accepted: it is durable.");
    }
}

/// 202 without a body.
pub struct Noted;

impl Respond for Noted {
    fn outcome(&self) -> Result<Outcome> {
        Ok(Outcome { status: 202, headers: Vec::new(), body: None })
    }
    fn describe(shape: &mut Shape) {
        shape.bare(202, "Noted.");
    }
}

/// 204.
#[derive(Default)]
pub struct Done;

/// 204, or a refusal of this kind.
#[derive(Default)]
pub struct DoneUnless<const STATUS: u16>;

impl<const STATUS: u16> Respond for DoneUnless<STATUS> {
    fn outcome(&self) -> Result<Outcome> {
        Done.outcome()
    }
    fn describe(shape: &mut Shape) {
        Done::describe(shape);
        shape.may_refuse(&[STATUS]);
    }
}

impl Respond for Done {
    fn outcome(&self) -> Result<Outcome> {
        Ok(Outcome { status: 204, headers: Vec::new(), body: None })
    }
    fn describe(shape: &mut Shape) {
        shape.bare(204, "Done.");
    }
}

impl<T: Serialize + ToSchema> Respond for Page<T> {
    fn outcome(&self) -> Result<Outcome> {
        json(200, self, Vec::new())
    }
    fn describe(shape: &mut Shape) {
        page_schema::<T>(shape);
    }
}

/// An outcome as an idempotency key keeps it.
pub fn to_kept(outcome: &Outcome) -> kartoteka_persistence::idempotency::Outcome {
    kartoteka_persistence::idempotency::Outcome {
        status: outcome.status.into(),
        headers: serde_json::to_string(&outcome.headers).unwrap_or_default(),
        body: outcome.body.clone().unwrap_or_default(),
    }
}

/// The way back; a problem is kept as its parts, so that it can be told in any language.
pub fn from_kept(kept: &kartoteka_persistence::idempotency::Outcome) -> Result<Outcome> {
    if kept.headers == "problem" {
        let problem: Problem = read(&kept.body)?;
        return Err(Problem { replayed: true, ..problem });
    }
    let mut headers: Vec<(String, String)> = read(&kept.headers)?;
    headers.push(("idempotent-replayed".to_owned(), "true".to_owned()));
    let status = u16::try_from(kept.status).map_err(Problem::internal)?;
    Ok(Outcome { status, headers, body: (!kept.body.is_empty()).then(|| kept.body.clone()) })
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(Problem::internal)
}
