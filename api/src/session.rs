//! Signing in and out.

pub mod link;
pub mod open;

use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest, web};
use kartoteka_domain::{
    access::RecordType,
    event::{Action, Event},
    id::{SessionId, UserId, WorkspaceId},
    invalid::FieldErrors,
    record::Record,
    session::{ACCESS_SECONDS, REFRESH_SECONDS, RefreshRequest, SignIn, TokenType, Tokens},
    user::User,
};
use kartoteka_persistence::{
    Stored, session as store, user,
    workspace::{self, DoorKind},
};
use uuid::Uuid;
use validator::Validate;

use crate::{
    answer::{Answer, Done, Plain, Reply},
    app::App,
    can::{SignedIn, circumstances},
    clock,
    credential::{Verdict, digest, lookup_scope, read_token, same, secret, token},
    lockout,
    observe::peer_address,
    problem::{Problem, ProblemCode, Result},
    request::Valid,
    second_factor::{self, Proof},
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
/// With e-mail and password; `workspace` says which when the e-mail is in several (409 `workspace_required` names them). Where a second
/// factor is set up, `totp` takes a code of it or a recovery code; without: 401 `totp_required`. Five failures lock the account for a
/// second, each further one for twice as long, up to a quarter of an hour (429).
#[utoipa::path(post, path = "/v1/auth/token", tag = "auth")]
pub async fn create_token(who: Anonymous, sign_in: Valid<SignIn>) -> Answer<Conflicting<Plain<Tokens>>> {
    readable(sign_in.validate())?;
    let app = &who.app;
    let email = normalised(&sign_in.email);
    let looking = app.passwords.turn_to_look().await?;
    let tried = lockout::admit(app, &email, peer_address(&who.request).as_deref()).await?;
    let doors = workspace::doors(&app.store, DoorKind::SignIn, digest(&email)).await?;
    let briefs = workspace::briefs(&app.store, doors.iter().map(|d| d.workspace.uuid()).collect()).await?;
    let mut people = Vec::new();
    let mut admitted: Vec<Admitted> = Vec::new();
    let mut refused_by: Vec<(WorkspaceId, Uuid)> = Vec::new();
    let wanted = |id: WorkspaceId| sign_in.workspace.as_ref().is_none_or(|slug| briefs.iter().any(|b| b.id == id && b.slug == *slug));
    for door in doors.iter().filter(|d| wanted(d.workspace) && briefs.iter().any(|b| b.id == d.workspace)) {
        let target = door.target;
        let (user, hash) = app
            .store
            .read(lookup_scope(door.workspace), move |tx| -> Result<_> {
                Ok((User::find(tx, target)?, user::password_hash(tx, UserId::new(target))?))
            })
            .await?;
        people.push((door, user, hash));
    }
    drop(looking);
    for (door, user, hash) in people {
        let verdict = app.passwords.check_while(|| tried.still_free(app), sign_in.password.clone(), hash).await?;
        match user.filter(|u| u.active) {
            Some(user) if verdict.is_right() => admitted.push(Admitted { workspace: door.workspace, user, verdict }),
            _ => refused_by.push((door.workspace, door.target)),
        }
    }
    if admitted.is_empty() && refused_by.is_empty() {
        // as long as for somebody who is known
        app.passwords.check_while(|| tried.still_free(app), sign_in.password.clone(), None).await?;
    }
    match admitted.as_slice() {
        [] => {
            let locked_for = tried.failed(app).await?;
            for (workspace, target) in refused_by {
                note_refusal(&who, workspace, target, locked_for).await;
            }
            Err(refused())
        }
        [one] => match begin(&who, one, sign_in.totp.as_deref()).await? {
            Begun::Signed(tokens) => {
                tried.succeeded(app).await?;
                Reply::of(&Conflicting(Plain(tokens)))
            }
            Begun::CodeWanted => Err(Problem::new(ProblemCode::TotpRequired)),
            Begun::WrongCode | Begun::Dismissed => {
                let locked_for = tried.failed(app).await?;
                note_refusal(&who, one.workspace, one.user.uuid(), locked_for).await;
                Err(refused())
            }
        },
        several => {
            let choices: Vec<_> = briefs.iter().filter(|b| several.iter().any(|one| one.workspace == b.id)).collect();
            Err(Problem::new(ProblemCode::WorkspaceRequired).with("workspaces", choices))
        }
    }
}

/// Somebody whose password is right.
struct Admitted {
    workspace: WorkspaceId,
    user: User,
    verdict: Verdict,
}

/// What came of the second step of a sign-in.
enum Begun {
    Signed(Tokens),
    CodeWanted,
    WrongCode,
    Dismissed,
}

/// An e-mail as doors and lock-outs know it.
fn normalised(email: &str) -> String {
    kartoteka_domain::email::parse(email).map_or_else(|_| email.trim().to_lowercase(), |e| e.normalised)
}

/// Writes a refused sign-in down, and the lock it led to.
async fn note_refusal(who: &Anonymous, workspace: WorkspaceId, target: Uuid, locked_for: Option<i64>) {
    let noted = who
        .app
        .store
        .write(lookup_scope(workspace), circumstances(&who.request), move |tx| -> Result<_> {
            tx.record(Event::bare(RecordType::User, target, Action::SignInRefused))?;
            if let Some(seconds) = locked_for {
                tx.record(Event::bare(RecordType::User, target, Action::LockedOut).because(format!("for {seconds} seconds")))?;
            }
            Ok(())
        })
        .await;
    if let Err(problem) = noted {
        tracing::warn!(%problem, "a refused sign-in was not recorded");
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

async fn begin(who: &Anonymous, admitted: &Admitted, code: Option<&str>) -> Result<Begun> {
    let Admitted { workspace, user, verdict } = admitted;
    let session = SessionId::new(clock::fresh_id());
    let secret = secret();
    let hash = digest(&secret);
    let user_agent = who.request.headers().get("user-agent").and_then(|v| v.to_str().ok()).map(|v| v.chars().take(300).collect());
    let origin = store::Origin { address: peer_address(&who.request), user_agent };
    let by = kartoteka_domain::actor::ActorRef {
        kind: kartoteka_domain::actor::ActorType::User,
        id: Some(user.id.uuid()),
        name: user.name.clone(),
    };
    let user_id = user.id;
    let fresh_hash = if let Verdict::RightRehashed(hash) = verdict { Some(hash.clone()) } else { None };
    let (code, vault) = (code.map(ToOwned::to_owned), Arc::clone(&who.app.vault));
    let refused = who
        .app
        .store
        .write(kartoteka_domain::access::Scope::of_the_server(*workspace, by), circumstances(&who.request), move |tx| -> Result<_> {
            // hashing took its time: who was dismissed meanwhile would be left a session for the day he comes back
            tx.hold(RecordType::User, user_id.uuid())?;
            if !User::find(tx, user_id.uuid())?.is_some_and(|user| user.active) {
                return Ok(Some(Begun::Dismissed));
            }
            if second_factor::is_enabled(tx, user_id)? {
                let Some(code) = &code else { return Ok(Some(Begun::CodeWanted)) };
                if second_factor::prove(tx, &vault, user_id, code)? != Proof::Right {
                    return Ok(Some(Begun::WrongCode));
                }
            }
            let expires_at = tx.now() + chrono::Duration::seconds(REFRESH_SECONDS);
            let event = Event::bare(RecordType::Session, session.uuid(), Action::SignedIn);
            store::insert(tx, session, user_id, hash.clone(), expires_at, origin.clone(), event)?;
            workspace::open_door(tx, DoorKind::Session, session.uuid().as_bytes().to_vec(), session.uuid())?;
            if let Some(hash) = &fresh_hash {
                user::rehash_password(tx, user_id, hash)?;
            }
            Ok(None)
        })
        .await?;
    if let Some(refused) = refused {
        return Ok(refused);
    }
    Ok(Begun::Signed(Tokens {
        access_token: who.app.signer.issue(*workspace, user.id, &user.role, session, clock::now())?,
        token_type: TokenType::Bearer,
        expires_in: ACCESS_SECONDS,
        refresh_token: token("kr", session.uuid(), &secret),
    }))
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
            tx.record(Event::bare(RecordType::Session, session.uuid(), Action::ReuseRefused).because("a refresh token was used again"))?;
            let event = Event::bare(RecordType::Session, session.uuid(), Action::SignedOut).because("a refresh token was used again");
            store::end(tx, session, event)?;
            Ok(None)
        })
        .await?;
    let Some(user) = user else {
        who.app.credentials.revoke(id);
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
        who.app.credentials.revoke(session.uuid());
    }
    Reply::of(&Done)
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
