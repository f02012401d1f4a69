//! `Idempotency-Key`: a request that is sent again under its key is answered as before, and has no second effect.

use actix_web::{HttpMessage, HttpRequest, http::Method};
use base64::{Engine, engine::general_purpose::STANDARD};
use kartoteka_domain::{access::Scope, invalid::FieldCode};
use kartoteka_persistence::{
    Reading, StoreError, WriteTx,
    idempotency::{self, Known, RequestKey},
};

use super::{circumstances, settled};
use crate::{
    answer::{Answer, Outcome, Reply, Respond, from_kept, to_kept},
    app::App,
    conceal,
    credential::Vault,
    problem::{Problem, ProblemCode, Result},
    request::BodyHash,
};

/// How long a key is remembered.
const KEPT_FOR: chrono::Duration = chrono::Duration::hours(24);

/// How a key keeps the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// As it was sent.
    Open,
    /// Sealed: it holds a secret.
    Sealed,
}

/// A change that somebody asked for, perhaps under a key.
pub struct Asked<'a> {
    app: &'a App,
    scope: &'a Scope,
    request: &'a HttpRequest,
}

impl<'a> Asked<'a> {
    /// By whoever the scope is of.
    pub fn new(app: &'a App, scope: &'a Scope, request: &'a HttpRequest) -> Self {
        Self { app, scope, request }
    }

    /// The key; only a POST has one. What it is compared by is no plain hash: a body may hold a password, and a hash can be guessed at.
    pub fn key(&self) -> Result<Option<RequestKey>> {
        let Some(header) = self.request.headers().get("idempotency-key") else { return Ok(None) };
        if self.request.method() != Method::POST {
            return Ok(None);
        }
        let bad = || Problem::parameter("Idempotency-Key", FieldCode::InvalidValue);
        let key = header.to_str().map_err(|_| bad())?.trim();
        if key.is_empty() || key.len() > 255 {
            return Err(bad());
        }
        let body = self.request.extensions().get::<BodyHash>().map(|hash| hash.0.clone()).unwrap_or_default();
        Ok(Some(RequestKey {
            actor: self.scope.by().id.unwrap_or_default(),
            method: self.request.method().to_string(),
            path: self.request.path().to_owned(),
            key: key.to_owned(),
            body_hash: self.app.vault.fingerprint(&body),
        }))
    }

    /// Changes in one transaction; under a key, once.
    pub async fn change<R: Respond + 'static>(&self, f: impl Fn(&mut WriteTx<'_>) -> Result<R> + Send + 'static, kept: Kept) -> Answer<R> {
        let key = self.key()?;
        let (reserved, vault) = (key.clone(), (kept == Kept::Sealed).then(|| std::sync::Arc::clone(&self.app.vault)));
        let outcome: Result<Result<Outcome>> = self
            .app
            .store
            .write(self.scope.clone(), circumstances(self.request), move |tx| match &reserved {
                None => settled(tx, &f).map(Ok),
                Some(key) => once(tx, key, &f, vault.as_deref()),
            })
            .await;
        if let (Err(problem), Some(key)) = (&outcome, key)
            && problem.is_final()
        {
            self.keep_refusal(key, problem).await;
        }
        Ok(Reply::kept(outcome??))
    }

    /// The same of work that goes through several transactions, the last of which is a [`change`](Self::change) kept sealed: what was
    /// answered already is answered before anything is proved again.
    pub async fn through<R: Respond + 'static>(&self, work: impl Future<Output = Answer<R>>) -> Answer<R> {
        let Some(key) = self.key()? else { return work.await };
        if let Some(before) = self.answered(&key).await? {
            return before;
        }
        match work.await {
            Err(problem) if problem.is_final() => {
                self.keep_refusal(key.clone(), &problem).await;
                match self.answered(&key).await? {
                    // a twin came through meanwhile: his answer is the answer
                    Some(Ok(done)) => Ok(done),
                    _ => Err(problem),
                }
            }
            answer => answer,
        }
    }

    /// What was answered under this key.
    async fn answered<R: Respond + 'static>(&self, key: &RequestKey) -> Result<Option<Answer<R>>> {
        let (key, now, vault) = (key.clone(), circumstances(self.request).now, std::sync::Arc::clone(&self.app.vault));
        let known = self
            .app
            .store
            .read(self.scope.clone(), move |tx| {
                let known = idempotency::known(tx, &key, now)?;
                known.map(|known| replayed::<R, _>(tx, known, Some(&vault))).transpose()
            })
            .await?;
        Ok(known.map(|outcome| outcome.map(Reply::kept)))
    }

    /// A final refusal is the answer to its key from here on. Its effect is taken back already, with the key's reservation.
    async fn keep_refusal(&self, key: RequestKey, problem: &Problem) {
        let Ok(body) = serde_json::to_string(problem) else { return };
        let refused = idempotency::Outcome { status: problem.code.status().into(), headers: "problem".to_owned(), body };
        let kept = self.app.store.write(self.scope.clone(), circumstances(self.request), move |tx| -> Result<()> {
            let expires_at = tx.now() + KEPT_FOR;
            if let Known::New = idempotency::reserve(tx, &key, expires_at)? {
                idempotency::keep(tx, &key, expires_at, refused.clone())?;
            }
            Ok(())
        });
        if let Err(problem) = kept.await {
            tracing::warn!(%problem, "a refusal was not kept for its key");
        }
    }
}

/// Runs a use-case under its key: the outcome is stored with the effect. The inner answer is settled; the outer refusal takes everything
/// back.
fn once<R: Respond + 'static>(
    tx: &mut WriteTx<'_>,
    key: &RequestKey,
    f: &dyn Fn(&mut WriteTx<'_>) -> Result<R>,
    vault: Option<&Vault>,
) -> Result<Result<Outcome>> {
    let expires_at = tx.now() + KEPT_FOR;
    let known = idempotency::reserve(tx, key, expires_at).map_err(|error| match error {
        StoreError::LockTimeout => Problem::new(ProblemCode::RequestInProgress),
        other => other.into(),
    })?;
    if known != Known::New {
        return replayed::<R, _>(tx, known, vault);
    }
    let outcome = settled(tx, f)?;
    let mut kept = to_kept(&outcome);
    if let Some(vault) = vault {
        kept.body = STANDARD.encode(vault.seal(kept.body.as_bytes())?);
    }
    idempotency::keep(tx, key, expires_at, kept)?;
    Ok(Ok(outcome))
}

/// What was answered, as the rules of now let it be seen.
fn replayed<R: Respond + 'static, T: Reading>(tx: &mut T, known: Known, vault: Option<&Vault>) -> Result<Result<Outcome>> {
    let Known::Answered(kept) = known else { return Err(Problem::new(ProblemCode::IdempotencyKeyReused)) };
    let kept = match vault {
        Some(vault) => unsealed(vault, kept)?,
        None => kept,
    };
    from_kept(&kept).map_or_else(|problem| Ok(Err(problem)), |outcome| conceal::conceal::<R>(tx.scope().actor(), outcome).map(Ok))
}

/// An answer that was kept sealed; refusals hold no secret and are kept as they are.
fn unsealed(vault: &Vault, kept: idempotency::Outcome) -> Result<idempotency::Outcome> {
    if kept.headers == "problem" {
        return Ok(kept);
    }
    let body = vault.open(&STANDARD.decode(&kept.body).map_err(Problem::internal)?)?;
    Ok(idempotency::Outcome { body: String::from_utf8(body).map_err(Problem::internal)?, ..kept })
}
