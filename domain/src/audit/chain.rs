//! The chain: each sealed event carries a hash over its own content, its number and the hash before it. Whoever keeps the
//! head (number and hash) somewhere else can prove that nothing up to it was changed, taken out, moved or cut off.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

/// Keeps these hashes apart from any others.
const TAG: &[u8] = b"kartoteka audit chain 1\n";

/// SHA-256.
pub type Hash = [u8; 32];

/// What stands before the first event.
pub const BEGINNING: Hash = [0; 32];

/// The content of an event, exactly as it is kept. `changes` is the text itself: not a byte of it can differ unnoticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The tenant.
    pub workspace_id: Uuid,
    /// Its id.
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Type of the record.
    pub record_type: String,
    /// Id of the record.
    pub record_id: Uuid,
    /// What happened.
    pub action: String,
    /// Kind of the actor.
    pub actor_type: String,
    /// Id of the actor.
    pub actor_id: Option<Uuid>,
    /// Name of the actor.
    pub actor_name: String,
    /// Through what it acted.
    pub via: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// With what program.
    pub user_agent: Option<String>,
    /// In which request.
    pub request_id: Option<String>,
    /// Changed fields, the text.
    pub changes: String,
    /// Why.
    pub reason: Option<String>,
}

impl Entry {
    /// `sha256(tag | previous hash | number | canonical JSON (RFC 8785))`.
    pub fn hash(&self, previous: &Hash, sequence: i64) -> Hash {
        // texts and ids only: there is nothing in it that JSON cannot say
        let canonical = serde_json_canonicalizer::to_vec(self).unwrap_or_default();
        let mut hash = Sha256::new();
        hash.update(TAG);
        hash.update(previous);
        hash.update(sequence.to_be_bytes());
        hash.update(&canonical);
        hash.finalize().into()
    }
}

/// A sealed event as it is kept: what is claimed of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its content.
    pub entry: Entry,
    /// Its number.
    pub sequence: i64,
    /// The hash before it.
    pub previous: Option<Vec<u8>>,
    /// Its hash.
    pub hash: Option<Vec<u8>>,
}

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of the last event.
    pub sequence: i64,
    /// Its hash.
    pub hash: Hash,
}

impl Head {
    /// Of an empty chain.
    pub const EMPTY: Self = Self { sequence: 0, hash: BEGINNING };
}

words! {
    /// How a chain is broken. Open to additions.
    pub enum BreakKind {
        /// An event is gone.
        Missing = "missing",
        /// An event is not what was sealed.
        Altered = "altered",
        /// An event does not follow the one before it.
        Unlinked = "unlinked",
        /// The end is gone.
        Truncated = "truncated",
        /// The chain is sound in itself, but not the one whose head is known.
        Replaced = "replaced",
    }
}

/// The first broken link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainBreak {
    /// Id of the event; null where it is gone.
    #[schema(required = true)]
    pub id: Option<Uuid>,
    /// Its number.
    #[schema(required = true)]
    pub sequence: i64,
    /// What is wrong with it.
    #[schema(required = true)]
    pub kind: BreakKind,
}

/// Walks along a chain from its beginning and notes the first broken link.
#[derive(Debug, Clone)]
pub struct Walk {
    head: Head,
    known: Vec<Head>,
    broken: Option<ChainBreak>,
}

impl Walk {
    /// From the beginning; `known` are heads this chain must have passed through.
    pub fn new(known: impl IntoIterator<Item = Head>) -> Self {
        Self { head: Head::EMPTY, known: known.into_iter().filter(|head| head.sequence > 0).collect(), broken: None }
    }
    /// How far the chain holds.
    pub fn head(&self) -> Head {
        self.head
    }
    /// Whether there is nothing more to find.
    pub fn is_over(&self) -> bool {
        self.broken.is_some()
    }
    /// The next event by number.
    pub fn step(&mut self, link: &Link) {
        if self.broken.is_some() {
            return;
        }
        let sequence = self.head.sequence + 1;
        let broken = |id, kind| Some(ChainBreak { id, sequence, kind });
        let id = Some(link.entry.id);
        if link.sequence != sequence {
            self.broken = broken(None, BreakKind::Missing);
            return;
        }
        let hash = link.entry.hash(&self.head.hash, sequence);
        if link.previous.as_deref() != Some(&self.head.hash) {
            self.broken = broken(id, BreakKind::Unlinked);
        } else if link.hash.as_deref() != Some(&hash) {
            self.broken = broken(id, BreakKind::Altered);
        } else if self.known.iter().any(|known| known.sequence == sequence && known.hash != hash) {
            self.broken = broken(id, BreakKind::Replaced);
        } else {
            self.head = Head { sequence, hash };
        }
    }
    /// The first broken link, when all events were walked along.
    pub fn finish(self) -> Option<ChainBreak> {
        self.broken.or_else(|| {
            let reaches = self.known.iter().any(|known| known.sequence > self.head.sequence);
            reaches.then(|| ChainBreak { id: None, sequence: self.head.sequence + 1, kind: BreakKind::Truncated })
        })
    }
}

/// A hash as lower-case hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A hash from 64 hexadecimal digits.
pub fn from_hex(text: &str) -> Option<Hash> {
    let mut hash = BEGINNING;
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (place, at) in hash.iter_mut().zip((0..64).step_by(2)) {
        *place = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests;
