//! Recordings of calls and meetings that are kept here: what may be one, who may listen, how long a link plays.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    access::{Owners, Reach, RecordType},
    id::{Id, UserId},
    role::{FieldEffect, FieldRule},
};

/// Largest recording, bytes: three and a half hours of speech at 16 kbit/s, half an hour at 128.
pub const MOST_BYTES: usize = 26_214_400;

/// So many bytes of a recording are kept in one row and sent at once.
pub const PIECE_BYTES: usize = 262_144;

/// How long a link to a recording plays.
pub const PLAYABLE_FOR: Duration = Duration::hours(1);

/// Id of a recording; another one of the same communication is another recording.
pub type RecordingId = Id<KeptRecording>;

words! {
    /// Kinds of sound that are kept, by their media type.
    pub enum SoundType {
        /// MP3.
        Mpeg = "audio/mpeg",
        /// AAC in an MP4 container.
        Mp4 = "audio/mp4",
        /// Opus or Vorbis in an Ogg container.
        Ogg = "audio/ogg",
        /// Uncompressed.
        Wav = "audio/wav",
        /// FLAC.
        Flac = "audio/flac",
        /// Adaptive multi-rate, of mobile phones.
        Amr = "audio/amr",
        /// AAC by itself.
        Aac = "audio/aac",
        /// Opus in a WebM container, of browsers.
        Webm = "audio/webm",
    }
}

impl SoundType {
    /// What some bytes are, by how they begin; `None` for whatever is no sound. What the sender calls them is not asked.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match infer::get(bytes)?.mime_type() {
            "audio/mpeg" => Some(Self::Mpeg),
            "audio/m4a" | "video/mp4" => Some(Self::Mp4),
            "audio/ogg" | "audio/opus" => Some(Self::Ogg),
            "audio/x-wav" => Some(Self::Wav),
            "audio/x-flac" => Some(Self::Flac),
            "audio/amr" => Some(Self::Amr),
            "audio/aac" => Some(Self::Aac),
            "video/webm" => Some(Self::Webm),
            _ => None,
        }
    }
}

/// A recording that is kept here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptRecording {
    /// Its id: another upload is another recording.
    pub id: RecordingId,
    /// What kind of sound it is.
    pub media_type: SoundType,
    /// How long it is, bytes.
    pub size_bytes: i64,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// When it came.
    pub created_at: DateTime<Utc>,
}

/// Where a recording can be listened to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listening {
    /// The address: of this server for a recording that is kept here, else the one the recording was told by.
    #[schema(required = true)]
    pub url: String,
    /// What kind of sound it is; null where it is kept elsewhere.
    #[schema(required = true)]
    pub media_type: Option<SoundType>,
    /// How long it is, bytes; null where it is kept elsewhere.
    #[schema(required = true)]
    pub size_bytes: Option<i64>,
    /// Until when the address plays; null where it is kept elsewhere.
    #[schema(required = true)]
    pub expires_at: Option<DateTime<Utc>>,
}

/// Whether somebody may listen to what a person recorded: `reach` is that of his right to recordings.
pub fn may_listen(reach: &Owners, led_by: Option<UserId>) -> bool {
    match reach {
        Owners::All => true,
        Owners::None => false,
        Owners::Of(users) => led_by.is_some_and(|person| users.contains(&person)),
    }
}

/// The rule that follows from the right to listen: a link is not shown to whoever may not listen, for nobody would write down that he did.
pub fn rule_of(reach: Reach) -> Option<FieldRule> {
    let except_own = match reach {
        Reach::None => false,
        Reach::Own => true,
        Reach::Department | Reach::All => return None,
    };
    Some(FieldRule { record: RecordType::Communication, field: "recording_url".to_owned(), effect: FieldEffect::Hidden, except_own })
}

/// What a link to a recording says, sealed: which recording, for whom, until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// The workspace.
    pub workspace: Uuid,
    /// The recording.
    pub recording: RecordingId,
    /// The person it was given to; `None` for a key.
    pub listener: Option<UserId>,
    /// Until when, seconds since 1970.
    pub until: i64,
}

/// What a pass begins with: nothing else that is sealed is one.
const MARK: &[u8; 8] = b"listen.1";

impl Pass {
    /// As bytes to be sealed.
    pub fn write(&self) -> Vec<u8> {
        let listener = self.listener.map_or(Uuid::nil(), UserId::uuid);
        let ids = [self.workspace, self.recording.uuid(), listener];
        [MARK.as_slice(), &ids.map(Uuid::into_bytes).concat(), &self.until.to_be_bytes()].concat()
    }
    /// From bytes that were sealed; `None` where they are something else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (ids, until) = bytes.strip_prefix(MARK)?.split_at_checked(48)?;
        let mut ids = ids.chunks_exact(16).map(|id| Uuid::from_slice(id).ok());
        let mut next = || ids.next().flatten();
        let (workspace, recording, listener) = (next()?, next()?, next()?);
        Some(Self {
            workspace,
            recording: RecordingId::new(recording),
            listener: Some(listener).filter(|id| !id.is_nil()).map(UserId::new),
            until: i64::from_be_bytes(until.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn sound_is_known_by_how_it_begins_and_by_nothing_else() {
        let wav = [b"RIFF\x24\0\0\0WAVEfmt ".as_slice(), &[0; 24]].concat();
        for (bytes, kind) in [
            (wav.as_slice(), Some(SoundType::Wav)),
            (b"ID3\x04\0\0\0\0\0\0", Some(SoundType::Mpeg)),
            (b"\xff\xfb\x90\x00\0\0\0\0", Some(SoundType::Mpeg)),
            (b"OggS\0\x02\0\0\0\0\0\0\0\0", Some(SoundType::Ogg)),
            (b"fLaC\0\0\0\x22", Some(SoundType::Flac)),
            (b"#!AMR\n\x3c", Some(SoundType::Amr)),
            (b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x82\x84webm", Some(SoundType::Webm)),
            (b"<html><script>alert(1)</script>", None),
            (b"%PDF-1.7", None),
            (b"", None),
        ] {
            assert_eq!(SoundType::of(bytes), kind, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_right_reaches_what_its_people_led() {
        let (one, other) = (UserId::new(Uuid::from_u128(1)), UserId::new(Uuid::from_u128(2)));
        let own = Owners::Of(Arc::from([one]));
        assert!(may_listen(&Owners::All, None) && !may_listen(&Owners::None, Some(one)));
        assert!(may_listen(&own, Some(one)) && !may_listen(&own, Some(other)) && !may_listen(&own, None));
    }

    proptest::proptest! {
        #[test]
        fn a_pass_is_read_as_it_was_written(workspace: u128, recording: u128, listener: u128, until: i64) {
            let pass = Pass {
                workspace: Uuid::from_u128(workspace),
                recording: RecordingId::new(Uuid::from_u128(recording)),
                listener: Some(UserId::new(Uuid::from_u128(listener))).filter(|id| !id.uuid().is_nil()),
                until,
            };
            let written = pass.write();
            proptest::prop_assert_eq!(Pass::read(&written), Some(pass));
            proptest::prop_assert_eq!(Pass::read(&written[1..]), None);
            proptest::prop_assert_eq!(Pass::read(&written[..written.len() - 1]), None);
        }
    }
}
