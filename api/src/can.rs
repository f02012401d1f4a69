//! `Can<P>`: the permission in the handler's type. Without it there is no store; it opens one transaction per request.

mod once;
mod own;
mod secret;

use std::{marker::PhantomData, sync::Arc};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, web};
use kartoteka_domain::{
    access::{Actor, RecordType, Scope, Verb},
    actor::ActorType,
};
use kartoteka_persistence::{Circumstances, ReadTx, Reading, WriteTx};

use self::once::{Asked, Kept};
pub use self::{
    own::{InSession, OwnChange, SignedIn},
    secret::{CanSealed, CanSecretly},
};
use crate::{
    answer::{Answer, Outcome, Reply, Respond},
    app::App,
    clock, conceal, next_step,
    observe::{RequestId, peer_address},
    problem::{Problem, ProblemCode, Result},
    spec::{Describe, Shape},
};

/// One verb on one record type.
pub trait Permission: 'static {
    /// On what.
    const RECORD: RecordType;
    /// To do what.
    const VERB: Verb;
    /// Whether the role must be one that may reveal what is masked.
    const REVEALS: bool = false;
}

/// To see what is masked on contacts.
pub struct RevealContacts;
impl Permission for RevealContacts {
    const RECORD: RecordType = RecordType::Contact;
    const VERB: Verb = Verb::Read;
    const REVEALS: bool = true;
}

macro_rules! permissions {
    ($($name:ident = $verb:ident $record:ident),* $(,)?) => { $(
        #[doc = concat!("To ", stringify!($verb), " ", stringify!($record), " records.")]
        pub struct $name;
        impl Permission for $name {
            const RECORD: RecordType = RecordType::$record;
            const VERB: Verb = Verb::$verb;
        }
    )* };
}
permissions! {
    ReadContacts = Read Contact, CreateContacts = Create Contact, UpdateContacts = Update Contact,
    ReadCompanies = Read Company, CreateCompanies = Create Company, UpdateCompanies = Update Company,
    ReadLeads = Read Lead, CreateLeads = Create Lead, UpdateLeads = Update Lead,
    ReadDeals = Read Deal, CreateDeals = Create Deal, UpdateDeals = Update Deal,
    ReadPipelines = Read Pipeline, CreatePipelines = Create Pipeline, UpdatePipelines = Update Pipeline,
    ReadLostReasons = Read LostReason, CreateLostReasons = Create LostReason, UpdateLostReasons = Update LostReason,
    ReadTasks = Read Task, CreateTasks = Create Task, UpdateTasks = Update Task,
    ReadCommunications = Read Communication, CreateCommunications = Create Communication, UpdateCommunications = Update Communication,
    ReadCommunicationOutcomes = Read CommunicationOutcome, CreateCommunicationOutcomes = Create CommunicationOutcome,
    UpdateCommunicationOutcomes = Update CommunicationOutcome,
    ReadNotes = Read Note, CreateNotes = Create Note, UpdateNotes = Update Note,
    ReadForms = Read Form, CreateForms = Create Form, UpdateForms = Update Form,
    ReadSubmissions = Read Submission, UpdateSubmissions = Update Submission,
    ReadUsers = Read User, CreateUsers = Create User, UpdateUsers = Update User,
    ReadDepartments = Read Department, CreateDepartments = Create Department, UpdateDepartments = Update Department,
    ReadApiKeys = Read ApiKey, CreateApiKeys = Create ApiKey, UpdateApiKeys = Update ApiKey,
    ReadWorkspace = Read Workspace, CreateWorkspace = Create Workspace, UpdateWorkspace = Update Workspace,
    ReadSources = Read Source, CreateSources = Create Source, UpdateSources = Update Source,
    ReadContactStatuses = Read ContactStatus, CreateContactStatuses = Create ContactStatus, UpdateContactStatuses = Update ContactStatus,
    ReadRejectReasons = Read RejectReason, CreateRejectReasons = Create RejectReason, UpdateRejectReasons = Update RejectReason,
    ReadAuditEvents = Read AuditEvent, UpdateAuditEvents = Update AuditEvent,
    ReadRoles = Read Role, CreateRoles = Create Role, UpdateRoles = Update Role,
    ReadWebhooks = Read Webhook, CreateWebhooks = Create Webhook, UpdateWebhooks = Update Webhook,
    ReadPositions = Read Position, ReadRecordings = Read Recording,
    ReadTags = Read Tag, CreateTags = Create Tag, UpdateTags = Update Tag,
}

/// Archiving and restoring what `P` would change.
pub struct ToDelete<P>(PhantomData<P>);
impl<P: Permission> Permission for ToDelete<P> {
    const RECORD: RecordType = P::RECORD;
    const VERB: Verb = Verb::Delete;
}

/// The verified actor, left by the router for the extractors.
#[derive(Clone)]
pub struct Verified(pub Arc<Actor>);

/// The right to one verb on one record type, and the way to the store.
pub struct Can<P> {
    scope: Scope,
    app: web::Data<App>,
    request: HttpRequest,
    permission: PhantomData<P>,
}

impl<P: Permission> FromRequest for Can<P> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let verified = req.extensions().get::<Verified>().cloned();
        let make = || {
            let Verified(actor) = verified.ok_or_else(|| Problem::new(ProblemCode::Unauthenticated))?;
            let scope = actor.authorize(P::RECORD, P::VERB)?;
            if P::REVEALS && !actor.role().reveal {
                return Err(Problem::new(ProblemCode::Forbidden));
            }
            let app = req.app_data::<web::Data<App>>().cloned().ok_or_else(|| Problem::internal("no application data"))?;
            let can = Self { scope, app, request: req.clone(), permission: PhantomData };
            // a bad key is refused also where nothing will be written under it
            can.asked().key()?;
            Ok(can)
        };
        std::future::ready(make())
    }
}

impl<P: Permission> Describe for Can<P> {
    fn describe(shape: &mut Shape) {
        shape.secured = Some((P::RECORD, P::VERB));
        shape.idempotent = true;
    }
}

/// The circumstances of a change by a request.
pub fn circumstances(req: &HttpRequest) -> Circumstances {
    Circumstances {
        now: clock::now(),
        fresh_id: clock::fresh_id,
        request_id: req.extensions().get::<RequestId>().map(|id| id.0.clone()),
        address: peer_address(req),
        via: via(req),
        user_agent: req
            .headers()
            .get(actix_web::http::header::USER_AGENT)
            .and_then(|v| v.to_str().ok())
            .map(|v| v.chars().take(300).collect()),
    }
}

/// Through what a signed-in actor acts: its session, its key.
pub fn via(req: &HttpRequest) -> Option<String> {
    if let Some(InSession(session)) = req.extensions().get::<InSession>() {
        return Some(format!("session:{session}"));
    }
    let verified = req.extensions().get::<Verified>().cloned()?;
    let who = verified.0.who();
    who.id.filter(|_| who.kind == ActorType::ApiKey).map(|id| format!("api_key:kk_live_{}", id.simple()))
}

impl<P: Permission> Can<P> {
    /// The application.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// What it may touch.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Reads in one transaction.
    pub async fn read<R: Respond + 'static>(&self, f: impl FnOnce(&mut ReadTx<'_>) -> Result<R> + Send + 'static) -> Answer<R> {
        let outcome = self.app.store.read(self.scope.clone(), move |tx| seen(tx, f)).await?;
        Ok(Reply::kept(outcome))
    }

    /// Reads something that is not the answer yet.
    pub async fn look<T: Send + 'static>(&self, f: impl FnOnce(&mut ReadTx<'_>) -> Result<T> + Send + 'static) -> Result<T> {
        self.app.store.read(self.scope.clone(), f).await
    }

    /// Changes in one transaction; with an `Idempotency-Key`, once.
    pub async fn write<R: Respond + 'static>(&self, f: impl Fn(&mut WriteTx<'_>) -> Result<R> + Send + 'static) -> Answer<R> {
        self.asked().change(f, Kept::Open).await
    }

    /// Goes through everything and takes it all back: what would happen, with nothing written. No idempotency key is spent.
    pub async fn rehearse<R: Respond + 'static>(&self, f: impl Fn(&mut WriteTx<'_>) -> Result<R> + Send + 'static) -> Answer<R> {
        let outcome = self
            .app
            .store
            .write(self.scope.clone(), circumstances(&self.request), move |tx| -> Result<Outcome> {
                let mut outcome = None;
                let taken_back = tx.attempt(|tx| -> Result<()> {
                    outcome = Some(settled(tx, &f)?);
                    Err(Problem::new(ProblemCode::Internal))
                });
                match (outcome, taken_back) {
                    (Some(outcome), _) => {
                        // nothing was made: there is no address and no new version
                        Ok(Outcome { status: 200, headers: Vec::new(), ..outcome })
                    }
                    (None, Err(problem)) => Err(problem),
                    (None, Ok(())) => Err(Problem::internal("a rehearsal ended without an outcome")),
                }
            })
            .await?;
        Ok(Reply::kept(outcome))
    }

    fn asked(&self) -> Asked<'_> {
        Asked::new(&self.app, &self.scope, &self.request)
    }
}

/// The outcome of a use-case as the asker's field rules let him see it: what is sent, and what an idempotency key keeps.
fn seen<T: Reading, R: Respond + 'static>(tx: &mut T, f: impl FnOnce(&mut T) -> Result<R>) -> Result<Outcome> {
    let answer = f(tx)?;
    conceal::conceal::<R>(tx.scope().actor(), answer.outcome()?)
}

/// The same of a change, once it left nobody without the next step that the workspace demands.
fn settled<R: Respond + 'static>(tx: &mut WriteTx<'_>, f: impl FnOnce(&mut WriteTx<'_>) -> Result<R>) -> Result<Outcome> {
    let outcome = seen(tx, f)?;
    let warnings = next_step::settle(tx)?;
    Ok(if warnings.is_empty() { outcome } else { outcome.warn(warnings) })
}
