//! What operations read: bodies, query parameters, ids, If-Match. Strict, with the place of every fault. These only
//! read (400, 413, 415); what a value may be is the domain's to say.

use std::{marker::PhantomData, ops::Deref, time::Duration};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, error::PayloadError, http::StatusCode, http::header, web::Bytes};
use futures_util::{StreamExt, future::LocalBoxFuture};
use kartoteka_domain::{
    invalid::{FieldCode, pointer_token},
    list::Parameters,
    record::{Input, Record},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    problem::{Problem, ProblemCode, Result},
    spec::{Describe, Shape},
    strict::Strict,
};

/// Largest body of the API, bytes.
const MOST_BYTES: usize = 1_048_576;

/// Hash of the body, left for the idempotency key.
#[derive(Clone)]
pub struct BodyHash(pub Vec<u8>);

/// The whole body, at most `most` bytes. One that was cut off is refused: nothing is written.
pub async fn body_bytes(payload: &mut Payload, most: usize) -> Result<Vec<u8>> {
    match body_so_far(payload, most).await? {
        (bytes, true) => Ok(bytes),
        (_, false) => Err(Problem::new(ProblemCode::MalformedJson)),
    }
}

/// How long a body may take before it has to keep up the least pace.
const HEAD_START: Duration = Duration::from_secs(10);
/// The least pace of a body, bytes a second: whoever is slower holds a connection for nothing.
const LEAST_PACE: u32 = 4096;

/// What a body that comes too slowly ends with.
const SLOW: Option<std::result::Result<Bytes, PayloadError>> = Some(Err(PayloadError::Incomplete(None)));

/// When the rest of a body is waited for no longer.
fn patience(begun: Instant, arrived: usize) -> Instant {
    begun + HEAD_START + Duration::from_secs(1) * u32::try_from(arrived).unwrap_or(u32::MAX) / LEAST_PACE
}

/// What arrived of a body, at most `most` bytes, and whether it is whole: it may be cut off, or come too slowly.
pub async fn body_so_far(payload: &mut Payload, most: usize) -> Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    let whole = take_in(payload, most, &mut bytes).await?;
    Ok((bytes, whole))
}

/// A body that is taken in chunk by chunk, for it may be large.
pub trait Intake {
    /// Takes in the next bytes.
    async fn take(&mut self, bytes: Bytes) -> Result<()>;
}

impl Intake for Vec<u8> {
    async fn take(&mut self, bytes: Bytes) -> Result<()> {
        self.extend_from_slice(&bytes);
        Ok(())
    }
}

/// Takes in what arrives of a body, at most `most` bytes; whether it is whole.
pub async fn take_in(payload: &mut Payload, most: usize, into: &mut impl Intake) -> Result<bool> {
    let (mut arrived, begun) = (0, Instant::now());
    while let Some(chunk) = timeout_at(patience(begun, arrived), payload.next()).await.unwrap_or(SLOW) {
        let Ok(chunk) = chunk else { return Ok(false) };
        arrived += chunk.len();
        if arrived > most {
            // what was announced is read to its end and dropped, so that the answer arrives; but not without bound
            let mut dropped = 0;
            while let Ok(Some(Ok(chunk))) = timeout_at(patience(begun, dropped), payload.next()).await {
                dropped += chunk.len();
                if dropped > 16 * MOST_BYTES {
                    break;
                }
            }
            return Err(Problem::new(ProblemCode::PayloadTooLarge));
        }
        into.take(chunk).await?;
    }
    Ok(true)
}

/// Refuses content types but these, and charsets but UTF-8.
fn expect_type(req: &HttpRequest, allowed: &[&str]) -> Result<()> {
    let given = req.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let mut parts = given.split(';');
    let kind = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let charset = parts.find_map(|p| p.trim().strip_prefix("charset=")).map(|c| c.trim_matches('"').to_ascii_lowercase());
    if !allowed.contains(&kind.as_str()) || charset.is_some_and(|c| c != "utf-8" && c != "utf8") {
        return Err(Problem::new(ProblemCode::UnsupportedMediaType));
    }
    Ok(())
}

/// What serde, uuid and chrono say of a value of the right JSON type that is none of its kind.
const NOT_A_VALUE: &[&str] = &[
    "unknown variant",
    "UUID parsing failed",
    "input contains invalid characters",
    "premature end of input",
    "input is out of range",
    "trailing input",
    "input is not enough",
];

/// Reads JSON strictly; the fault's place is told.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    if std::str::from_utf8(bytes).is_err() {
        return Err(Problem::unreadable(ProblemCode::InvalidText, "", FieldCode::InvalidText));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|_| Problem::new(ProblemCode::MalformedJson))?;
    read(&value)
}

/// How many faults of one body are told.
const MOST_FAULTS: usize = 50;

/// Reads a value strictly. serde stops at the first fault: it is taken out and the rest read again, so that all are told.
pub fn read<T: DeserializeOwned>(value: &Value) -> Result<T> {
    let mut found = match read_to_first_fault(value) {
        Ok(read) => return Ok(read),
        Err(problem) => problem,
    };
    let mut rest = value.clone();
    while found.errors.len() < MOST_FAULTS
        && found.errors.last().is_some_and(|fault| take_out(&mut rest, &fault.pointer))
        && let Err(next) = read_to_first_fault::<T>(&rest)
        && !next.errors.iter().any(|fault| found.errors.iter().any(|told| told.pointer == fault.pointer))
    {
        // what cannot be read outweighs what is merely wrong
        if next.code.status() == StatusCode::BAD_REQUEST && found.code.status() != StatusCode::BAD_REQUEST {
            found.code = next.code;
        }
        found.errors.extend(next.errors);
    }
    Err(found)
}

/// Takes a member out of the object it is in.
fn take_out(value: &mut Value, pointer: &str) -> bool {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return false };
    let name = name.replace("~1", "/").replace("~0", "~");
    value.pointer_mut(parent).and_then(Value::as_object_mut).is_some_and(|map| map.remove(&name).is_some())
}

fn read_to_first_fault<T: DeserializeOwned>(value: &Value) -> Result<T> {
    serde_path_to_error::deserialize(Strict(value)).map_err(|error| {
        let pointer = pointer_of(error.path());
        let text = error.into_inner().to_string();
        if let Some(name) = text.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) {
            let name = pointer_token(name);
            // the path ends at the unknown key itself in some positions and before it in others
            let pointer = if pointer.ends_with(&format!("/{name}")) { pointer } else { format!("{pointer}/{name}") };
            Problem::unreadable(ProblemCode::UnknownField, pointer, FieldCode::UnknownField)
        } else if NOT_A_VALUE.iter().any(|sign| text.contains(sign)) {
            Problem::invalid(pointer, FieldCode::InvalidValue)
        } else if text.starts_with("missing field") {
            let name = text.split('`').nth(1).unwrap_or_default().to_owned();
            Problem::invalid(format!("{pointer}/{}", pointer_token(&name)), FieldCode::Required)
        } else {
            Problem::unreadable(ProblemCode::WrongType, pointer, FieldCode::WrongType)
        }
    })
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => Some(format!("/{}", pointer_token(key))),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// Refuses U+0000 anywhere in a body, naming the place.
fn refuse_nul(bytes: &[u8]) -> Result<()> {
    let suspicious = bytes.windows(6).any(|w| w == b"\\u0000");
    if !suspicious {
        return Ok(());
    }
    fn find(value: &Value, at: &str) -> Option<String> {
        match value {
            Value::String(text) => text.contains('\0').then(|| at.to_owned()),
            Value::Array(items) => items.iter().enumerate().find_map(|(i, v)| find(v, &format!("{at}/{i}"))),
            Value::Object(map) => map.iter().find_map(|(k, v)| {
                let here = format!("{at}/{}", pointer_token(k).replace('\0', "\u{2400}"));
                if k.contains('\0') { Some(here) } else { find(v, &here) }
            }),
            _ => None,
        }
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|_| Problem::new(ProblemCode::MalformedJson))?;
    match find(&value, "") {
        Some(pointer) => Err(Problem::unreadable(ProblemCode::InvalidText, pointer, FieldCode::InvalidText)),
        None => Ok(()),
    }
}

async fn read_json(req: &HttpRequest, payload: &mut Payload, types: &[&str]) -> Result<Vec<u8>> {
    read_body(req, payload, types, MOST_BYTES).await
}

/// A JSON body of at most `most` bytes, with its hash left for the idempotency key.
pub async fn read_body(req: &HttpRequest, payload: &mut Payload, types: &[&str], most: usize) -> Result<Vec<u8>> {
    expect_type(req, types)?;
    let bytes = body_bytes(payload, most).await?;
    refuse_nul(&bytes)?;
    let mut hash = Sha256::new();
    hash.update(req.query_string().as_bytes());
    hash.update([0]);
    hash.update(&bytes);
    req.extensions_mut().insert(BodyHash(hash.finalize().to_vec()));
    Ok(bytes)
}

/// A JSON body that could be read.
pub struct Valid<T>(pub T);

impl<T> Deref for Valid<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Valid<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self>>;
    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, mut payload) = (req.clone(), payload.take());
        Box::pin(async move { Ok(Self(parse(&read_json(&req, &mut payload, &["application/json"]).await?)?)) })
    }
}
impl<T: ToSchema> Describe for Valid<T> {
    fn describe(shape: &mut Shape) {
        shape.body::<T>(&["application/json"]);
    }
}

/// A JSON Merge Patch that could be read.
pub struct Patch<I> {
    value: Value,
    of: PhantomData<fn() -> I>,
}

impl<I: Input> Patch<I> {
    /// Of what was sent; refused where it is none.
    pub fn of(mut value: Value) -> Result<Self> {
        let _: I::Patch = read(&value)?;
        if let Value::Object(object) = &mut value
            && let Some(Value::Array(names)) = object.remove("clear")
        {
            for name in names.iter().filter_map(Value::as_str) {
                object.insert(name.to_owned(), Value::Null);
            }
        }
        Ok(Self { value, of: PhantomData })
    }
    /// What it says by itself, of nothing.
    pub fn alone(&self) -> Result<I> {
        read(&self.value)
    }
    /// The input after the patch.
    pub fn applied_to(&self, input: &I) -> Result<I> {
        let mut merged = serde_json::to_value(input).map_err(Problem::internal)?;
        forget_other_kinds(&mut merged, &self.value);
        json_patch::merge(&mut merged, &self.value);
        read(&merged)
    }
    /// Whether it says anything of a field.
    pub fn names(&self, field: &str) -> bool {
        let clears = || self.value.get("clear").and_then(Value::as_array).is_some_and(|names| names.iter().any(|name| name == field));
        self.value.get(field).is_some() || clears()
    }
    /// The fields it says anything of.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.value.as_object().into_iter().flat_map(|object| object.keys().map(String::as_str))
    }
    /// One part of what was sent, where it is no field of the record.
    pub fn part<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        self.value.get(name).filter(|value| !value.is_null()).map(read).transpose()
    }
}

/// One of several kinds that becomes another one keeps nothing of what it was: the fields of the old kind mean nothing to the new.
fn forget_other_kinds(merged: &mut Value, patch: &Value) {
    let (Some(old), Some(new)) = (merged.as_object_mut(), patch.as_object()) else { return };
    for (name, value) in new {
        let changes = |was: &Value| was["kind"].is_string() && value["kind"].is_string() && was["kind"] != value["kind"];
        if old.get(name).is_some_and(changes) {
            old.remove(name);
        }
    }
}

impl<I: Input> FromRequest for Patch<I> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self>>;
    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, mut payload) = (req.clone(), payload.take());
        Box::pin(async move {
            let bytes = read_json(&req, &mut payload, &["application/merge-patch+json", "application/json"]).await?;
            Self::of(parse(&bytes)?)
        })
    }
}
impl<I: Input<Patch: ToSchema>> Describe for Patch<I> {
    fn describe(shape: &mut Shape) {
        shape.body::<I::Patch>(&["application/merge-patch+json", "application/json"]);
        shape.may_refuse(&[409]);
    }
}

/// Query parameters, read strictly.
pub struct Params<P>(pub P);

impl<P> Deref for Params<P> {
    type Target = P;
    fn deref(&self) -> &P {
        &self.0
    }
}

/// Reads a query string strictly.
pub fn parse_query<P: Parameters>(query: &str) -> Result<P> {
    let known = P::parameters();
    if percent_encoding::percent_decode_str(query).decode_utf8().is_err() {
        return Err(Problem::new(ProblemCode::InvalidText));
    }
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).map_err(|_| Problem::new(ProblemCode::InvalidParameter))?;
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in &pairs {
        let Some(parameter) = known.iter().find(|p| p.name == name) else {
            return Err(Problem::parameter(name.chars().take(100).collect::<String>(), FieldCode::UnknownParameter));
        };
        // a list may be told in one, `a=1,2`, or one by one, `a=1&a=2`, as some generated clients do
        if seen.contains(&name.as_str()) && !parameter.is_list() {
            return Err(Problem::parameter(name.clone(), FieldCode::ToldTwice));
        }
        if value.chars().count() > parameter.longest {
            return Err(Problem::parameter(name.clone(), FieldCode::TooLong).given(&parameter.longest.to_string()));
        }
        if value.contains('\0') {
            return Err(Problem { code: ProblemCode::InvalidText, ..Problem::parameter(name.clone(), FieldCode::InvalidText) });
        }
        seen.push(name);
    }
    let mut given: Vec<(&String, String)> = Vec::with_capacity(pairs.len());
    let counts = |name: &str, value: &str| !value.is_empty() || known.iter().any(|p| p.name == name && !p.takes_empty());
    for (name, value) in pairs.iter().filter(|(name, value)| counts(name, value)) {
        match given.iter_mut().find(|(known, _)| *known == name) {
            Some((_, list)) => *list = format!("{list},{value}"),
            None => given.push((name, value.clone())),
        }
    }
    let encoded = serde_urlencoded::to_string(&given).map_err(|_| Problem::new(ProblemCode::InvalidParameter))?;
    let reader = serde_urlencoded::Deserializer::new(form_pairs(encoded.as_bytes()));
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let name = error.path().to_string();
        let value = given.iter().find(|(known, _)| **known == name).map(|(_, value)| value.clone()).unwrap_or_default();
        Problem::parameter(name, FieldCode::InvalidValue).given(&value)
    })
}

fn form_pairs(bytes: &[u8]) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(bytes)
}

impl<P: Parameters> FromRequest for Params<P> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(parse_query(req.query_string()).map(Self))
    }
}
impl<P: Parameters> Describe for Params<P> {
    fn describe(shape: &mut Shape) {
        shape.query::<P>();
    }
}

/// The id in the path; anything that is no UUID is simply not there.
pub struct At<T>(pub Uuid, PhantomData<fn() -> T>);

impl<T> FromRequest for At<T> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = req.match_info().get("id").and_then(|id| Uuid::try_parse(id).ok());
        std::future::ready(id.map(|id| Self(id, PhantomData)).ok_or_else(Problem::not_found))
    }
}
impl<T> Describe for At<T> {
    fn describe(shape: &mut Shape) {
        shape.schema::<kartoteka_domain::id::AnyId>();
        shape.path_parameter("id", "Id of the record.", &serde_json::json!({"$ref": "#/components/schemas/Id"}));
        shape.may_refuse(&[404]);
    }
}

/// The text in the path, as it was sent: the framework's own reading would take `%FF` for a character.
fn named(req: &HttpRequest) -> std::result::Result<String, FieldCode> {
    let pattern = req.match_pattern().unwrap_or_default();
    let place = pattern.split('/').position(|segment| segment.starts_with('{')).unwrap_or_default();
    let raw = req.uri().path().split('/').nth(place).unwrap_or_default();
    let text = percent_encoding::percent_decode_str(raw).decode_utf8().map_err(|_| FieldCode::InvalidText)?;
    match text.chars().count() {
        0 => Err(FieldCode::Required),
        201.. => Err(FieldCode::TooLong),
        _ if text.contains('\0') => Err(FieldCode::InvalidText),
        _ => Ok(text.into_owned()),
    }
}

/// `by-external-id/{external_id}`.
pub struct ByExternalId(pub String);

impl FromRequest for ByExternalId {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(named(req).map(Self).map_err(|code| match code {
            FieldCode::InvalidText => Problem { code: ProblemCode::InvalidText, ..Problem::parameter("external_id", code) },
            code => Problem::parameter("external_id", code),
        }))
    }
}
impl Describe for ByExternalId {
    fn describe(shape: &mut Shape) {
        shape.path_parameter(
            "external_id",
            "The integrator's own key.",
            &serde_json::json!({"type": "string", "minLength": 1, "maxLength": 200}),
        );
    }
}

/// `{form_key}`.
pub struct FormKey(pub String);

impl FromRequest for FormKey {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(named(req).map(Self).map_err(|_| Problem::not_found()))
    }
}
impl Describe for FormKey {
    fn describe(shape: &mut Shape) {
        shape.path_parameter(
            "form_key",
            "The form's public key.",
            &serde_json::json!({"type": "string", "minLength": 1, "maxLength": 200}),
        );
        shape.may_refuse(&[404]);
    }
}

/// `{secret}.ics`.
pub struct CalendarSecret(pub String);

impl FromRequest for CalendarSecret {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let secret = named(req).ok().and_then(|name| name.strip_suffix(".ics").map(ToOwned::to_owned));
        std::future::ready(secret.map(Self).ok_or_else(Problem::not_found))
    }
}
impl Describe for CalendarSecret {
    fn describe(shape: &mut Shape) {
        shape.path_parameter(
            "secret",
            "The secret of the link that `create_calendar_link` made.",
            &serde_json::json!({"type": "string", "minLength": 1, "maxLength": 196}),
        );
        shape.may_refuse(&[404]);
    }
}

/// `{pass}`.
pub struct PlayPass(pub String);

impl FromRequest for PlayPass {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(named(req).map(Self).map_err(|_| Problem::not_found()))
    }
}
impl Describe for PlayPass {
    fn describe(shape: &mut Shape) {
        shape.path_parameter(
            "pass",
            "The end of the address that `listen_to_recording` answered.",
            &serde_json::json!({"type": "string", "minLength": 1, "maxLength": 200}),
        );
        shape.may_refuse(&[404]);
    }
}

/// `If-Match`: the version a change was made from.
pub struct IfMatch(Option<Vec<String>>);

impl IfMatch {
    /// As if no header had been sent.
    pub fn none() -> Self {
        Self(None)
    }
    /// As if this version had been sent.
    pub fn just(version: i64) -> Self {
        Self(Some(vec![version.to_string()]))
    }
    /// As if any version had been sent: for what the server itself read a moment ago, whatever a policy demands of callers.
    pub fn any() -> Self {
        Self(Some(vec!["*".to_owned()]))
    }
    /// Whether the header was sent.
    pub fn given(&self) -> bool {
        self.0.is_some()
    }
    /// The version sent, when the header names one.
    pub fn version(&self) -> Option<i64> {
        self.0.as_ref()?.first()?.parse().ok()
    }
    /// Whether the record has the version sent.
    pub fn admits<R: Record>(&self, record: &R) -> bool {
        match &self.0 {
            None => true,
            Some(tags) => tags.iter().any(|tag| tag == "*" || *tag == record.version().to_string()),
        }
    }
}

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let tags = req.headers().get(header::IF_MATCH).map(|value| {
            value
                .to_str()
                .unwrap_or_default()
                .split(',')
                .map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"').to_owned())
                .collect()
        });
        std::future::ready(Ok(Self(tags)))
    }
}
impl Describe for IfMatch {
    fn describe(shape: &mut Shape) {
        shape.header("If-Match", "The ETag the change was made from; another version now is answered 412.");
        shape.may_refuse(&[412, 428]);
    }
}
