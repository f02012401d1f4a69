//! Every refusal: one code decides status, title and texts (RFC 9457). What went wrong inside stays in the log.

mod text;

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use kartoteka_domain::{
    access::Denied,
    invalid::{FieldCode, FieldError, FieldErrors},
    task::TaskRefused,
};
use kartoteka_persistence::{StoreError, store::Refusal};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use text::{Locale, field_message, title};

macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident = $word:tt $status:literal),* $(,)?) => {
        /// Why a request is refused. Open to additions.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
        pub enum ProblemCode { $($(#[$meta])* #[serde(rename = $word)] $name),* }
        impl ProblemCode {
            /// The word on the wire.
            pub fn word(self) -> &'static str { match self { $(Self::$name => $word),* } }
            /// Its status.
            pub fn status(self) -> u16 { match self { $(Self::$name => $status),* } }
        }
    };
}

codes! {
    /// The body is not JSON, or was cut off.
    MalformedJson = "malformed_json" 400,
    /// The body was cut off.
    CutOff = "cut_off" 400,
    /// The form's body is not what its content type says.
    MalformedForm = "malformed_form" 400,
    /// A value has another JSON type than wanted.
    WrongType = "wrong_type" 400,
    /// A name the request may not carry.
    UnknownField = "unknown_field" 400,
    /// A query parameter the operation does not know.
    UnknownParameter = "unknown_parameter" 400,
    /// A query parameter or header that cannot be read.
    InvalidParameter = "invalid_parameter" 400,
    /// Text that cannot be kept (U+0000, bytes that are no UTF-8).
    InvalidText = "invalid_text" 400,
    /// No credential.
    Unauthenticated = "unauthenticated" 401,
    /// A credential that is wrong, expired or ended.
    InvalidToken = "invalid_token" 401,
    /// Wrong e-mail or password.
    InvalidCredentials = "invalid_credentials" 401,
    /// The password is right; a code of the second factor is wanted.
    TotpRequired = "totp_required" 401,
    /// The role may not do this.
    Forbidden = "forbidden" 403,
    /// The workspace demands a second factor and this person has none yet.
    SecondFactorRequired = "second_factor_required" 403,
    /// The key does not work from this address.
    AddressNotAllowed = "address_not_allowed" 403,
    /// The page's origin may not post to this form.
    OriginNotAllowed = "origin_not_allowed" 403,
    /// Not there, or not yours.
    NotFound = "not_found" 404,
    /// The address does not know the method.
    MethodNotAllowed = "method_not_allowed" 405,
    /// The card exists.
    DuplicateFound = "duplicate_found" 409,
    /// The e-mail is in several workspaces.
    WorkspaceRequired = "workspace_required" 409,
    /// A request with the same key is still running.
    RequestInProgress = "request_in_progress" 409,
    /// The record is archived.
    Archived = "archived" 409,
    /// The record is in use.
    NotArchived = "not_archived" 409,
    /// The task is finished or cancelled.
    TaskNotOpen = "task_not_open" 409,
    /// The task is open.
    TaskOpen = "task_open" 409,
    /// Only meetings have a place to come to.
    NotAMeeting = "not_a_meeting" 409,
    /// Somebody checked in, or out, already.
    AlreadyCheckedIn = "already_checked_in" 409,
    /// Nobody checked in yet.
    NotCheckedIn = "not_checked_in" 409,
    /// The person does not let his positions be kept.
    PositionConsentMissing = "position_consent_missing" 409,
    /// Nothing was recorded, or it is kept no longer.
    NoRecording = "no_recording" 409,
    /// The hand-over is taken back already.
    AlreadyUndone = "already_undone" 409,
    /// The deal may not go to that stage.
    MoveRefused = "move_refused" 409,
    /// The lead is closed already.
    LeadClosed = "lead_closed" 409,
    /// A pipeline with open deals stays in use.
    PipelineInUse = "pipeline_in_use" 409,
    /// Nothing is sold in an archived pipeline.
    PipelineArchived = "pipeline_archived" 409,
    /// The task is about no contact.
    NoContact = "no_contact" 409,
    /// The submission's body cannot be read.
    Unreadable = "unreadable" 409,
    /// The submission made a lead already.
    AlreadyProcessed = "already_processed" 409,
    /// A ready-made role stays as it is.
    RoleProtected = "role_protected" 409,
    /// Somebody has the role.
    RoleInUse = "role_in_use" 409,
    /// Nobody grants more than he has.
    ExceedsOwnRights = "exceeds_own_rights" 403,
    /// The role does not show this field, or does not let it be changed.
    FieldNotPermitted = "field_not_permitted" 403,
    /// Somebody must stay administrator.
    LastAdministrator = "last_administrator" 409,
    /// The second factor is set up already.
    SecondFactorEnabled = "second_factor_enabled" 409,
    /// The second factor is not set up.
    SecondFactorNotEnabled = "second_factor_not_enabled" 409,
    /// What is asked for is not kept any more.
    EventsGone = "events_gone" 410,
    /// The record changed since it was read.
    VersionMismatch = "version_mismatch" 412,
    /// The body is larger than allowed.
    PayloadTooLarge = "payload_too_large" 413,
    /// The content type is not understood here.
    UnsupportedMediaType = "unsupported_media_type" 415,
    /// What was uploaded is no sound that can be played.
    NotASound = "not_a_sound" 415,
    /// The recording has no such part.
    RangeNotSatisfiable = "range_not_satisfiable" 416,
    /// Some fields are not valid.
    ValidationFailed = "validation_failed" 422,
    /// An operation of an atomic batch could not be done.
    BatchRejected = "batch_rejected" 422,
    /// The idempotency key was used for another body.
    IdempotencyKeyReused = "idempotency_key_reused" 422,
    /// The workspace demands If-Match.
    PreconditionRequired = "precondition_required" 428,
    /// Too many requests.
    TooManyRequests = "too_many_requests" 429,
    /// Our fault.
    Internal = "internal" 500,
    /// Too much to do at this moment.
    Overloaded = "overloaded" 503,
    /// No space left.
    StorageFull = "storage_full" 507,
}

/// A refusal, before it is put into the asker's language.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Problem {
    /// Why.
    pub code: ProblemCode,
    /// Faulty fields.
    pub errors: Vec<FieldError>,
    /// Members of this kind of problem.
    pub extra: Map<String, Value>,
    /// Seconds to wait before trying again.
    pub retry_after: Option<u64>,
    /// Methods of the address, for 405.
    pub allow: Option<String>,
    /// Whether the same transaction may succeed when it is run again.
    #[serde(skip)]
    pub transient: bool,
    /// Whether this is the stored outcome of an earlier request.
    #[serde(skip)]
    pub replayed: bool,
    /// The limit that was passed.
    #[serde(skip)]
    pub allowance: Option<crate::limits::Allowance>,
}

/// What use-cases and handlers answer.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

impl Problem {
    /// A plain one.
    pub fn new(code: ProblemCode) -> Self {
        let retry_after = match code {
            ProblemCode::Overloaded | ProblemCode::RequestInProgress => Some(1),
            ProblemCode::StorageFull => Some(60),
            _ => None,
        };
        Self { code, errors: Vec::new(), extra: Map::new(), retry_after, allow: None, transient: false, replayed: false, allowance: None }
    }
    /// Not there, or not yours: the same for both.
    pub fn not_found() -> Self {
        Self::new(ProblemCode::NotFound)
    }
    /// One faulty field of a body that can be read.
    pub fn invalid(pointer: impl Into<String>, code: FieldCode) -> Self {
        FieldErrors::one(pointer, code).into()
    }
    /// One faulty field of a body that cannot.
    pub fn unreadable(code: ProblemCode, pointer: impl Into<String>, field: FieldCode) -> Self {
        Self { errors: FieldErrors::one(pointer, field).0, ..Self::new(code) }
    }
    /// A faulty query parameter.
    pub fn parameter(name: impl Into<String>, field: FieldCode) -> Self {
        let code = if field == FieldCode::UnknownParameter { ProblemCode::UnknownParameter } else { ProblemCode::InvalidParameter };
        Self { errors: FieldErrors::parameter(name, field).0, ..Self::new(code) }
    }
    /// As a fault of something further in: its pointers begin there.
    pub fn inside(mut self, pointer: &str) -> Self {
        self.errors.iter_mut().for_each(|error| error.pointer.insert_str(0, pointer));
        self
    }
    /// With the value that is at fault, cut to what a message can hold.
    pub fn given(mut self, value: &str) -> Self {
        if let Some(error) = self.errors.last_mut() {
            error.given = Some(value.chars().take(100).collect());
        }
        self
    }
    /// Our fault; the cause goes to the log only.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(ProblemCode::Internal)
    }
    /// With one more member.
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.extra.insert(name.to_owned(), serde_json::to_value(value).unwrap_or(Value::Null));
        self
    }
    /// With the limit that was passed.
    pub fn with_allowance(mut self, allowance: crate::limits::Allowance) -> Self {
        self.allowance = Some(allowance);
        self
    }
    /// With the seconds to wait.
    pub fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }
    /// Whether the outcome belongs to an idempotency key: what the same request will get again.
    pub fn is_final(&self) -> bool {
        matches!(self.code.status(), 409 | 422)
            && self.code != ProblemCode::RequestInProgress
            && self.code != ProblemCode::IdempotencyKeyReused
    }

    /// The document in a language.
    pub fn document(&self, locale: Locale, request_id: &str) -> Value {
        let mut document = Map::new();
        let word = self.code.word();
        document.insert("type".into(), format!("/problems/{word}").into());
        document.insert("title".into(), title(self.code, locale).into());
        document.insert("status".into(), self.code.status().into());
        document.insert("code".into(), word.into());
        document.insert("detail".into(), text::detail(self, locale).into());
        document.insert("request_id".into(), request_id.into());
        let errors: Vec<Value> = self
            .errors
            .iter()
            .map(|e| {
                serde_json::json!({
                    "pointer": if e.parameter.is_some() { None } else { Some(e.pointer.as_str()) },
                    "parameter": e.parameter,
                    "code": e.code.word(),
                    "message": field_message(e, locale),
                })
            })
            .collect();
        document.insert("errors".into(), errors.into());
        document.extend(self.extra.clone());
        Value::Object(document)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code.word())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
    /// The body is written by the observer, which knows language and request id.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code()).finish();
        response.extensions_mut().insert(self.clone());
        response
    }
}

impl From<FieldErrors> for Problem {
    fn from(errors: FieldErrors) -> Self {
        Self { errors: errors.0, ..Self::new(ProblemCode::ValidationFailed) }
    }
}

impl From<Denied> for Problem {
    fn from(_: Denied) -> Self {
        Self::new(ProblemCode::Forbidden)
    }
}

impl From<TaskRefused> for Problem {
    fn from(refused: TaskRefused) -> Self {
        Self::new(match refused {
            TaskRefused::NotOpen => ProblemCode::TaskNotOpen,
            TaskRefused::Open => ProblemCode::TaskOpen,
        })
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            // somebody else was first: the use-case runs again on what is there now
            StoreError::Conflict(_) | StoreError::Stale => Self { transient: true, ..Self::new(ProblemCode::Overloaded) },
            StoreError::Overloaded | StoreError::LockTimeout | StoreError::Lost => Self::new(ProblemCode::Overloaded),
            StoreError::BadCursor => Self::parameter("cursor", FieldCode::InvalidCursor),
            StoreError::Full => Self::new(ProblemCode::StorageFull),
            StoreError::Unique(constraint) => match unique_pointer(&constraint) {
                Some(pointer) => Self::invalid(pointer, FieldCode::AlreadyTaken),
                None => Self::internal(format!("unexpected unique constraint {constraint}")),
            },
            StoreError::Reference(constraint) => Self::internal(format!("unexpected foreign key {constraint}")),
            StoreError::Setup(cause) | StoreError::Internal(cause) => Self::internal(cause),
        }
    }
}

impl Refusal for Problem {
    /// A conflict passes through use-cases as the overload it will be after the last try.
    fn store_error(&self) -> Option<&StoreError> {
        static AGAIN: StoreError = StoreError::Conflict(String::new());
        self.transient.then_some(&AGAIN)
    }
}

/// Which field a unique constraint speaks of.
fn unique_pointer(constraint: &str) -> Option<&'static str> {
    Some(match constraint {
        "contact_external_id_key" | "company_external_id_key" => "/external_id",
        "member_email_key" => "/email",
        "catalogue_entry_catalogue_name_key_key" => "/name",
        "catalogue_entry_catalogue_key_key" => "/key",
        _ => return None,
    })
}
