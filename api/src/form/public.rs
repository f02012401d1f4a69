//! What a website calls. Whatever can be read is kept before it is judged: no enquiry is lost.

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    dev::Payload,
    http::{StatusCode, header},
    web,
};
use kartoteka_domain::{
    access::Scope,
    actor::{ActorRef, ActorType},
    form::{Form, PublicForm},
    id::{SubmissionId, WorkspaceId},
    record::Record,
    submission::{Posted, PostedForm, Receipt, ReceiptStatus},
};
use kartoteka_persistence::{
    Stored,
    workspace::{self, DoorKind},
};
use serde_json::Value;

use crate::{
    answer::{Answer, Plain, Reply},
    app::App,
    can::circumstances,
    credential::{digest, lookup_scope},
    observe::peer_address,
    problem::{Problem, ProblemCode, Result},
    request::{FormKey, body_so_far},
    router::Described,
    session::Caller,
    spec::{Describe, Shape},
    submission::{self, Incoming, Verdict},
};

/// Get a form's public definition
///
/// Its fields, and the names of the honeypot and of the start-time field.
#[utoipa::path(get, path = "/public/v1/forms/{form_key}", tag = "public")]
pub async fn get_public_form(anybody: Caller, key: FormKey) -> Answer<Plain<PublicForm>> {
    let (_, form) = find(&anybody.0, &key.0).await?;
    Reply::of(&Plain(form.public()))
}

/// The form behind a key, in use.
async fn find(app: &App, key: &str) -> Result<(WorkspaceId, Form)> {
    let doors = workspace::doors(&app.store, DoorKind::Form, digest(key)).await?;
    let door = doors.first().copied().ok_or_else(Problem::not_found)?;
    let form = app.store.read(lookup_scope(door.workspace), move |tx| -> Result<_> { Ok(Form::find(tx, door.target)?) }).await?;
    let form = form.filter(|f| f.active && f.archived_at.is_none() && f.key == key).ok_or_else(Problem::not_found)?;
    Ok((door.workspace, form))
}

/// The raw post; read by the handler, after the form is known.
pub struct Post {
    request: HttpRequest,
    payload: Payload,
}

impl actix_web::FromRequest for Post {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        std::future::ready(Ok(Self { request: req.clone(), payload: payload.take() }))
    }
}
impl Describe for Post {
    fn describe(shape: &mut Shape) {
        shape.body::<PostedForm>(&["application/json"]);
        shape.schema::<kartoteka_domain::free::PostedFields>();
        let flat = serde_json::json!({"$ref": "#/components/schemas/PostedFields"});
        shape.body_also("application/x-www-form-urlencoded", &flat);
        shape.body_also("multipart/form-data", &flat);
        shape.header("Idempotency-Key", "The same key makes one submission.");
        shape.may_refuse(&[403, 429]);
    }
}

/// 202 with a receipt, or 303 to where the form sends people.
pub enum Received {
    /// The receipt, and whether it was given before.
    Receipt(Receipt, bool),
    /// Where a plain HTML form goes on.
    Redirect(String),
}

impl Responder for Received {
    type Body = BoxBody;
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        match self {
            Self::Receipt(receipt, replayed) => {
                let mut response = HttpResponse::build(StatusCode::ACCEPTED);
                if replayed {
                    response.insert_header(("idempotent-replayed", "true"));
                }
                response.json(receipt)
            }
            Self::Redirect(url) => HttpResponse::SeeOther().insert_header((header::LOCATION, url)).finish(),
        }
    }
}
impl Described for Result<Received> {
    fn describe(shape: &mut Shape) {
        shape.answer::<Receipt>(202, "Accepted: the submission is durable.");
        shape.answer_header(202, "Idempotent-Replayed", "`true` when this post was kept before.");
        shape.bare(303, "A plain HTML form with a configured redirect goes on there.");
        shape.answer_header(303, "Location", "Where to go on.");
    }
}

/// Submit a form
///
/// JSON, urlencoded or multipart. Answered once the raw submission is durable. A submission that breaks the form's own
/// rules is told so (422) and kept as rejected; what looks like a robot's is answered like any other and kept aside.
#[utoipa::path(post, path = "/public/v1/forms/{form_key}/submissions", tag = "public")]
pub async fn submit_form(anybody: Caller, key: FormKey, post: Post) -> Result<Received> {
    let app = &anybody.0;
    let (workspace, form) = find(app, &key.0).await?;
    let Post { request, mut payload } = post;
    let address = peer_address(&request);
    let allowance = app.limits.submission(&form, address.as_deref().unwrap_or_default())?;
    request.extensions_mut().insert(allowance);
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).map(ToOwned::to_owned);
    let kind = request.content_type().to_ascii_lowercase();
    let most = usize::try_from(form.max_body_bytes).unwrap_or(262_144);
    // a body that was cut off is kept as far as it came, and told so
    let (body, whole) = body_so_far(&mut payload, most).await?;
    let reading = if whole { read(&kind, content_type.as_deref(), &body).await } else { Err(Problem::new(ProblemCode::MalformedJson)) };
    let (posted, unreadable) = match reading {
        Ok(posted) => (posted.without_nul(), None),
        Err(problem) => (Posted::default(), Some(problem)),
    };
    let origin = request.headers().get(header::ORIGIN).and_then(|v| v.to_str().ok());
    let objection = if form.admits(origin) { unreadable } else { Some(Problem::new(ProblemCode::OriginNotAllowed)) };
    let idempotency_key =
        request.headers().get("idempotency-key").and_then(|v| v.to_str().ok()).filter(|k| !k.is_empty() && k.len() <= 255);
    let incoming = Incoming {
        body,
        content_type: content_type.map(|t| t.chars().take(200).collect()),
        idempotency_hash: idempotency_key.map(|k| digest(&format!("{}\n{k}", form.id))),
        address,
        test: false,
        objection: objection.as_ref().map(|p| p.code.word().to_owned()),
    };
    let redirect = form.redirect_url.clone().filter(|_| kind != "application/json" && wants_html(&request));
    let by = ActorRef { kind: ActorType::Form, id: Some(form.uuid()), name: form.name.clone() };
    let scope = Scope::of_the_server(workspace, by);
    let verdict: Verdict =
        app.store.write(scope, circumstances(&request), move |tx| submission::receive(tx, &form, &incoming, &posted)).await?;
    app.wake_worker();
    match (verdict, objection) {
        (Verdict::KeyReused(id), _) => Err(Problem::new(ProblemCode::IdempotencyKeyReused).with("submission_id", id)),
        (Verdict::Kept(_) | Verdict::Known(_), Some(problem)) => Err(problem),
        (Verdict::Kept(id), None) => Ok(receipt(id, redirect, false)),
        (Verdict::Known(id), None) => Ok(receipt(id, redirect, true)),
        (Verdict::Rejected(id, errors), _) => Err(Problem::from(errors).with("submission_id", id)),
    }
}

fn receipt(id: SubmissionId, redirect: Option<String>, replayed: bool) -> Received {
    match redirect {
        Some(url) => Received::Redirect(url),
        None => Received::Receipt(Receipt { submission_id: id, status: ReceiptStatus::Accepted }, replayed),
    }
}

fn wants_html(request: &HttpRequest) -> bool {
    request.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

/// Text of a body by its charset: UTF-8, or what the content type names, cp1251 among others.
fn decode(bytes: &[u8], content_type: Option<&str>) -> Result<String> {
    let label =
        content_type.and_then(|t| t.to_ascii_lowercase().split("charset=").nth(1).map(|c| c.trim_matches(['"', ' ', ';']).to_owned()));
    let encoding = label.and_then(|l| encoding_rs::Encoding::for_label(l.as_bytes())).unwrap_or(encoding_rs::UTF_8);
    let (text, _, broken) = encoding.decode(bytes);
    if !broken {
        return Ok(text.into_owned());
    }
    // an old page posts cp1251 without saying so
    let (text, _, broken) = encoding_rs::WINDOWS_1251.decode(bytes);
    if broken { Err(Problem::new(ProblemCode::InvalidText)) } else { Ok(text.into_owned()) }
}

/// Reads the three kinds of posts.
async fn read(kind: &str, content_type: Option<&str>, body: &[u8]) -> Result<Posted> {
    match kind {
        "application/json" | "text/plain" => {
            let text = decode(body, content_type)?;
            let value: Value = serde_json::from_str(&text).map_err(|_| Problem::new(ProblemCode::MalformedJson))?;
            Posted::from_json(value).ok_or_else(|| Problem::new(ProblemCode::WrongType))
        }
        "application/x-www-form-urlencoded" => Ok(Posted::from_pairs(urlencoded(body, content_type).into_iter())),
        "multipart/form-data" => multipart(content_type.unwrap_or_default(), body).await,
        _ => Err(Problem::new(ProblemCode::UnsupportedMediaType)),
    }
}

/// Reads a kept body once more, by its content type or by what it looks like.
pub async fn read_again(content_type: Option<&str>, body: &[u8]) -> Option<Posted> {
    let kind = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let looks_like = if body.trim_ascii_start().first() == Some(&b'{') { "application/json" } else { "application/x-www-form-urlencoded" };
    for kind in [kind.as_str(), looks_like] {
        if let Ok(posted) = read(kind, content_type, body).await
            && posted.fields.values().any(|v| !v.is_null() && *v != Value::String(String::new()))
        {
            return Some(posted.without_nul());
        }
    }
    None
}

/// Percent-encoded pairs; bytes that are no UTF-8 are taken for cp1251.
fn urlencoded(body: &[u8], content_type: Option<&str>) -> Vec<(String, Value)> {
    body.split(|b| *b == b'&')
        .filter(|part| !part.is_empty())
        .take(1000)
        .map(|part| {
            let mut halves = part.splitn(2, |b| *b == b'=');
            let mut half = || {
                let raw: Vec<u8> = halves.next().unwrap_or_default().iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
                let bytes: Vec<u8> = percent_encoding::percent_decode(&raw).collect();
                decode(&bytes, content_type).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned())
            };
            let name = half();
            (name, Value::String(half()))
        })
        .collect()
}

async fn multipart(content_type: &str, body: &[u8]) -> Result<Posted> {
    use futures_util::StreamExt;
    let malformed = || Problem::new(ProblemCode::MalformedForm);
    let mut headers = header::HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_str(content_type).map_err(|_| malformed())?);
    let bytes = web::Bytes::copy_from_slice(body);
    let stream = futures_util::stream::once(std::future::ready(Ok::<_, actix_web::error::PayloadError>(bytes)));
    let mut parts = actix_multipart::Multipart::new(&headers, stream);
    let mut pairs = Vec::new();
    while let Some(part) = parts.next().await {
        let mut part = part.map_err(|_| malformed())?;
        let disposition = part.content_disposition();
        let name = disposition.and_then(|d| d.get_name()).unwrap_or_default().to_owned();
        let file = disposition.and_then(|d| d.get_filename()).map(ToOwned::to_owned);
        let mut value = Vec::new();
        while let Some(chunk) = part.next().await {
            value.extend_from_slice(&chunk.map_err(|_| malformed())?);
        }
        // files themselves stay in the raw body; their names are told
        let text = match file {
            Some(name) => name,
            None => decode(&value, None)?,
        };
        pairs.push((name, Value::String(text)));
        if pairs.len() > 1000 {
            break;
        }
    }
    Ok(Posted::from_pairs(pairs.into_iter()))
}
