//! The OpenAPI document, made from the handlers' own types: what is mounted is described, and nothing else.

mod direction;
mod examples;
mod links;

use std::collections::BTreeMap;

use kartoteka_domain::list::{NamedSchema, Parameters, dependency};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::problem::ProblemCode;

/// What the types of a handler say of its operation.
#[derive(Default)]
pub struct Shape {
    /// Whether a credential is needed.
    pub secured: Option<(kartoteka_domain::access::RecordType, kartoteka_domain::access::Verb)>,
    /// Whether query parameters are read.
    pub takes_query: bool,
    /// Whether an `Idempotency-Key` is honoured.
    pub idempotent: bool,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: BTreeMap<u16, Value>,
    problems: Vec<u16>,
    schemas: Vec<NamedSchema>,
}

impl Shape {
    /// A success with a body.
    pub fn answer<T: ToSchema>(&mut self, status: u16, description: &str) {
        self.schema::<T>();
        let name = T::name();
        self.json_answer(status, description, &name);
    }
    fn json_answer(&mut self, status: u16, description: &str, schema: &str) {
        let mut content = json!({"schema": {"$ref": format!("#/components/schemas/{schema}")}});
        if let (Some(example), Some(content)) = (examples::example(schema), content.as_object_mut()) {
            content.insert("example".into(), example);
        }
        self.answers
            .insert(status, json!({"description": description, "content": {"application/json": content}, "headers": common_headers()}));
    }
    /// A success without a body.
    pub fn bare(&mut self, status: u16, description: &str) {
        self.answers.insert(status, json!({"description": description, "headers": common_headers()}));
    }
    /// A success with a body of another kind.
    pub fn text(&mut self, status: u16, description: &str, kind: &str, schema: &Value) {
        let content = json!({kind: {"schema": schema}});
        self.answers.insert(status, json!({"description": description, "content": content, "headers": common_headers()}));
    }
    /// A header of a success.
    pub fn answer_header(&mut self, status: u16, name: &str, description: &str) {
        if let Some(headers) = self.answers.get_mut(&status).and_then(|a| a.get_mut("headers")).and_then(Value::as_object_mut) {
            headers.insert(name.to_owned(), json!({"description": description, "schema": {"type": "string"}}));
        }
    }
    /// Statuses the operation may refuse with.
    pub fn may_refuse(&mut self, statuses: &[u16]) {
        self.problems.extend_from_slice(statuses);
    }
    /// A JSON body.
    pub fn body<T: ToSchema>(&mut self, types: &[&str]) {
        self.schema::<T>();
        let name = T::name();
        let mut media = json!({"schema": {"$ref": format!("#/components/schemas/{name}")}});
        if let (Some(example), Some(media)) = (examples::example(&name), media.as_object_mut()) {
            media.insert("example".into(), example);
        }
        let content: Map<String, Value> = types.iter().map(|kind| ((*kind).to_owned(), media.clone())).collect();
        self.body = Some(json!({"required": true, "content": content}));
        self.may_refuse(&[400, 413, 415, 422]);
    }
    /// A body of bytes.
    pub fn bytes(&mut self, description: &str) {
        let media = json!({"schema": {"type": "string", "format": "binary", "description": description}});
        self.body = Some(json!({"required": true, "description": description, "content": {"application/octet-stream": media}}));
        self.may_refuse(&[409, 413, 415]);
    }
    /// A success with bytes of one of these kinds.
    pub fn sound(&mut self, status: u16, description: &str, kinds: &[&str]) {
        let media = json!({"schema": {"type": "string", "format": "binary", "description": "The sound."}});
        let content: Map<String, Value> = kinds.iter().map(|kind| ((*kind).to_owned(), media.clone())).collect();
        self.answers.insert(status, json!({"description": description, "content": content, "headers": common_headers()}));
    }
    /// One more content type of the body.
    pub fn body_also(&mut self, kind: &str, schema: &Value) {
        if let Some(content) = self.body.as_mut().and_then(|b| b.get_mut("content")).and_then(Value::as_object_mut) {
            let mut media = json!({"schema": schema});
            let name = schema["$ref"].as_str().and_then(|r| r.rsplit('/').next()).unwrap_or_default();
            if let (Some(example), Some(media)) = (examples::example(name), media.as_object_mut()) {
                media.insert("example".into(), example);
            }
            content.insert(kind.to_owned(), media);
        }
    }
    /// Query parameters.
    pub fn query<P: Parameters>(&mut self) {
        self.takes_query = true;
        for parameter in P::parameters() {
            (parameter.dependencies)(&mut self.schemas);
            let schema = serde_json::to_value(&parameter.schema).unwrap_or_default();
            let mut described = json!({"name": parameter.name, "in": "query", "required": parameter.required, "description": parameter.description, "schema": schema});
            if schema.get("type").and_then(Value::as_str) == Some("array")
                && let Some(described) = described.as_object_mut()
            {
                described.insert("style".into(), "form".into());
                described.insert("explode".into(), false.into());
            }
            self.parameters.push(described);
        }
    }
    /// A parameter in the path.
    pub fn path_parameter(&mut self, name: &str, description: &str, schema: &Value) {
        self.parameters.push(json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema}));
    }
    /// A header of the request.
    pub fn header(&mut self, name: &str, description: &str) {
        self.parameters
            .push(json!({"name": name, "in": "header", "required": false, "description": description, "schema": {"type": "string"}}));
    }
    /// The schema of the success, when it has one.
    pub fn answered(&self) -> Option<String> {
        let schema =
            |answer: &Value| Some(answer.pointer("/content/application~1json/schema/$ref")?.as_str()?.rsplit('/').next()?.to_owned());
        self.answers.values().find_map(schema)
    }
    /// A named schema and all it refers to.
    pub fn schema<T: ToSchema>(&mut self) {
        dependency::<T>(&mut self.schemas);
    }
}

/// Describes the page of a record type; a name of its own for each, so that generators make one class per page.
pub fn page_schema<T: ToSchema>(shape: &mut Shape) {
    shape.schema::<T>();
    let (item, name) = (T::name(), format!("{}Page", T::name()));
    let page = json!({
        "type": "object",
        "description": format!("One page of a list of {item} records."),
        "required": ["data", "next_cursor"],
        "properties": {
            "data": {"type": "array", "description": "The records.", "items": {"$ref": format!("#/components/schemas/{item}")}},
            "next_cursor": {"type": ["string", "null"], "description": "Where to go on; null on the last page."},
            "total": {"type": "integer", "format": "int64", "description": "Count of all matching records, when `include_total` asked for it."},
        },
    });
    if let Ok(schema) = serde_json::from_value(page) {
        shape.schemas.push((name.clone(), schema));
    }
    shape.json_answer(200, "One page.", &name);
}

fn common_headers() -> Value {
    json!({"X-Request-Id": {"description": "Id of the request, the client's own if it sent a sane one.", "schema": {"type": "string"}}})
}

fn limit_headers() -> Map<String, Value> {
    ["RateLimit", "RateLimit-Policy"]
        .into_iter()
        .map(|name| (name.to_owned(), json!({"description": "The limit and what is left of it.", "schema": {"type": "string"}})))
        .collect()
}

/// A type of a handler that adds to the description.
pub trait Describe {
    /// Adds it.
    fn describe(shape: &mut Shape);
}

macro_rules! describe_tuples {
    ($(($($name:ident)*))*) => { $(impl<$($name: Describe),*> Describe for ($($name,)*) {
        fn describe(shape: &mut Shape) { let _ = &shape; $($name::describe(shape);)* }
    })* };
}
describe_tuples! { () (A) (A B) (A B C) (A B C D) (A B C D E) }

/// One operation of the document.
pub struct Operation {
    /// Its path.
    pub path: String,
    /// Its method, lower case.
    pub method: String,
    /// What its attribute and comments say.
    pub written: utoipa::openapi::path::Operation,
    /// When it will be gone, if it will.
    pub retirement: Option<std::sync::Arc<crate::retirement::Retirement>>,
    /// What its types say.
    pub shape: Shape,
}

const PROBLEMS: &[(u16, &str, &str)] = &[
    (400, "BadRequest", "The request cannot be read: not JSON, a wrong JSON type, an unknown name, a bad parameter."),
    (401, "Unauthorized", "No valid credential."),
    (403, "Forbidden", "The role may not do this."),
    (404, "NotFound", "Not there, or not yours: the same answer for both."),
    (409, "Conflict", "Conflicts with the present state."),
    (410, "Gone", "It is not kept any more."),
    (412, "PreconditionFailed", "The record changed since it was read."),
    (413, "ContentTooLarge", "The body is larger than allowed."),
    (415, "UnsupportedMediaType", "The content type is not understood here."),
    (416, "RangeNotSatisfiable", "There is no such part."),
    (422, "UnprocessableContent", "Some fields are not valid; all of them are told at once."),
    (428, "PreconditionRequired", "The workspace demands If-Match."),
    (429, "TooManyRequests", "Too many requests."),
    (503, "ServiceUnavailable", "Too much to do at this moment; try again after the time told."),
];

/// The whole document.
pub fn document(operations: &[Operation]) -> Value {
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    let mut add = |list: &[NamedSchema]| {
        for (name, schema) in list {
            let schema = tagged(described(serde_json::to_value(schema).unwrap_or_default()));
            let kept = schemas.entry(name.clone()).or_insert_with(|| schema.clone());
            debug_assert_eq!(*kept, schema, "two types want the schema name {name}");
        }
    };
    let mut own: Vec<NamedSchema> = Vec::new();
    dependency::<ProblemCode>(&mut own);
    dependency::<kartoteka_domain::invalid::FieldCode>(&mut own);
    dependency::<kartoteka_domain::record::Expanded>(&mut own);
    dependency::<kartoteka_domain::duplicate::Candidate>(&mut own);
    dependency::<kartoteka_domain::deal::movement::MoveRefusalReason>(&mut own);
    dependency::<kartoteka_domain::deal::movement::LegalMove>(&mut own);
    dependency::<kartoteka_domain::user::WorkspaceBrief>(&mut own);
    dependency::<kartoteka_domain::free::OpenApiDocument>(&mut own);
    dependency::<kartoteka_domain::free::ChangedValue>(&mut own);
    add(&own);
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for operation in operations {
        add(&operation.shape.schemas);
        let mut described = serde_json::to_value(&operation.written).unwrap_or_default();
        if let Some(described) = described.as_object_mut() {
            complete(described, &operation.shape, &operation.method);
            if let Some(retirement) = &operation.retirement {
                retirement.describe(described);
            }
        }
        paths.entry(operation.path.clone()).or_default().insert(operation.method.clone(), described);
    }
    for (name, schema) in problem_schemas() {
        schemas.insert(name.to_owned(), schema);
    }
    direction::divide(&mut schemas, &mut paths);
    links::connect(&mut paths);
    let responses: Map<String, Value> = PROBLEMS
        .iter()
        .map(|(status, name, description)| {
            let mut headers = common_headers();
            if let Some(headers) = headers.as_object_mut() {
                let mut header = |name: &str, text: &str| headers.insert(name.into(), json!({"description": text, "schema": {"type": "string"}}));
                match status {
                    401 => drop(header("WWW-Authenticate", "How to sign in.")),
                    409 | 429 | 503 => drop(header("Retry-After", "Seconds to wait.")),
                    _ => {}
                }
                if *status == 429 {
                    limit_headers().into_iter().for_each(|(name, _)| drop(header(&name, "The limit and what is left of it.")));
                }
                if matches!(status, 409 | 422) {
                    header("Idempotent-Replayed", "`true` when this is the stored outcome of an earlier request with the same key.");
                }
            }
            let content = json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "example": examples::problem(*status)}});
            ((*name).to_owned(), json!({"description": description, "headers": headers, "content": content}))
        })
        .collect();
    let tags: Vec<Value> = TAGS.iter().map(|(name, text)| json!({"name": name, "description": text})).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Kartoteka",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A headless CRM that keeps a client base: complete cards, no duplicates, every enquiry caught, every client with a next step.\n\nIds that begin with `019aa000-0000-7000-8000-` stand in examples for the ids of your own records.",
            "license": {"name": "MIT", "url": "https://spdx.org/licenses/MIT.html"},
            "contact": {"name": "Kartoteka", "url": "https://github.com/kartoteka/kartoteka", "email": "api@kartoteka.example"},
        },
        "servers": [{"url": "/", "description": "This server."}],
        "tags": tags,
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": responses,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "An access token of `POST /v1/auth/token`, or an API key `kk_live_…`."}},
        },
    })
}

const TAGS: &[(&str, &str)] = &[
    ("access", "Why somebody sees something."),
    ("api-keys", "Ways in for integrations."),
    ("assignment", "Who becomes responsible for an enquiry, and why."),
    ("audit-events", "Who did what, proven complete, and the way back."),
    ("auth", "Signing in and out."),
    ("communication-outcomes", "What may come of communications, and what that demands."),
    ("communications", "Calls, meetings, letters, messages."),
    ("companies", "Organisations' cards."),
    ("contact-statuses", "The workspace's own list of statuses."),
    ("contacts", "People's cards."),
    ("deals", "Sales on their way through a pipeline."),
    ("departments", "The tree that decides what a head sees."),
    ("events", "Every change, in order."),
    ("forms", "Websites' doors for enquiries."),
    ("hand-overs", "Somebody's work given to others, and taken back."),
    ("leads", "Enquiries."),
    ("lookup", "Who is behind a phone, an e-mail, a tax id."),
    ("lost-reasons", "Why deals are lost."),
    ("me", "Who is asking, and what is to be done today."),
    ("notes", "Free text on cards, leads, tasks."),
    ("pipelines", "The stages deals go through."),
    ("public", "What a website calls without a credential."),
    ("reject-reasons", "Why leads are rejected."),
    ("roles", "What may be done, and what is seen."),
    ("service", "For those who run the server."),
    ("sources", "Where clients come from."),
    ("submissions", "What forms sent, and what became of it."),
    ("tags", "Tags of cards and leads."),
    ("tasks", "What is to be done, by whom, by when."),
    ("users", "Colleagues."),
    ("webhooks", "Addresses of others that are told of events."),
    ("workspace", "Settings and policies."),
];

fn complete(operation: &mut Map<String, Value>, shape: &Shape, method: &str) {
    let mut parameters = shape.parameters.clone();
    let mut problems = shape.problems.clone();
    problems.push(400);
    if shape.secured.is_some() {
        problems.extend([401, 403, 503]);
        operation.insert("security".into(), json!([{"bearer": []}]));
    } else {
        operation.insert("security".into(), json!([]));
    }
    if shape.idempotent && method == "post" {
        parameters.push(json!({"name": "Idempotency-Key", "in": "header", "required": false,
            "description": "The same key and body get the same outcome for 24 hours; the effect happens once.", "schema": {"type": "string", "minLength": 1, "maxLength": 255}}));
        problems.extend([409, 422]);
    }
    parameters.push(json!({"name": "Accept-Language", "in": "header", "required": false,
        "description": "Language of messages: en, ru or uk.", "schema": {"type": "string"}}));
    operation.insert("parameters".into(), parameters.into());
    if let Some(body) = &shape.body {
        operation.insert("requestBody".into(), body.clone());
    }
    let mut responses: Map<String, Value> = shape.answers.iter().map(|(status, answer)| (status.to_string(), answer.clone())).collect();
    if shape.idempotent && method == "post" {
        for answer in responses.values_mut() {
            if let Some(headers) = answer.get_mut("headers").and_then(Value::as_object_mut) {
                let text = "`true` when this is the stored outcome of an earlier request with the same key.";
                headers.insert("Idempotent-Replayed".into(), json!({"description": text, "schema": {"type": "string"}}));
            }
        }
    }
    if problems.contains(&429) {
        for answer in responses.values_mut() {
            if let Some(headers) = answer.get_mut("headers").and_then(Value::as_object_mut) {
                headers.extend(limit_headers());
            }
        }
    }
    problems.sort_unstable();
    problems.dedup();
    for (status, name, _) in PROBLEMS {
        if problems.contains(status) {
            responses.insert(status.to_string(), json!({"$ref": format!("#/components/responses/{name}")}));
        }
    }
    operation.insert("responses".into(), responses.into());
}

/// Lifts a description that stands beside an optional reference (`oneOf [$ref, null]`) to the property itself, where
/// generators look for it.
fn described(mut schema: Value) -> Value {
    for property in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(|p| p.values_mut()) {
        let lifted = property
            .get_mut("oneOf")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
            .filter(|variant| variant.get("$ref").is_some())
            .find_map(|variant| variant.as_object_mut()?.remove("description"));
        if let (Some(text), Some(property)) = (lifted, property.as_object_mut()) {
            property.insert("description".into(), text);
        }
    }
    schema
}

/// Says of a union that it is an object with its tag, and of a variant's tag that it is one constant: without the first
/// some generators lose the tag, with an enum of one word they make a type for each.
fn tagged(mut schema: Value) -> Value {
    if let Some(name) = schema.pointer("/discriminator/propertyName").and_then(Value::as_str).map(ToOwned::to_owned)
        && let Some(union) = schema.as_object_mut()
    {
        union.insert("type".into(), "object".into());
        union.insert("required".into(), json!([name]));
        union.insert("properties".into(), json!({name: {"type": "string", "description": "Which variant it is."}}));
    }
    for property in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
        if let Some(property) = property.as_object_mut()
            && let Some([only]) = property.get("enum").and_then(Value::as_array).map(Vec::as_slice)
        {
            let only = only.clone();
            property.remove("enum");
            property.insert("const".into(), only);
        }
    }
    schema
}

fn problem_schemas() -> Vec<(&'static str, Value)> {
    let text = |description: &str| json!({"type": "string", "description": description});
    vec![
        (
            "Problem",
            json!({
                "type": "object",
                "description": "A refusal (RFC 9457).",
                "required": ["type", "title", "status", "code", "detail", "request_id", "errors"],
                "properties": {
                    "type": text("Address of the kind of problem."),
                    "title": text("What happened, in the asker's language."),
                    "status": {"type": "integer", "format": "int32", "description": "The HTTP status."},
                    "code": {"$ref": "#/components/schemas/ProblemCode", "description": "Why it is refused."},
                    "detail": text("More about it."),
                    "request_id": text("Id of the request, for support."),
                    "errors": {"type": "array", "description": "Every faulty field.", "items": {"$ref": "#/components/schemas/ProblemField"}},
                    "existing_id": {"type": "string", "format": "uuid", "description": "409 `duplicate_found`: the best candidate."},
                    "candidates": {"type": "array", "description": "409 `duplicate_found`: the candidates, best first.", "items": {"$ref": "#/components/schemas/Candidate"}},
                    "workspaces": {"type": "array", "description": "409 `workspace_required`: the workspaces to choose from.", "items": {"$ref": "#/components/schemas/WorkspaceBrief"}},
                    "reason": {"$ref": "#/components/schemas/MoveRefusalReason", "description": "409 `move_refused`: why."},
                    "missing_fields": {"type": "array", "description": "409 `move_refused`: what the deal lacks for the stage asked for.", "items": {"$ref": "#/components/schemas/DealRequirement"}},
                    "unchecked": {"type": "array", "description": "409 `move_refused`: required steps of the checklist that are not done.", "items": {"type": "string", "format": "uuid"}},
                    "legal_moves": {"type": "array", "description": "409 `move_refused`: where the deal may go, and what it lacks for each.", "items": {"$ref": "#/components/schemas/LegalMove"}},
                    "current_version": {"type": "integer", "format": "int64", "description": "412 `version_mismatch`: the version now."},
                    "oldest": {"type": "integer", "format": "int64", "description": "410 `events_gone`: the number of the oldest event that is kept."},
                    "latest": {"type": "integer", "format": "int64", "description": "410 `events_gone`: the number of the latest event."},
                    "changed_fields": {"type": "array", "description": "412 `version_mismatch`: the fields that changed since the version sent.", "items": {"type": "string"}},
                    "results": {"type": "array", "description": "422 `batch_rejected`: what came of each operation, or would have.", "items": {"$ref": "#/components/schemas/BatchResult"}},
                    "submission_id": {"type": "string", "format": "uuid", "description": "422 of a form: the submission that was kept as rejected."},
                },
            }),
        ),
        (
            "ProblemField",
            json!({
                "type": "object",
                "description": "One faulty field.",
                "required": ["pointer", "parameter", "code", "message"],
                "properties": {
                    "pointer": {"type": ["string", "null"], "description": "JSON Pointer into the body; null for a parameter."},
                    "parameter": {"type": ["string", "null"], "description": "Name of the query parameter; null for the body."},
                    "code": {"$ref": "#/components/schemas/FieldCode", "description": "What is wrong with the field."},
                    "message": text("What is wrong, in the asker's language."),
                },
            }),
        ),
    ]
}

/// The document as YAML, ending in a newline.
pub fn to_yaml(document: &Value) -> String {
    serde_saphyr::to_string(document).unwrap_or_default()
}
