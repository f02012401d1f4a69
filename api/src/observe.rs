//! The outermost layer: request id, language, problem documents, one log line and the metrics of each request.

use std::{sync::Arc, time::Instant};

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{self, HeaderName, HeaderValue},
    middleware::Next,
};

use crate::{
    clock,
    limits::Allowance,
    problem::{Locale, Problem, ProblemCode},
};

/// Id of the request.
#[derive(Clone)]
pub struct RequestId(pub String);

/// The route's pattern: what metrics and logs name, never the path itself.
#[derive(Clone)]
pub struct Pattern(pub Arc<str>);

/// Whether `X-Forwarded-For` is believed: only behind a proxy that sets it.
#[derive(Clone, Copy)]
pub struct TrustProxy(pub bool);

/// In whose words and under which id a request's refusals are told, where they are parts of an answer.
#[derive(Clone)]
pub struct Asker {
    /// The language.
    pub locale: Locale,
    /// The request's id.
    pub request_id: String,
}

impl Asker {
    /// Of a request.
    pub fn of(req: &HttpRequest) -> Self {
        let locale = Locale::accepted(req.headers().get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()));
        let request_id = req.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        Self { locale, request_id }
    }
}

/// The address a request came from.
pub fn peer_address(req: &HttpRequest) -> Option<String> {
    if req.app_data::<TrustProxy>().is_some_and(|trust| trust.0)
        && let Some(forwarded) = req.headers().get("x-forwarded-for").and_then(|v| v.to_str().ok())
        && let Some(last) = forwarded.rsplit(',').map(str::trim).find(|a| a.parse::<std::net::IpAddr>().is_ok())
    {
        return Some(last.to_owned());
    }
    req.peer_addr().map(|address| address.ip().to_string())
}

fn request_id(req: &ServiceRequest) -> String {
    let sent = req.headers().get("x-request-id").and_then(|v| v.to_str().ok());
    match sent {
        Some(id) if (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) => {
            id.to_owned()
        }
        _ => clock::fresh_id().to_string(),
    }
}

/// Wraps the whole application.
pub async fn observe<B: MessageBody + 'static>(req: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = request_id(&req);
    let locale = Locale::accepted(req.headers().get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()));
    req.extensions_mut().insert(RequestId(id.clone()));
    let method = req.method().clone();
    // everything of ours answers with a response; an error here is the framework's own and has no request to answer to
    let mut response = next.call(req).await?.map_into_boxed_body();
    if response.response().error().is_some() && response.response().extensions().get::<Problem>().is_none() {
        // the only errors of OPTIONS are the CORS layer's refusals
        let preflight = response.request().method() == actix_web::http::Method::OPTIONS;
        let code = if preflight { ProblemCode::OriginNotAllowed } else { framework_code(response.status().as_u16()) };
        response = response.into_response(actix_web::ResponseError::error_response(&Problem::new(code)));
    }
    let problem = response.response().extensions().get::<Problem>().cloned();
    if let Some(problem) = &problem {
        response = response.map_body(|_, _| BoxBody::new(problem.document(locale, &id).to_string()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(locale.tag()));
        if let Some(seconds) = problem.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = problem.allow.as_deref().and_then(|a| HeaderValue::from_str(a).ok()) {
            headers.insert(header::ALLOW, allow);
        }
        if problem.replayed {
            headers.insert(HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
        }
        if problem.code.status() == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"kartoteka\""));
        }
    }
    let allowance = problem.as_ref().and_then(|p| p.allowance).or_else(|| response.request().extensions().get::<Allowance>().copied());
    if let Some(Allowance { per_minute, remaining }) = allowance {
        let policy = HeaderValue::from_str(&format!("\"address\";q={per_minute};w=60"));
        let left = HeaderValue::from_str(&format!("\"address\";r={remaining};t=60"));
        if let (Ok(policy), Ok(left)) = (policy, left) {
            response.headers_mut().insert(HeaderName::from_static("ratelimit-policy"), policy);
            response.headers_mut().insert(HeaderName::from_static("ratelimit"), left);
        }
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
    }
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !response.headers().contains_key(header::CACHE_CONTROL) {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    let status = response.status().as_u16();
    let pattern = response.request().extensions().get::<Pattern>().map_or_else(|| Arc::from("unmatched"), |p| Arc::clone(&p.0));
    let took = started.elapsed();
    let code = problem.as_ref().map(|p| p.code.word());
    tracing::info!(request_id = %id, method = %method, route = %pattern, status, code, duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX), "request");
    metrics::counter!("http_requests_total", "method" => method.to_string(), "route" => pattern.to_string(), "status" => status.to_string()).increment(1);
    metrics::histogram!("http_request_seconds", "method" => method.to_string(), "route" => pattern.to_string()).record(took.as_secs_f64());
    Ok(response)
}

fn framework_code(status: u16) -> ProblemCode {
    match status {
        400 => ProblemCode::MalformedJson,
        404 => ProblemCode::NotFound,
        405 => ProblemCode::MethodNotAllowed,
        413 => ProblemCode::PayloadTooLarge,
        415 => ProblemCode::UnsupportedMediaType,
        408 | 429 => ProblemCode::TooManyRequests,
        503 => ProblemCode::Overloaded,
        status if status < 500 => ProblemCode::InvalidParameter,
        _ => ProblemCode::Internal,
    }
}

/// For every address nobody serves.
pub async fn nothing_here() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found())
}
