//! Changes whose answer carries a secret.

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use kartoteka_persistence::WriteTx;

use super::{Can, Permission, circumstances, once::Kept, settled};
use crate::{
    answer::{Answer, Reply, Respond},
    app::App,
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
        self.0.asked().change(f, Kept::Sealed).await
    }
}
