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
    /// What some bytes are, by how they begin; `None` for whatever is no sound. What the sender calls them is not asked. Of a container (MP4, Ogg,
    /// WebM) the sound is played, whatever else is in it.
    pub fn of(beginning: &[u8]) -> Option<Self> {
        if beginning.len() < SHORTEST {
            return None;
        }
        match infer::get(beginning).map(|kind| kind.mime_type()) {
            Some("audio/mpeg") => Some(Self::Mpeg),
            Some("audio/m4a" | "video/mp4") => Some(Self::Mp4),
            Some("audio/ogg" | "audio/opus") => Some(Self::Ogg),
            Some("audio/x-wav") => Some(Self::Wav),
            Some("audio/x-flac") => Some(Self::Flac),
            Some("audio/amr") => Some(Self::Amr),
            Some("audio/aac") => Some(Self::Aac),
            Some("video/webm") => Some(Self::Webm),
            _ if is_mpeg_frame(beginning) => Some(Self::Mpeg),
            _ if beginning.starts_with(b"#!AMR") => Some(Self::Amr),
            _ if beginning.get(4..8) == Some(b"ftyp") => Some(Self::Mp4),
            _ => None,
        }
    }
}

/// Nothing shorter is a recording.
const SHORTEST: usize = 16;

/// Whether some bytes begin with the header of a Layer III frame of any MPEG version (ISO 11172-3, 13818-3, and the 2.5 of telephones), checksum or
/// not: eleven bits set, a version, Layer III, a bit rate and a sampling rate that there are.
fn is_mpeg_frame(bytes: &[u8]) -> bool {
    let &[0xff, second, third, ..] = bytes else { return false };
    second & 0xe0 == 0xe0 && second & 0x18 != 0x08 && second & 0x06 == 0x02 && third & 0xf0 != 0xf0 && third & 0x0c != 0x0c
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

/// Who listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// A person.
    Person(UserId),
    /// An API key.
    Key(Uuid),
}

/// What a link to a recording says, sealed: which recording, for whom, until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// The workspace.
    pub workspace: Uuid,
    /// The recording.
    pub recording: RecordingId,
    /// Who it was given to.
    pub listener: Listener,
    /// Until when, seconds since 1970.
    pub until: i64,
}

/// What a pass begins with: nothing else that is sealed is one.
const MARK: &[u8; 8] = b"listen.1";

impl Pass {
    /// As bytes to be sealed.
    pub fn write(&self) -> Vec<u8> {
        let (kind, listener) = match self.listener {
            Listener::Person(id) => (0, id.uuid()),
            Listener::Key(id) => (1, id),
        };
        let ids = [self.workspace, self.recording.uuid(), listener];
        [MARK.as_slice(), &[kind], &ids.map(Uuid::into_bytes).concat(), &self.until.to_be_bytes()].concat()
    }
    /// From bytes that were sealed; `None` where they are something else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.strip_prefix(MARK)?.split_first()?;
        let (ids, until) = rest.split_at_checked(48)?;
        let mut ids = ids.chunks_exact(16).map(|id| Uuid::from_slice(id).ok());
        let mut next = || ids.next().flatten();
        let (workspace, recording, listener) = (next()?, next()?, next()?);
        Some(Self {
            workspace,
            recording: RecordingId::new(recording),
            listener: match kind {
                0 => Listener::Person(UserId::new(listener)),
                1 => Listener::Key(listener),
                _ => return None,
            },
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
            (b"ID3\x04", Some(SoundType::Mpeg)),
            (b"\xff\xfb\x90\x00", Some(SoundType::Mpeg)),
            (b"\xff\xfa\x90\x00", Some(SoundType::Mpeg)),
            // what 8 kHz of a telephone become
            (b"\xff\xe3\x18\xc4", Some(SoundType::Mpeg)),
            (b"\xff\xe2\x18\xc4", Some(SoundType::Mpeg)),
            (b"\xff\xf1\x50\x80", Some(SoundType::Aac)),
            (b"OggS\0\x02\0\0\0\0", Some(SoundType::Ogg)),
            (b"fLaC\0\0\0\x22", Some(SoundType::Flac)),
            (b"#!AMR\n\x3c", Some(SoundType::Amr)),
            (b"#!AMR-WB\n\x3c", Some(SoundType::Amr)),
            (b"\0\0\0\x18ftyp3gp4", Some(SoundType::Mp4)),
            (b"\0\0\0\x18ftypM4A ", Some(SoundType::Mp4)),
            (b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x82\x84webm", Some(SoundType::Webm)),
            // reserved versions, layers and rates
            (b"\xff\xeb\x90\x00", None),
            (b"\xff\xff\xff\xff", None),
            (b"\xff\xfe<\0h\0t\0m\0l\0", None),
            (b"<html><script>alert(1)</script>", None),
            (b"%PDF-1.7", None),
            (b"", None),
        ] {
            let long = [bytes, &[0; 300]].concat();
            assert_eq!(SoundType::of(&long), kind, "{:?}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(SoundType::of(b"\xff\xfb\x90\x00"), None, "too short");
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
        fn a_pass_is_read_as_it_was_written(workspace: u128, recording: u128, listener: u128, key: bool, until: i64) {
            let pass = Pass {
                workspace: Uuid::from_u128(workspace),
                recording: RecordingId::new(Uuid::from_u128(recording)),
                listener: if key { Listener::Key(Uuid::from_u128(listener)) } else { Listener::Person(UserId::new(Uuid::from_u128(listener))) },
                until,
            };
            let written = pass.write();
            proptest::prop_assert_eq!(Pass::read(&written), Some(pass));
            proptest::prop_assert_eq!(Pass::read(&written[1..]), None);
            proptest::prop_assert_eq!(Pass::read(&written[..written.len() - 1]), None);
        }
    }
}
