//! One's own affairs: whoever is signed in, whatever the role.

use std::{ops::Deref, sync::Arc};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, web};
use kartoteka_domain::{
    access::{Actor, RecordType, Scope, Verb},
    id::SessionId,
};
use kartoteka_persistence::{Circumstances, WriteTx};

use super::{
    Verified, circumstances,
    once::{Asked, Kept},
};
use crate::{
    answer::{Answer, Respond},
    app::App,
    problem::{Problem, ProblemCode, Result},
    spec::{Describe, Shape},
};

/// Anybody signed in: reads what is his.
pub struct SignedIn {
    /// Who.
    pub actor: Arc<Actor>,
    /// The application.
    pub app: web::Data<App>,
    /// The session of the token; `None` for an API key.
    pub session: Option<SessionId>,
    request: HttpRequest,
}

impl SignedIn {
    /// A scope for one's own affairs, which no role takes away.
    pub fn scope(&self) -> Result<Scope> {
        Ok(self.actor.authorize(RecordType::Session, Verb::Read)?)
    }
    /// The circumstances of a change.
    pub fn circumstances(&self) -> Circumstances {
        circumstances(&self.request)
    }
    /// The request itself: for what goes on after its answer began.
    pub fn request(&self) -> HttpRequest {
        self.request.clone()
    }
}

/// The session behind a token, left by the router.
#[derive(Clone, Copy)]
pub struct InSession(pub SessionId);

impl FromRequest for SignedIn {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let make = || {
            let Verified(actor) = req.extensions().get::<Verified>().cloned().ok_or_else(|| Problem::new(ProblemCode::Unauthenticated))?;
            let app = req.app_data::<web::Data<App>>().cloned().ok_or_else(|| Problem::internal("no application data"))?;
            let session = req.extensions().get::<InSession>().map(|s| s.0);
            Ok(Self { actor, app, session, request: req.clone() })
        };
        std::future::ready(make())
    }
}
impl Describe for SignedIn {
    fn describe(shape: &mut Shape) {
        shape.secured = Some((RecordType::Session, Verb::Read));
    }
}

/// Anybody signed in: changes what is his; under an `Idempotency-Key`, once. What the key keeps is sealed, since it may be a secret.
pub struct OwnChange {
    who: SignedIn,
    scope: Scope,
}

impl Deref for OwnChange {
    type Target = SignedIn;
    fn deref(&self) -> &SignedIn {
        &self.who
    }
}

impl OwnChange {
    /// Changes in one transaction.
    pub async fn write<R: Respond + 'static>(&self, f: impl Fn(&mut WriteTx<'_>) -> Result<R> + Send + 'static) -> Answer<R> {
        self.asked().change(f, Kept::Sealed).await
    }
    /// Work that proves something first, in transactions of its own, and ends with [`write`](Self::write).
    pub async fn once<R: Respond + 'static>(&self, work: impl Future<Output = Answer<R>>) -> Answer<R> {
        self.asked().through(work).await
    }
    fn asked(&self) -> Asked<'_> {
        Asked::new(&self.who.app, &self.scope, &self.who.request)
    }
}

impl FromRequest for OwnChange {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let own = SignedIn::from_request(req, payload).into_inner().and_then(|who| {
            let own = Self { scope: who.scope()?, who };
            // a bad key is refused before anything is proved
            own.asked().key()?;
            Ok(own)
        });
        std::future::ready(own)
    }
}
impl Describe for OwnChange {
    fn describe(shape: &mut Shape) {
        SignedIn::describe(shape);
        shape.idempotent = true;
    }
}
