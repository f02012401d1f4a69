//! The router: one list mounts and documents. A route without a description cannot be added, nor a description without a route.

use std::{collections::BTreeMap, future::Future, panic::AssertUnwindSafe, sync::Arc};

use actix_web::{
    FromRequest, Handler, HttpMessage, Responder, Route, Scope,
    body::BoxBody,
    dev::{HttpServiceFactory, ServiceRequest, ServiceResponse},
    http::{Method, StatusCode},
    middleware::{Next, from_fn},
    web,
};
use futures_util::FutureExt;
use kartoteka_domain::{
    access::{RecordType, Verb},
    invalid::FieldCode,
};

use crate::{
    app::App,
    audit::refusal,
    can::{InSession, Verified},
    credential,
    observe::Pattern,
    problem::{Problem, ProblemCode},
    retirement::Retirement,
    spec::{Describe, Operation, Shape},
};

/// An answer type that describes itself.
pub trait Described {
    /// Adds the statuses, headers and schemas of the answer.
    fn describe(shape: &mut Shape);
}
impl<R: crate::answer::Respond> Described for crate::answer::Answer<R> {
    fn describe(shape: &mut Shape) {
        R::describe(shape);
    }
}

struct Mounted {
    path: String,
    method: Method,
    secured: Option<(RecordType, Verb)>,
    takes_query: bool,
    retirement: Option<Arc<Retirement>>,
    route: Arc<dyn Fn() -> Route + Send + Sync>,
}

/// What is mounted.
#[derive(Default)]
pub struct Router {
    mounted: Vec<Mounted>,
    operations: Vec<Operation>,
    faults: Vec<String>,
}

impl Router {
    /// Mounts a handler under its own attribute's path and method.
    pub fn add<P, F, Args>(&mut self, handler: F)
    where
        P: utoipa::Path + utoipa::__dev::Tags<'static>,
        F: Handler<Args> + Send + Sync,
        Args: FromRequest + Describe + 'static,
        F::Output: Responder + Described + 'static,
        F::Future: Future,
    {
        let mut shape = Shape::default();
        Args::describe(&mut shape);
        <F::Output as Described>::describe(&mut shape);
        let path = P::path();
        let mut written = P::operation();
        // the attribute keeps its tag beside the operation
        written.tags = Some(P::tags().into_iter().map(ToOwned::to_owned).collect());
        let retirement = match Retirement::of(&serde_json::to_value(&written).unwrap_or_default()) {
            Ok(retirement) => retirement.map(Arc::new),
            Err(fault) => {
                self.faults.push(format!("{path}: {fault}"));
                None
            }
        };
        for method in P::methods() {
            let word = serde_json::to_value(&method).ok().and_then(|v| v.as_str().map(str::to_ascii_uppercase)).unwrap_or_default();
            let Ok(method) = Method::from_bytes(word.as_bytes()) else { continue };
            let (handler, verb) = (handler.clone(), method.clone());
            self.mounted.push(Mounted {
                path: path.clone(),
                method,
                secured: shape.secured,
                takes_query: shape.takes_query,
                retirement: retirement.clone(),
                route: Arc::new(move || web::method(verb.clone()).to(handler.clone())),
            });
            self.operations.push(Operation {
                path: path.clone(),
                method: word.to_ascii_lowercase(),
                written: written.clone(),
                retirement: retirement.clone(),
                shape: std::mem::take(&mut shape),
            });
        }
    }

    /// What a handler's attribute says wrong; empty in a server that passed its tests.
    #[cfg(test)]
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Without the descriptions: what serving needs.
    pub fn undocumented(self) -> Self {
        Self { operations: Vec::new(), ..self }
    }

    /// Everything mounted, for the spec.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Puts the routes into an actix application.
    pub fn configure(&self, config: &mut web::ServiceConfig) {
        let mut paths: Vec<&str> = self.mounted.iter().map(|m| m.path.as_str()).collect();
        // a literal segment before a parameter: `by-external-id` is no id
        paths.sort_by_key(|path| path.replace('{', "\u{10ffff}"));
        paths.dedup();
        // the framework tries one pattern after the other: by the collection first, which is a plain comparison
        let mut collections: BTreeMap<&str, Scope> = BTreeMap::new();
        for path in paths {
            let collection = collection(path);
            let scope = collections.remove(collection).unwrap_or_else(|| web::scope(collection));
            collections.insert(collection, scope.service(self.resource(path, path.strip_prefix(collection).unwrap_or(path))));
        }
        for scope in collections.into_values() {
            config.service(scope);
        }
    }

    /// Everything mounted at one path; `within` its collection.
    fn resource(&self, path: &str, within: &str) -> impl HttpServiceFactory + 'static {
        let here: Vec<&Mounted> = self.mounted.iter().filter(|m| m.path == path).collect();
        let allow = here.iter().map(|m| m.method.as_str()).collect::<Vec<_>>().join(", ");
        let rules: Arc<[Rule]> = here
            .iter()
            .map(|m| Rule { method: m.method.clone(), secured: m.secured, takes_query: m.takes_query, retirement: m.retirement.clone() })
            .collect();
        let pattern: Arc<str> = Arc::from(path);
        let mut resource = web::resource(within.to_owned());
        for mounted in &here {
            resource = resource.route((mounted.route)());
        }
        resource
            .default_service(web::to(move || {
                let allow = allow.clone();
                async move { Err::<String, _>(Problem { allow: Some(allow), ..Problem::new(ProblemCode::MethodNotAllowed) }) }
            }))
            .wrap(from_fn(move |req: ServiceRequest, next: Next<BoxBody>| {
                let (rules, pattern) = (Arc::clone(&rules), Arc::clone(&pattern));
                async move {
                    req.extensions_mut().insert(Pattern(Arc::clone(&pattern)));
                    let rule = rules.iter().find(|rule| rule.method == *req.method());
                    let mut response = match admit(&req, &pattern, rule).await {
                        Err(problem) => req.into_response(actix_web::ResponseError::error_response(&problem)).map_into_right_body(),
                        Ok(()) => unbroken(req, next).await?.map_into_left_body(),
                    };
                    if response.status() == StatusCode::FORBIDDEN
                        && let Some((record, _)) = rule.and_then(|rule| rule.secured)
                    {
                        let problem = response.response().extensions().get::<Problem>().cloned();
                        refusal::note(response.request(), record, problem.as_ref());
                    }
                    if let Some(retirement) = rule.and_then(|rule| rule.retirement.as_ref()) {
                        retirement.tell(response.headers_mut());
                    }
                    Ok(response)
                }
            }))
    }
}

/// The literal beginning of a path, two segments at most.
fn collection(path: &str) -> &str {
    let mut ends = path.match_indices('/').map(|(at, _)| at).skip(1).chain([path.len()]);
    let literal = path.find("/{").unwrap_or(path.len());
    let two = [ends.next(), ends.next()].into_iter().flatten().filter(|end| *end <= literal).max().unwrap_or(path.len());
    path.get(..two).unwrap_or(path)
}

/// A handler's answer; its panic is one, too: 500, and the connection lives.
async fn unbroken(req: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let asked = req.request().clone();
    let outcome = AssertUnwindSafe(next.call(req)).catch_unwind().await;
    outcome.unwrap_or_else(|_| {
        let problem = Problem::internal("a handler panicked");
        Ok(ServiceResponse::new(asked, actix_web::ResponseError::error_response(&problem)))
    })
}

struct Rule {
    method: Method,
    secured: Option<(RecordType, Verb)>,
    takes_query: bool,
    retirement: Option<Arc<Retirement>>,
}

/// Order of refusals: who are you, may you, then what you sent. The extractors hold the rights; this only puts the
/// questions in order.
async fn admit(req: &ServiceRequest, pattern: &str, rule: Option<&Rule>) -> Result<(), Problem> {
    let Some(rule) = rule else { return Ok(()) };
    if let Some((record, verb)) = rule.secured {
        let app = req.app_data::<web::Data<App>>().cloned().ok_or_else(|| Problem::internal("no application data"))?;
        let known = credential::authenticate(&app, req.request()).await?;
        // known before it is refused, so that the refusal can be noted
        if known.needs_second_factor && !credential::WITHOUT_SECOND_FACTOR.contains(&pattern) {
            return Err(Problem::new(ProblemCode::SecondFactorRequired));
        }
        if let Some(session) = known.session {
            req.extensions_mut().insert(InSession(session));
        }
        req.extensions_mut().insert(Verified(Arc::clone(&known.actor)));
        known.actor.authorize(record, verb)?;
        check_filters(&known.actor, record, req.query_string())?;
    }
    if !rule.takes_query && !req.query_string().is_empty() {
        let name = form_urlencoded::parse(req.query_string().as_bytes()).next().map(|(name, _)| name.chars().take(100).collect::<String>());
        return Err(Problem::parameter(name.unwrap_or_default(), FieldCode::UnknownParameter));
    }
    Ok(())
}

/// A field that is hidden from the asker is no ground to filter or to sort by: the order alone would tell it.
fn check_filters(actor: &kartoteka_domain::access::Actor, record: RecordType, query: &str) -> Result<(), Problem> {
    let rules = &actor.role().fields;
    if rules.is_empty() || query.is_empty() {
        return Ok(());
    }
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let asked = if name == "sort" { value.trim_start_matches('-') } else { name.as_ref() };
        let stem = ["_after", "_before", "_from", "_until", "_missing"].iter().find_map(|end| asked.strip_suffix(end)).unwrap_or(asked);
        let hidden = [stem.to_owned(), format!("{stem}s"), format!("{stem}_at"), format!("{stem}_on")]
            .iter()
            .any(|field| rules.hides(record, field));
        if hidden {
            return Err(Problem {
                code: ProblemCode::FieldNotPermitted,
                ..Problem::parameter(name.chars().take(100).collect::<String>(), FieldCode::NotPermitted)
            });
        }
    }
    Ok(())
}

/// Mounts handlers: `mount!(router; crate::contact: list_contacts, create_contact; …)`.
#[macro_export]
macro_rules! mount {
    ($router:expr; $($room:path : $($handler:ident),+ $(,)?);+ $(;)?) => {
        $({ use $room as room; pastey::paste! { $($router.add::<room::[<__path_ $handler>], _, _>(room::$handler);)+ } })+
    };
}

#[cfg(test)]
mod tests {
    use actix_web::{App, test};

    use super::*;
    use crate::{
        answer::{Answer, Plain, Reply},
        service::Health,
    };

    #[core::prelude::v1::test]
    fn the_collection_is_the_literal_beginning() {
        for (path, beginning) in [
            ("/healthz", "/healthz"),
            ("/v1/contacts", "/v1/contacts"),
            ("/v1/contacts/{id}/phones", "/v1/contacts"),
            ("/v1/me/sessions/{id}", "/v1/me"),
            ("/public/v1/forms/{form_key}", "/public/v1"),
        ] {
            assert_eq!(collection(path), beginning);
        }
    }

    /// A question no one needs an application for.
    struct Nothing;
    impl FromRequest for Nothing {
        type Error = Problem;
        type Future = std::future::Ready<Result<Self, Problem>>;
        fn from_request(_: &actix_web::HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
            std::future::ready(Ok(Self))
        }
    }
    impl Describe for Nothing {
        fn describe(_: &mut Shape) {}
    }

    #[utoipa::path(get, path = "/v1/old", tag = "service", extensions(("x-deprecated-since" = json!("2027-01-01")), ("x-sunset" = json!("2027-12-31"))))]
    async fn get_old(_: Nothing) -> Answer<Plain<Health>> {
        Reply::of(&Plain(Health { status: "ok".into() }))
    }

    #[utoipa::path(get, path = "/v1/broken", tag = "service")]
    async fn get_broken(_: Nothing) -> Answer<Plain<Health>> {
        panic!("a mistake of ours")
    }

    #[actix_web::test]
    async fn a_handler_that_panics_answers_500() {
        let mut router = Router::default();
        router.add::<__path_get_broken, _, _>(get_broken);
        router.add::<__path_get_old, _, _>(get_old);
        let app = test::init_service(App::new().configure(|config| router.configure(config))).await;
        let answer = test::call_service(&app, test::TestRequest::get().uri("/v1/broken").to_request()).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.response().extensions().get::<Problem>().map(|p| p.code), Some(ProblemCode::Internal));
        let answer = test::call_service(&app, test::TestRequest::get().uri("/v1/old").to_request()).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }

    #[actix_web::test]
    async fn an_operation_on_its_way_out_says_so_in_every_answer_and_in_the_document() {
        let mut router = Router::default();
        router.add::<__path_get_old, _, _>(get_old);
        assert!(router.faults().is_empty());
        let document = crate::spec::document(router.operations());
        assert_eq!(document["paths"]["/v1/old"]["get"]["deprecated"], true);
        assert!(document["paths"]["/v1/old"]["get"]["responses"]["200"]["headers"]["Sunset"].is_object());
        let app = test::init_service(App::new().configure(|config| router.configure(config))).await;
        for (path, status) in [("/v1/old", 200), ("/v1/old?x=1", 400)] {
            let answer = test::call_service(&app, test::TestRequest::get().uri(path).to_request()).await;
            assert_eq!(answer.status().as_u16(), status);
            assert_eq!(answer.headers().get("deprecation").unwrap(), "@1798761600");
            assert_eq!(answer.headers().get("sunset").unwrap(), "Fri, 31 Dec 2027 00:00:00 GMT");
        }
    }

    #[core::prelude::v1::test]
    fn no_handler_is_described_wrongly() {
        assert_eq!(crate::app::router().faults(), &[] as &[String]);
    }
}
