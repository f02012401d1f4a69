//! Credentials verified within the last second. What is revoked in this process is forgotten at once; a second is how long
//! another process may still believe somebody who was dismissed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use kartoteka_domain::{access::Actor, id::SessionId};
use uuid::Uuid;

/// How long a credential is believed, from the moment the database was asked about it: however long it took to answer.
const BELIEVED: Duration = Duration::from_secs(1);

/// When the reading of a credential began: what was revoked since then makes it void.
#[derive(Debug, Clone, Copy)]
pub struct Began {
    epoch: u64,
    at: Instant,
}

/// A credential that was verified.
#[derive(Clone)]
pub struct Known {
    /// Who.
    pub actor: Arc<Actor>,
    /// The session of an access token.
    pub session: Option<SessionId>,
    /// Whether the person must set up a second factor before anything else.
    pub needs_second_factor: bool,
    /// The networks it works from; empty: every one.
    pub networks: Arc<[IpNet]>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When its reading began.
    pub began: Began,
}

/// Verified credentials by their hash.
pub struct Credentials {
    known: moka::sync::Cache<Vec<u8>, Known>,
    /// Sessions, people and keys by the moment they were revoked, for longer than any reading takes.
    revoked: moka::sync::Cache<Uuid, Instant>,
    epoch: AtomicU64,
}

impl Credentials {
    /// An empty cache.
    pub fn new() -> Self {
        Self {
            known: moka::sync::Cache::builder().max_capacity(100_000).time_to_live(BELIEVED).build(),
            revoked: moka::sync::Cache::builder().max_capacity(100_000).time_to_live(Duration::from_mins(10)).build(),
            epoch: AtomicU64::new(0),
        }
    }

    /// Before the database is asked.
    pub fn begin(&self) -> Began {
        Began { epoch: self.epoch.load(Ordering::Acquire), at: Instant::now() }
    }

    /// A credential that still holds.
    pub fn get(&self, hash: &[u8], now: DateTime<Utc>) -> Option<Known> {
        let fresh = |known: &Known| known.began.at.elapsed() < BELIEVED && known.expires_at.is_none_or(|at| at > now);
        self.known.get(hash).filter(|known| fresh(known) && self.holds(known))
    }

    /// Whether nothing was revoked since its reading began.
    pub fn holds(&self, known: &Known) -> bool {
        let since = |id: Uuid| self.revoked.get(&id).is_none_or(|at| at < known.began.at);
        known.began.epoch == self.epoch.load(Ordering::Acquire)
            && known.actor.who().id.is_none_or(since)
            && known.session.is_none_or(|session| since(session.uuid()))
    }

    /// Keeps one for a second.
    pub fn insert(&self, hash: Vec<u8>, known: Known) {
        self.known.insert(hash, known);
    }

    /// Forgets a session, a person with all sessions, or a key; also what is being read at this moment.
    pub fn revoke(&self, id: Uuid) {
        self.revoked.insert(id, Instant::now());
    }

    /// Forgets everybody.
    pub fn invalidate_all(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.known.invalidate_all();
    }
}

#[cfg(test)]
mod tests {
    use kartoteka_domain::{
        access::RoleKey,
        actor::{ActorRef, ActorType},
        id::{UserId, WorkspaceId},
        role,
    };

    use super::*;

    fn known(credentials: &Credentials, user: u128, session: u128) -> Known {
        let id = Uuid::from_u128(user);
        let who = ActorRef { kind: ActorType::User, id: Some(id), name: "Anna".into() };
        let role = Arc::new(role::ready_made(RoleKey::Manager));
        let actor = Actor::verified(WorkspaceId::new(Uuid::nil()), who, Some(UserId::new(id)), role, Arc::from([]));
        Known {
            actor: Arc::new(actor),
            session: Some(SessionId::new(Uuid::from_u128(session))),
            needs_second_factor: false,
            networks: Arc::from([]),
            expires_at: None,
            began: credentials.begin(),
        }
    }

    #[test]
    fn a_second_is_counted_from_the_question_not_from_the_answer() {
        let credentials = Credentials::new();
        let slow = known(&credentials, 1, 2);
        let asked = slow.began.at.checked_sub(BELIEVED).unwrap();
        credentials.insert(vec![7], Known { began: Began { at: asked, ..slow.began }, ..slow });
        assert!(credentials.get(&[7], crate::clock::now()).is_none());
    }

    #[test]
    fn what_was_revoked_while_it_was_read_does_not_hold() {
        let credentials = Credentials::new();
        let now = crate::clock::now();
        for revoke in [1_u128, 2] {
            let reading = known(&credentials, 1, 2);
            credentials.revoke(Uuid::from_u128(revoke));
            credentials.insert(vec![7], reading);
            assert!(credentials.get(&[7], now).is_none());
        }
        let reading = known(&credentials, 1, 2);
        credentials.invalidate_all();
        credentials.insert(vec![7], reading);
        assert!(credentials.get(&[7], now).is_none());
        credentials.insert(vec![7], known(&credentials, 1, 2));
        assert!(credentials.get(&[7], now).is_some());
        credentials.revoke(Uuid::from_u128(3));
        assert!(credentials.get(&[7], now).is_some(), "somebody else");
    }
}
