//! The one clock, and fresh ids.

use chrono::{DateTime, Utc};
use kartoteka_domain::zone::to_micros;
use kartoteka_persistence::Circumstances;
use uuid::Uuid;

/// Now, cut to microseconds: what is stored is what is answered.
#[expect(clippy::disallowed_methods, reason = "the one clock")]
pub fn now() -> DateTime<Utc> {
    to_micros(Utc::now())
}

/// A fresh UUID v7.
#[expect(clippy::disallowed_methods, reason = "the one source of ids")]
pub fn fresh_id() -> Uuid {
    Uuid::now_v7()
}

/// The circumstances of the server's own work: no request, no address.
pub fn own_circumstances() -> Circumstances {
    Circumstances { now: now(), fresh_id, request_id: None, address: None, via: None, user_agent: None }
}
