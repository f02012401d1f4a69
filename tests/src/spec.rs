//! The served specification as the judge: finds the operation of a request and tells in what an answer differs from
//! what is documented. Objects are closed for this: a property nobody documented is a difference, too.

pub mod strict;

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
};

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    wire::{self, Request},
};

/// Headers that mean something: whoever sends one must have documented it.
const TELLING: &[&str] = &["etag", "location", "retry-after", "www-authenticate", "idempotent-replayed", "link"];

/// The specification.
pub struct Spec {
    /// As served.
    pub document: Value,
    /// Its operations.
    pub operations: Vec<Operation>,
    closed: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// One operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// `operation_id`.
    pub id: String,
    /// Method, upper case.
    pub method: String,
    /// Path template.
    pub path: String,
    /// As written in the specification.
    pub definition: Value,
}

static SPEC: OnceLock<Spec> = OnceLock::new();

/// The specification a server serves; fetched once per process, since all servers of a run are one binary.
pub fn of(address: SocketAddr) -> &'static Spec {
    SPEC.get_or_init(|| {
        let request = Request { method: "GET".into(), target: "/openapi.json".into(), headers: Vec::new(), body: None };
        let response = wire::exchange(address, &request).expect("/openapi.json");
        Spec::read(serde_json::from_slice(&response.body).expect("/openapi.json is JSON"))
    })
}

impl Spec {
    /// Reads a document.
    pub fn read(document: Value) -> Self {
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for method in ["get", "put", "post", "delete", "patch", "head", "options"] {
                if let Some(definition) = item.get(method) {
                    let id = definition["operationId"].as_str().unwrap_or_default().to_owned();
                    operations.push(Operation { id, method: method.to_uppercase(), path: path.clone(), definition: definition.clone() });
                }
            }
        }
        let mut closed = json!({"components": document["components"]});
        strict::close(&mut closed["components"]["schemas"]);
        Self { document, operations, closed, validators: Mutex::default() }
    }

    /// The operation of a request; the template with the most literal segments wins.
    pub fn operation(&self, method: &str, path: &str) -> Option<&Operation> {
        let template = self.template(path)?;
        self.operations.iter().find(|o| o.path == template && o.method == method)
    }

    /// The path template a path fits.
    pub fn template(&self, path: &str) -> Option<&str> {
        let path = path.split('?').next().unwrap_or_default();
        let literal = |template: &str| template.split('/').filter(|s| !s.starts_with('{')).count();
        self.operations.iter().map(|o| o.path.as_str()).filter(|template| fits(template, path)).max_by_key(|template| literal(template))
    }

    /// The operation of that id.
    pub fn named(&self, id: &str) -> &Operation {
        self.operations.iter().find(|o| o.id == id).unwrap_or_else(|| panic!("the specification has no operation {id}"))
    }

    /// Follows `$ref`, if there is one.
    pub fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(pointer) => {
                self.resolved(self.document.pointer(pointer.trim_start_matches('#')).unwrap_or_else(|| panic!("dangling {pointer}")))
            }
            None => value,
        }
    }

    /// The JSON body an operation takes: its media type object.
    pub fn json_body<'a>(&'a self, operation: &'a Operation) -> Option<&'a Value> {
        self.resolved(&operation.definition["requestBody"])["content"].get("application/json")
    }

    /// The example of a media type object.
    pub fn example<'a>(&'a self, media: &'a Value) -> Option<&'a Value> {
        let named = || self.resolved(media["examples"].as_object()?.values().next()?).get("value");
        media.get("example").or_else(named)
    }

    /// In what a value differs from a schema; `closed` also tells undocumented properties.
    pub fn against(&self, schema: &Value, value: &Value, closed: bool) -> Vec<String> {
        let key = format!("{closed}{schema}");
        let mut validators = self.validators.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let validator = validators.entry(key).or_insert_with(|| {
            let mut schema = schema.clone();
            let components = if closed {
                strict::close(&mut schema);
                &self.closed["components"]
            } else {
                &self.document["components"]
            };
            // only what the schema leads to: compiling all of it for each answer would take longer than the suite
            let root = json!({"allOf": [schema], "components": {"schemas": strict::reachable(&schema, &components["schemas"])}});
            let built = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true).build(&root);
            Arc::new(built.unwrap_or_else(|e| panic!("a schema of the specification is none: {e}\n{schema}")))
        });
        let validator = Arc::clone(validator);
        drop(validators);
        validator.iter_errors(value).take(8).map(|e| format!("{}: {e}", e.instance_path()).chars().take(400).collect()).collect()
    }

    /// In what an answer differs from what is documented.
    pub fn differences(&self, method: &str, path: &str, answer: &Answer) -> Vec<String> {
        let mut found = Vec::new();
        let mut say = |what: String| found.push(what);
        if answer.header("x-request-id").is_none_or(str::is_empty) {
            say("every answer carries X-Request-Id".into());
        }
        if answer.status >= 400 && answer.status != 304 && method != "HEAD" {
            problem(answer, &mut say);
        }
        times(answer.json(), "", &mut say);
        let Some(template) = self.template(path) else {
            if answer.status != 404 && answer.status != 405 {
                say(format!("an unknown path answers 404, not {}", answer.status));
            }
            return found;
        };
        let Some(operation) = self.operation(method, path) else {
            if answer.status != 405 && !matches!(method, "OPTIONS" | "HEAD") {
                say(format!("{template} knows no {method}: 405, not {}", answer.status));
            }
            return found;
        };
        let Some(documented) = operation.definition["responses"].get(answer.status.to_string()) else {
            say(format!("{} documents no status {}", operation.id, answer.status));
            return found;
        };
        let documented = self.resolved(documented);
        self.headers(documented, answer, &mut say);
        self.content(documented, answer, &mut say);
        found
    }

    fn headers(&self, documented: &Value, answer: &Answer, say: &mut impl FnMut(String)) {
        let named: BTreeMap<String, &Value> = documented["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, header)| (name.to_lowercase(), self.resolved(header)))
            .collect();
        for (name, header) in &named {
            if header["required"] == true && answer.header(name).is_none() {
                say(format!("header {name} is documented as required and missing"));
            }
        }
        for name in TELLING {
            if answer.header(name).is_some() && !named.contains_key(*name) {
                say(format!("header {name} is sent and not documented for {}", answer.status));
            }
        }
        if let Some(etag) = answer.header("etag")
            && let Some(version) = answer.json()["version"].as_i64()
            && etag != format!("\"{version}\"")
        {
            say(format!("ETag {etag} is not the version {version}"));
        }
    }

    fn content(&self, documented: &Value, answer: &Answer, say: &mut impl FnMut(String)) {
        let Some(content) = documented["content"].as_object().filter(|c| !c.is_empty()) else {
            if !answer.body.is_empty() {
                say(format!("no content is documented for {}, but there is a body", answer.status));
            }
            return;
        };
        let sent = answer.header("content-type").unwrap_or_default();
        let essence = sent.split(';').next().unwrap_or_default().trim().to_lowercase();
        let Some(media) = content.get(&essence) else {
            return say(format!("content type «{sent}» is not among {:?}", content.keys().collect::<Vec<_>>()));
        };
        if essence.ends_with("json") && media.get("schema").is_some() {
            for difference in self.against(&media["schema"], answer.json(), true) {
                say(difference);
            }
        }
    }
}

/// What RFC 9457 and the contract ask of every problem document.
fn problem(answer: &Answer, say: &mut impl FnMut(String)) {
    let content_type = answer.header("content-type").unwrap_or_default();
    if !content_type.starts_with("application/problem+json") {
        return say(format!("a problem document is wanted, content type is «{content_type}»"));
    }
    let body = answer.json();
    let code = body["code"].as_str().unwrap_or_default();
    if body["type"] != format!("/problems/{code}") {
        say(format!("type {} does not name the code {code}", body["type"]));
    }
    if body["status"] != answer.status {
        say(format!("status {} in the document", body["status"]));
    }
    if body["request_id"].as_str() != answer.header("x-request-id") {
        say("request_id is not X-Request-Id".into());
    }
    if body["title"].as_str().is_none_or(str::is_empty) {
        say("no title".into());
    }
    if answer.status == 401 && answer.header("www-authenticate").is_none() {
        say("401 without WWW-Authenticate".into());
    }
    if matches!(answer.status, 429 | 503) && answer.header("retry-after").is_none_or(|after| after.parse::<u32>().is_err()) {
        say(format!("{} without Retry-After", answer.status));
    }
    if answer.status == 405 && answer.header("allow").is_none() {
        say("405 without Allow".into());
    }
}

/// Times are RFC 3339 UTC with `Z` and microseconds at most, wherever a name ends in `_at`.
fn times(value: &Value, at: &str, say: &mut impl FnMut(String)) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                let here = format!("{at}/{name}");
                if (name.ends_with("_at") || name == "at")
                    && let Some(text) = inner.as_str()
                    && !is_time(text)
                    // what a client wrote into a form is its own business
                    && !at.contains("/fields") && !at.contains("/answers")
                {
                    say(format!("{here}: «{text}» is not a UTC time with microseconds at most"));
                }
                times(inner, &here, say);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| times(item, at, say)),
        _ => {}
    }
}

fn is_time(text: &str) -> bool {
    let Some((seconds, fraction)) = text.strip_suffix('Z').map(|t| t.split_once('.').unwrap_or((t, ""))) else { return false };
    seconds.len() == 19 && seconds.as_bytes()[10] == b'T' && fraction.len() <= 6 && fraction.bytes().all(|b| b.is_ascii_digit())
}

fn fits(template: &str, path: &str) -> bool {
    let (mut t, mut p) = (template.split('/'), path.split('/'));
    loop {
        match (t.next(), p.next()) {
            (None, None) => return true,
            (Some(t), Some(p)) if t == p || (t.starts_with('{') && !p.is_empty()) => {}
            _ => return false,
        }
    }
}
