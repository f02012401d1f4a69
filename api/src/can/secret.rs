//! Changes whose answer carries a secret.

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use base64::{Engine, engine::general_purpose::STANDARD};
use kartoteka_persistence::{WriteTx, idempotency};

use super::{Can, Permission, circumstances, settled};
use crate::{
    answer::{Answer, Reply, Respond},
    app::App,
    credential::Vault,
    problem::{Problem, Result},
    spec::{Describe, Shape},
};

/// The right to a change whose answer carries a secret: no idempotency key, since a kept outcome would keep the secret.
pub struct CanSecretly<P>(Can<P>);

impl<P: Permission> FromRequest for CanSecretly<P> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        std::future::ready(Can::from_request(req, payload).into_inner().map(Self))
    }
}

impl<P: Permission> Describe for CanSecretly<P> {
    fn describe(shape: &mut Shape) {
        shape.secured = Some((P::RECORD, P::VERB));
    }
}

impl<P: Permission> CanSecretly<P> {
    /// The application.
    pub fn app(&self) -> &App {
        &self.0.app
    }
    /// Changes in one transaction.
    pub async fn write<R: Respond + 'static>(&self, f: impl Fn(&mut WriteTx<'_>) -> Result<R> + Send + 'static) -> Answer<R> {
        let outcome = self.0.app.store.write(self.0.scope.clone(), circumstances(&self.0.request), move |tx| settled(tx, &f)).await?;
        Ok(Reply::kept(outcome))
    }
}

/// The right to a change whose answer carries a secret that whoever repeats the request has to get again: what its idempotency key keeps is sealed.
pub struct CanSealed<P>(Can<P>);

impl<P: Permission> FromRequest for CanSealed<P> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        std::future::ready(Can::from_request(req, payload).into_inner().map(Self))
    }
}

impl<P: Permission> Describe for CanSealed<P> {
    fn describe(shape: &mut Shape) {
        Can::<P>::describe(shape);
    }
}

impl<P: Permission> CanSealed<P> {
    /// The application.
    pub fn app(&self) -> &App {
        &self.0.app
    }
    /// Changes in one transaction; with an `Idempotency-Key`, once.
    pub async fn write<R: Respond + 'static>(&self, f: impl Fn(&mut WriteTx<'_>) -> Result<R> + Send + 'static) -> Answer<R> {
        self.0.change(f, true).await
    }
}

/// What a key keeps of such an answer.
pub(super) fn sealed(vault: &Vault, body: &str) -> Result<String> {
    Ok(STANDARD.encode(vault.seal(body.as_bytes())?))
}

/// An answer that was kept sealed; refusals hold no secret and are kept as they are.
pub(super) fn unsealed(vault: &Vault, kept: idempotency::Outcome) -> Result<idempotency::Outcome> {
    if kept.headers == "problem" {
        return Ok(kept);
    }
    let body = vault.open(&STANDARD.decode(&kept.body).map_err(Problem::internal)?)?;
    Ok(idempotency::Outcome { body: String::from_utf8(body).map_err(Problem::internal)?, ..kept })
}
