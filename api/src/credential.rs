//! Credentials: access tokens, API keys, passwords, one-time secrets. A verified one becomes an `Actor`.

mod attack;
mod cache;
mod link;
mod password;

use std::sync::Arc;

use actix_web::{HttpRequest, http::header};
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use kartoteka_domain::{
    access::{Actor, Rights, Scope},
    actor::{ActorRef, ActorType},
    api_key::{self as api_key_rule, ApiKey},
    id::{SessionId, UserId, WorkspaceId},
    record::Record,
    session::ACCESS_SECONDS,
    workspace::Policy,
};
use kartoteka_persistence::{
    Store, Stored, api_key, second_factor, session,
    workspace::{self, Behind, DoorKind, SealedKey},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::{
    app::App,
    clock,
    observe::peer_address,
    problem::{Problem, ProblemCode, Result},
    role,
};

pub use attack::{Noted, noted};
pub use cache::{Began, Credentials, Known};
pub use link::{by_calendar_link, by_pass};
pub use password::{Passwords, Verdict, hash_password};

/// What somebody may do who must set up a second factor first.
pub const WITHOUT_SECOND_FACTOR: [&str; 4] = ["/v1/me", "/v1/me/totp", "/v1/me/totp/confirm", "/v1/auth/logout"];

const ISSUER: &str = "kartoteka";

/// Hash of a secret for storage: secrets are long and random, so a fast hash is enough.
pub fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Compares hashes in constant time.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && bool::from(a.ct_eq(b))
}

/// 32 random bytes as text.
pub fn secret() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// A one-time token: kind, the id of what it opens, a secret.
pub fn token(kind: &str, id: Uuid, secret: &str) -> String {
    format!("{kind}_{}_{secret}", id.simple())
}

/// Takes a token apart.
pub fn read_token(kind: &str, token: &str) -> Option<(Uuid, String)> {
    let rest = token.strip_prefix(kind)?.strip_prefix('_')?;
    let (id, secret) = rest.split_once('_')?;
    (id.len() == 32 && !secret.is_empty()).then_some(())?;
    Some((Uuid::try_parse(id).ok()?, secret.to_owned()))
}

/// Seals small secrets with the installation's key (AES-256-GCM), and takes fingerprints that nobody else can make (HMAC-SHA-256).
pub struct Vault {
    sealing: LessSafeKey,
    marking: hmac::Key,
}

impl Vault {
    /// From 32 bytes.
    pub fn new(key: &[u8; 32]) -> Result<Self> {
        // a key of its own for each use
        let marking = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"fingerprint");
        Ok(Self {
            sealing: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).map_err(Problem::internal)?),
            marking: hmac::Key::new(hmac::HMAC_SHA256, marking.as_ref()),
        })
    }
    /// Seals: nonce before ciphertext.
    pub fn seal(&self, plain: &[u8]) -> Result<Vec<u8>> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = plain.to_vec();
        self.sealing.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).map_err(Problem::internal)?;
        Ok(nonce.iter().copied().chain(sealed).collect())
    }
    /// Opens.
    pub fn open(&self, sealed: &[u8]) -> Result<Vec<u8>> {
        self.opened(sealed)
            .ok_or_else(|| Problem::internal("a sealed secret does not open: is this the secret.key the database was used with?"))
    }
    /// Opens what somebody brings; `None` where this was not sealed here.
    pub fn opened(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut body = body.to_vec();
        Some(self.sealing.open_in_place(nonce, Aad::empty(), &mut body).ok()?.to_vec())
    }
    /// The same for the same bytes; tells nothing of them to whoever reads the database.
    pub fn fingerprint(&self, bytes: &[u8]) -> Vec<u8> {
        hmac::sign(&self.marking, bytes).as_ref().to_vec()
    }
}

/// Signs and verifies access tokens (EdDSA).
pub struct Signer {
    key: EncodingKey,
    kid: String,
    keys: Vec<(String, DecodingKey, String)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    ws: Uuid,
    role: String,
    sid: Uuid,
    exp: i64,
    iat: i64,
    jti: Uuid,
}

impl Signer {
    /// Reads the keys, making the first at the first start.
    pub fn open(store: &Store, vault: Arc<Vault>) -> Result<Self> {
        // already installed is as good
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let fresh = aws_lc_rs::signature::Ed25519KeyPair::generate().map_err(Problem::internal)?;
        let document = fresh.to_pkcs8v1().map_err(Problem::internal)?;
        let sealed = vault.seal(document.as_ref())?;
        let id = clock::fresh_id();
        let kept = workspace::signing_keys_now(store, move || SealedKey { id, sealed: sealed.clone() }, clock::now())?;
        let mut key = None;
        let mut keys = Vec::new();
        for SealedKey { id, sealed } in kept {
            let document = vault.open(&sealed)?;
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&document).map_err(Problem::internal)?;
            let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
            let kid = id.simple().to_string();
            key.get_or_insert_with(|| (EncodingKey::from_ed_der(&document), kid.clone()));
            keys.push((kid, DecodingKey::from_ed_components(&x).map_err(Problem::internal)?, x));
        }
        let (key, kid) = key.ok_or_else(|| Problem::internal("no signing key"))?;
        Ok(Self { key, kid, keys })
    }

    /// The public keys (RFC 7517).
    pub fn public_keys(&self) -> serde_json::Value {
        let keys: Vec<serde_json::Value> = self
            .keys
            .iter()
            .map(|(kid, _, x)| serde_json::json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x}))
            .collect();
        serde_json::json!({"keys": keys})
    }

    /// An access token.
    pub fn issue(&self, workspace: WorkspaceId, user: UserId, role: &str, session: SessionId, now: DateTime<Utc>) -> Result<String> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: user.uuid(),
            ws: workspace.uuid(),
            role: role.to_owned(),
            sid: session.uuid(),
            exp: now.timestamp() + ACCESS_SECONDS,
            iat: now.timestamp(),
            jti: clock::fresh_id(),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, &claims, &self.key).map_err(Problem::internal)
    }

    fn verify(&self, token: &str) -> std::result::Result<Claims, Unverified> {
        use jsonwebtoken::errors::ErrorKind;
        let forged = || Unverified::Forged;
        let header = jsonwebtoken::decode_header(token).map_err(|_| forged())?;
        let kid = header.kid.ok_or_else(forged)?;
        // the key is looked up among ours; whatever else the kid says is not followed
        let (_, key, _) = self.keys.iter().find(|(known, ..)| *known == kid).ok_or_else(forged)?;
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_audience(&[ISSUER]);
        rules.set_issuer(&[ISSUER]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.leeway = 0;
        match jsonwebtoken::decode::<Claims>(token, key, &rules) {
            Ok(decoded) => Ok(decoded.claims),
            // the signature is looked at first
            Err(error) if *error.kind() == ErrorKind::ExpiredSignature => Err(Unverified::Expired),
            Err(_) => Err(forged()),
        }
    }
}

/// Why an access token is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unverified {
    /// It was one.
    Expired,
    /// This server never made it.
    Forged,
}

/// Who is asking: by `Authorization: Bearer …`, an access token or an API key.
pub async fn authenticate(app: &App, req: &HttpRequest) -> Result<Known> {
    let header = req.headers().get(header::AUTHORIZATION).ok_or_else(|| Problem::new(ProblemCode::Unauthenticated))?;
    let refused = || Problem::new(ProblemCode::InvalidToken);
    let text = header.to_str().map_err(|_| refused())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(refused)?;
    if !scheme.eq_ignore_ascii_case("bearer") || token.len() > 4096 {
        return Err(refused());
    }
    let token = token.trim();
    let hash = digest(token);
    let known = if let Some(known) = app.credentials.get(&hash, clock::now()) {
        known
    } else {
        let known = verified(app, req, token).await?;
        app.credentials.insert(hash, known.clone());
        known
    };
    // asked every time: the same key may come from somewhere else within the second
    if !known.networks.is_empty() && !api_key_rule::admits(&known.networks, peer_address(req).and_then(|a| a.parse().ok())) {
        attack::foreign_address(app, req, &known).await;
        return Err(Problem::new(ProblemCode::AddressNotAllowed));
    }
    Ok(known)
}

/// Asks the database; what is revoked meanwhile does not count.
async fn verified(app: &App, req: &HttpRequest, token: &str) -> Result<Known> {
    let began = app.credentials.begin();
    if let Some((id, secret)) = read_token("kk_live", token) {
        return by_api_key(app, req, id, secret, began).await;
    }
    match app.signer.verify(token) {
        Ok(claims) => by_access_token(app, claims, began).await,
        Err(refusal) => {
            if refusal == Unverified::Forged {
                attack::forged_token(app, req, token).await;
            }
            Err(Problem::new(ProblemCode::InvalidToken))
        }
    }
}

/// The server's scope in a workspace, for looking somebody up before there is an actor.
pub fn lookup_scope(workspace: WorkspaceId) -> Scope {
    Scope::of_the_server(workspace, ActorRef::system())
}

async fn by_access_token(app: &App, claims: Claims, began: Began) -> Result<Known> {
    let workspace = WorkspaceId::new(claims.ws);
    let (user_id, session_id) = (UserId::new(claims.sub), SessionId::new(claims.sid));
    let now = clock::now();
    let found = app
        .store
        .read(lookup_scope(workspace), move |tx| -> Result<_> {
            let session = session::find(tx, session_id)?.filter(|s| s.user == user_id && s.ended_at.is_none() && s.expires_at > now);
            if session.is_none() {
                return Ok(None);
            }
            let Some(person) = kartoteka_domain::user::User::find(tx, user_id.uuid())?.filter(|u| u.active) else { return Ok(None) };
            let colleagues = crate::access::colleagues(tx, &person)?;
            let rights = role::rights(tx, &person.role)?;
            let demanded = workspace::current(tx)?.policies.second_factor == Policy::Require;
            let needs_second_factor = demanded && second_factor::enabled(tx, user_id)?.is_none();
            Ok(Some((person, colleagues, rights, needs_second_factor)))
        })
        .await?;
    let (person, colleagues, rights, needs_second_factor) = found.ok_or_else(|| Problem::new(ProblemCode::InvalidToken))?;
    let who = ActorRef { kind: ActorType::User, id: Some(person.uuid()), name: person.name.clone() };
    let actor = Actor::verified(workspace, who, Some(person.id), Arc::new(rights), colleagues.into());
    let expires_at = DateTime::from_timestamp(claims.exp, 0);
    Ok(Known { actor: Arc::new(actor), session: Some(session_id), needs_second_factor, networks: Arc::from([]), expires_at, began })
}

async fn by_api_key(app: &App, req: &HttpRequest, id: Uuid, secret: String, began: Began) -> Result<Known> {
    let refused = || Problem::new(ProblemCode::InvalidToken);
    let behind = workspace::doors(&app.store, DoorKind::ApiKey, id.as_bytes().to_vec()).await?;
    let Behind { workspace, target } = behind.first().copied().ok_or_else(refused)?;
    let now = clock::now();
    let hash = digest(&secret);
    let found: std::result::Result<(ApiKey, Rights, Option<DateTime<Utc>>), &'static str> = app
        .store
        .read(lookup_scope(workspace), move |tx| -> Result<_> {
            let Some((key, hashes)) = ApiKey::find(tx, target)?.zip(api_key::secret_hashes(tx, target)?) else { return Err(refused()) };
            Ok(match works(&key, &hashes, &hash, now) {
                Ok(until) => {
                    let rights = role::rights(tx, &key.role)?;
                    Ok((key, rights, until))
                }
                Err(why) => Err(why),
            })
        })
        .await?;
    let (key, rights, works_until) = match found {
        Ok(found) => found,
        Err(why) => {
            attack::refused_key(app, req, workspace, target, why).await;
            return Err(refused());
        }
    };
    let networks: Arc<[ipnet::IpNet]> = key.networks().into();
    let welcome = api_key_rule::admits(&networks, peer_address(req).and_then(|a| a.parse().ok()));
    if welcome && key.last_used_at.is_none_or(|at| now - at > chrono::Duration::minutes(1)) {
        let circumstances = clock::own_circumstances();
        let touched: Result<()> = app.store.write(lookup_scope(workspace), circumstances, move |tx| Ok(api_key::touch(tx, target)?)).await;
        if let Err(problem) = touched {
            tracing::warn!(%problem, "the use of an API key was not noted");
        }
    }
    let who = ActorRef { kind: ActorType::ApiKey, id: Some(key.uuid()), name: key.name.clone() };
    let actor = Actor::verified(workspace, who, None, Arc::new(rights), Arc::from([]));
    Ok(Known { actor: Arc::new(actor), session: None, needs_second_factor: false, networks, expires_at: works_until, began })
}

/// Until when a secret opens the key, or why it does not: the one before the last rotation works for a while.
fn works(
    key: &ApiKey,
    hashes: &api_key::SecretHashes,
    given: &[u8],
    now: DateTime<Utc>,
) -> std::result::Result<Option<DateTime<Utc>>, &'static str> {
    let before = !same(&hashes.present, given);
    if before && !hashes.before.as_deref().is_some_and(|before| same(before, given)) {
        return Err("with another secret");
    }
    if key.archived_at.is_some() {
        return Err("revoked");
    }
    if key.expires_at.is_some_and(|at| at <= now) {
        return Err("at its end");
    }
    if !before {
        return Ok(key.expires_at);
    }
    let until = key.previous_until.filter(|until| *until > now).ok_or("with the secret before its rotation")?;
    Ok(Some(key.expires_at.map_or(until, |end| end.min(until))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_same_for_the_same_bytes_and_tells_nothing_without_the_key() {
        let (one, other) = (Vault::new(&[1; 32]).unwrap(), Vault::new(&[2; 32]).unwrap());
        let body = br#"{"current_password":"x"}"#;
        assert_eq!(one.fingerprint(body), Vault::new(&[1; 32]).unwrap().fingerprint(body));
        assert_ne!(one.fingerprint(body), other.fingerprint(body));
        assert_ne!(one.fingerprint(body), Sha256::digest(body).to_vec());
        assert_eq!(one.open(&one.seal(body).unwrap()).unwrap(), body);
        assert!(other.open(&one.seal(body).unwrap()).is_err());
    }
}
