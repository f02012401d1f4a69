//! Signing in and out.

use actix_web::{HttpMessage, HttpRequest, web};
use kartoteka_domain::{
    access::RecordType,
    event::{Action, Event},
    id::{SessionId, UserId, WorkspaceId},
    invalid::FieldErrors,
    session::{
        ACCESS_SECONDS, PasswordResetConfirmation, PasswordResetRequest, REFRESH_SECONDS, RefreshRequest, SignIn, TokenType, Tokens,
    },
    user::{User, check_password},
};
use kartoteka_persistence::{
    Reading, Stored, session as store, user,
    workspace::{self, DoorKind},
};
use validator::Validate;

use crate::{
    answer::{Answer, Done, Noted, Plain, Reply},
    app::App,
    can::{SignedIn, circumstances},
    clock,
    credential::{digest, lookup_scope, read_token, same, secret, token},
    observe::peer_address,
    problem::{Problem, ProblemCode, Result},
    request::Valid,
    spec::{Describe, Shape},
};

/// A request nobody has to be signed in for; counted per address. `PROVES`: with a secret of its own, that may be wrong.
pub struct Anonymous<const PROVES: bool = true> {
    app: web::Data<App>,
    request: HttpRequest,
}

impl<const PROVES: bool> actix_web::FromRequest for Anonymous<PROVES> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
        let app = req.app_data::<web::Data<App>>().cloned().ok_or_else(|| Problem::internal("no application data"));
        std::future::ready(app.and_then(|app| {
            let allowance = app.limits.sign_in(&peer_address(req).unwrap_or_default())?;
            req.extensions_mut().insert(allowance);
            Ok(Self { app, request: req.clone() })
        }))
    }
}
impl<const PROVES: bool> Describe for Anonymous<PROVES> {
    fn describe(shape: &mut Shape) {
        shape.may_refuse(&[429, 503]);
        if PROVES {
            shape.may_refuse(&[401]);
        }
    }
}

/// How many exchanged refresh tokens of a session are remembered: two days of one every quarter of an hour.
const USED_KEPT: usize = 192;

fn refused() -> Problem {
    Problem::new(ProblemCode::InvalidCredentials)
}

fn readable(errors: std::result::Result<(), validator::ValidationErrors>) -> Result<()> {
    let mut found = FieldErrors::default();
    found.absorb(errors);
    Ok(found.finish()?)
}

/// Sign in
///
/// With e-mail and password; `workspace` says which when the e-mail is in several (409 `workspace_required` names them).
#[utoipa::path(post, path = "/v1/auth/token", tag = "auth")]
pub async fn create_token(who: Anonymous, sign_in: Valid<SignIn>) -> Answer<Conflicting<Plain<Tokens>>> {
    readable(sign_in.validate())?;
    let app = &who.app;
    let email = kartoteka_domain::email::parse(&sign_in.email).map_or_else(|_| sign_in.email.trim().to_lowercase(), |e| e.normalised);
    app.limits.account(&email)?;
    let doors = workspace::doors(&app.store, DoorKind::SignIn, digest(&email)).await?;
    let briefs = workspace::briefs(&app.store, doors.iter().map(|d| d.workspace.uuid()).collect()).await?;
    let mut admitted: Vec<(WorkspaceId, User)> = Vec::new();
    let mut last_refused = None;
    let wanted = |id: WorkspaceId| sign_in.workspace.as_ref().is_none_or(|slug| briefs.iter().any(|b| b.id == id && b.slug == *slug));
    for door in doors.iter().filter(|d| wanted(d.workspace) && briefs.iter().any(|b| b.id == d.workspace)) {
        let target = door.target;
        let (user, hash) = app
            .store
            .read(lookup_scope(door.workspace), move |tx| -> Result<_> {
                Ok((User::find(tx, target)?, user::password_hash(tx, UserId::new(target))?))
            })
            .await?;
        let right = app.passwords.check(sign_in.password.clone(), hash).await?;
        match user.filter(|u| u.active) {
            Some(user) if right => admitted.push((door.workspace, user)),
            _ => last_refused = Some((door.workspace, target)),
        }
    }
    if admitted.is_empty() && last_refused.is_none() {
        // as long as for somebody who is known
        app.passwords.check(sign_in.password.clone(), None).await?;
    }
    match admitted.as_slice() {
        [] => {
            app.limits.failed(&email);
            if let Some((workspace, target)) = last_refused {
                let refusal = app
                    .store
                    .write(lookup_scope(workspace), circumstances(&who.request), move |tx| -> Result<_> {
                        tx.record(Event::bare(RecordType::User, target, Action::SignInRefused))?;
                        Ok(())
                    })
                    .await;
                if let Err(problem) = refusal {
                    tracing::warn!(%problem, "a refused sign-in was not recorded");
                }
            }
            Err(refused())
        }
        [(workspace, user)] => {
            let tokens = begin(&who, *workspace, user).await?;
            Reply::of(&Conflicting(Plain(tokens)))
        }
        several => {
            let choices: Vec<_> = briefs.iter().filter(|b| several.iter().any(|(w, _)| *w == b.id)).collect();
            Err(Problem::new(ProblemCode::WorkspaceRequired).with("workspaces", choices))
        }
    }
}

/// An answer of an operation that may also answer 409.
pub struct Conflicting<R>(pub R);

impl<R: crate::answer::Respond> crate::answer::Respond for Conflicting<R> {
    fn outcome(&self) -> Result<crate::answer::Outcome> {
        self.0.outcome()
    }
    fn describe(shape: &mut Shape) {
        R::describe(shape);
        shape.may_refuse(&[409]);
    }
}

async fn begin(who: &Anonymous, workspace: WorkspaceId, user: &User) -> Result<Tokens> {
    let session = SessionId::new(clock::fresh_id());
    let secret = secret();
    let hash = digest(&secret);
    let address = peer_address(&who.request);
    let by = kartoteka_domain::actor::ActorRef {
        kind: kartoteka_domain::actor::ActorType::User,
        id: Some(user.id.uuid()),
        name: user.name.clone(),
    };
    let user_id = user.id;
    who.app
        .store
        .write(kartoteka_domain::access::Scope::of_the_server(workspace, by), circumstances(&who.request), move |tx| -> Result<_> {
            let expires_at = tx.now() + chrono::Duration::seconds(REFRESH_SECONDS);
            let event = Event::bare(RecordType::Session, session.uuid(), Action::SignedIn);
            store::insert(tx, session, user_id, hash.clone(), expires_at, address.clone(), event)?;
            workspace::open_door(tx, DoorKind::Session, session.uuid().as_bytes().to_vec(), session.uuid())?;
            Ok(())
        })
        .await?;
    Ok(Tokens {
        access_token: who.app.signer.issue(workspace, user.id, &user.role, session, clock::now())?,
        token_type: TokenType::Bearer,
        expires_in: ACCESS_SECONDS,
        refresh_token: token("kr", session.uuid(), &secret),
    })
}

/// Refresh the tokens
///
/// Each refresh token works once; one that was used already ends the whole session.
#[utoipa::path(post, path = "/v1/auth/refresh", tag = "auth")]
pub async fn refresh_token(who: Anonymous, request: Valid<RefreshRequest>) -> Answer<Plain<Tokens>> {
    readable(request.validate())?;
    let invalid = || Problem::new(ProblemCode::InvalidToken);
    let (id, given) = read_token("kr", &request.refresh_token).ok_or_else(invalid)?;
    let doors = workspace::doors(&who.app.store, DoorKind::Session, id.as_bytes().to_vec()).await?;
    let workspace = doors.first().ok_or_else(invalid)?.workspace;
    let session = SessionId::new(id);
    let (hash, fresh) = (digest(&given), secret());
    let next = digest(&fresh);
    let user = who
        .app
        .store
        .write(lookup_scope(workspace), circumstances(&who.request), move |tx| -> Result<Option<User>> {
            let Some(kept) = store::find(tx, session)?.filter(|s| s.ended_at.is_none() && s.expires_at > tx.now()) else { return Ok(None) };
            let Some(user) = User::find(tx, kept.user.uuid())?.filter(|u| u.active) else { return Ok(None) };
            let expires_at = tx.now() + chrono::Duration::seconds(REFRESH_SECONDS);
            let mut used = kept.used.clone();
            used.extend_from_slice(&hash);
            let used = used.split_off(used.len().saturating_sub(USED_KEPT * hash.len()));
            if same(&kept.refresh_hash, &hash) {
                if store::rotate(tx, session, &hash, used, next.clone(), expires_at)? {
                    return Ok(Some(user));
                }
            } else if !kept.used.chunks(hash.len()).any(|old| same(old, &hash)) {
                // a made-up secret ends nobody's session
                return Ok(None);
            }
            // a token of this session that is not the last one: stolen, or sent twice; nobody goes on with it
            let event = Event::bare(RecordType::Session, session.uuid(), Action::SignedOut).because("a refresh token was used again");
            store::end(tx, session, event)?;
            Ok(None)
        })
        .await?;
    let Some(user) = user else {
        who.app.credentials.invalidate_all();
        return Err(invalid());
    };
    Reply::of(&Plain(Tokens {
        access_token: who.app.signer.issue(workspace, user.id, &user.role, session, clock::now())?,
        token_type: TokenType::Bearer,
        expires_in: ACCESS_SECONDS,
        refresh_token: token("kr", id, &fresh),
    }))
}

/// Sign out
///
/// Ends the session of this token.
#[utoipa::path(post, path = "/v1/auth/logout", tag = "auth")]
pub async fn revoke_token(who: SignedIn) -> Answer<Done> {
    if let Some(session) = who.session {
        who.app
            .store
            .write(who.scope()?, who.circumstances(), move |tx| -> Result<_> {
                store::end(tx, session, Event::bare(RecordType::Session, session.uuid(), Action::SignedOut))?;
                Ok(())
            })
            .await?;
        who.app.credentials.invalidate_all();
    }
    Reply::of(&Done)
}

/// Ask for a password link
///
/// Answers the same whether the e-mail is known or not. The request is kept; an administrator makes the link.
#[utoipa::path(post, path = "/v1/auth/password-reset", tag = "auth")]
pub async fn request_password_reset(who: Anonymous<false>, request: Valid<PasswordResetRequest>) -> Answer<Noted> {
    readable(request.validate())?;
    let email = kartoteka_domain::email::parse(&request.email).map_or_else(|_| String::new(), |e| e.normalised);
    for door in workspace::doors(&who.app.store, DoorKind::SignIn, digest(&email)).await? {
        let target = door.target;
        who.app
            .store
            .write(lookup_scope(door.workspace), circumstances(&who.request), move |tx| -> Result<_> {
                let event =
                    Event::bare(RecordType::User, target, Action::PasswordLinkMade).because("asked for by the person; not made yet");
                tx.record(event)?;
                Ok(())
            })
            .await?;
    }
    Reply::of(&Noted)
}

/// Set a password by a link
///
/// Uses the link up and ends every session of the person.
#[utoipa::path(post, path = "/v1/auth/password-reset/confirm", tag = "auth")]
pub async fn confirm_password_reset(who: Anonymous, request: Valid<PasswordResetConfirmation>) -> Answer<Done> {
    readable(request.validate())?;
    let invalid = || Problem::new(ProblemCode::InvalidToken);
    let mut errors = FieldErrors::default();
    check_password(&request.new_password, "", "/new_password", &mut errors);
    errors.finish()?;
    let (id, given) = read_token("kp", &request.token).ok_or_else(invalid)?;
    let doors = workspace::doors(&who.app.store, DoorKind::PasswordLink, id.as_bytes().to_vec()).await?;
    let workspace = doors.first().ok_or_else(invalid)?.workspace;
    let password = who.app.passwords.hash(request.new_password.clone()).await?;
    let hash = digest(&given);
    let set = who
        .app
        .store
        .write(lookup_scope(workspace), circumstances(&who.request), move |tx| -> Result<bool> {
            let Some(user) = user::use_link(tx, id, |kept| same(kept, &hash))? else { return Ok(false) };
            user::set_password(tx, user, &password, Event::bare(RecordType::User, user.uuid(), Action::PasswordChanged))?;
            store::end_all(tx, user, None)?;
            workspace::close_doors(tx, DoorKind::PasswordLink, id)?;
            debug_assert_eq!(tx.workspace(), workspace);
            Ok(true)
        })
        .await?;
    who.app.credentials.invalidate_all();
    if set { Reply::of(&Done) } else { Err(invalid()) }
}

/// Anybody, where the database is asked.
pub struct Caller(pub web::Data<App>);

impl actix_web::FromRequest for Caller {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, payload: &mut actix_web::dev::Payload) -> Self::Future {
        std::future::ready(Anybody::from_request(req, payload).into_inner().map(|anybody| Self(anybody.0)))
    }
}
impl Describe for Caller {
    fn describe(shape: &mut Shape) {
        shape.may_refuse(&[503]);
    }
}

/// The public keys of access tokens.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct JsonWebKeys {
    /// The keys (RFC 7517), the newest first.
    #[schema(value_type = Vec<JsonWebKey>)]
    pub keys: serde_json::Value,
}

/// One public key (RFC 7517, RFC 8037).
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes what the signer writes")]
pub struct JsonWebKey {
    /// Key type: `OKP`.
    kty: String,
    /// Curve: `Ed25519`.
    crv: String,
    /// The public key, base64url.
    x: String,
    /// What it is for: `sig`.
    #[schema(rename = "use")]
    usage: String,
    /// Algorithm: `EdDSA`.
    alg: String,
    /// Its id, as in the header of a token.
    kid: String,
}

/// Anybody, not counted.
pub struct Anybody(pub web::Data<App>);

impl actix_web::FromRequest for Anybody {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
        std::future::ready(req.app_data::<web::Data<App>>().cloned().map(Self).ok_or_else(|| Problem::internal("no application data")))
    }
}
impl Describe for Anybody {
    fn describe(_: &mut Shape) {}
}

/// List the signing keys
///
/// For those who verify access tokens themselves.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth")]
pub async fn list_signing_keys(anybody: Anybody) -> Answer<Plain<JsonWebKeys>> {
    let keys = anybody.0.signer.public_keys();
    Reply::of(&Plain(JsonWebKeys { keys: keys.get("keys").cloned().unwrap_or_default() }))
}
