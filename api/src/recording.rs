//! Recordings of calls and meetings: kept here or told of by a link, listened to by a right of its own, each listening written down.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    str::FromStr,
};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, Responder, ResponseError,
    body::{BoxBody, SizedStream},
    dev::Payload,
    http::{
        StatusCode,
        header::{self, ByteRangeSpec, Range},
    },
    web::{self, Bytes},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{Stream, TryStreamExt, future::LocalBoxFuture, stream};
use kartoteka_domain::{
    access::RecordType,
    communication::Communication,
    event::{Action, Event},
    id::WorkspaceId,
    record::Record,
    recording::{KeptRecording, Listener, Listening, MOST_BYTES, PIECE_BYTES, PLAYABLE_FOR, Pass, RecordingId, SoundType, may_listen},
};
use kartoteka_persistence::{ReadTx, Reading, Store, Stored, WriteTx, communication, recording as store, workspace};
use sha2::{Digest, Sha256};

use crate::{
    answer::{Answer, Done, Found, Issued, Outcome, Respond},
    app::App,
    can::{Can, CanSealed, ReadRecordings, ToDelete, UpdateCommunications},
    clock,
    credential::{by_pass, hex, lookup_scope},
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, IfMatch, Intake, PlayPass, take_in},
    router::Described,
    session::Caller,
    spec::{Describe, Shape},
};

/// An upload, laid aside until it is stored, and what it is.
pub struct Sound {
    file: File,
    size_bytes: usize,
    sha256: String,
    /// Refused only when it is known that there is something to be kept for.
    media_type: std::result::Result<SoundType, ProblemCode>,
}

/// An upload that is coming in: little of it is ever in memory.
struct Incoming {
    file: Option<File>,
    /// What is not laid aside yet.
    rest: Vec<u8>,
    beginning: Vec<u8>,
    size_bytes: usize,
    hash: Sha256,
}

fn cannot_be_laid_aside(error: io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Problem::new(ProblemCode::StorageFull),
        _ => Problem::internal(format!("an upload cannot be laid aside: {error}")),
    }
}

impl Incoming {
    /// In a nameless file beside the database where it can, else where the system lays such things.
    async fn begin(app: &App) -> Result<Self> {
        let home = app.settings.data_dir.clone();
        let make = move || if home.is_dir() { tempfile::tempfile_in(home) } else { tempfile::tempfile() };
        let file = web::block(make).await.map_err(Problem::internal)?.map_err(cannot_be_laid_aside)?;
        Ok(Self { file: Some(file), rest: Vec::with_capacity(PIECE_BYTES), beginning: Vec::new(), size_bytes: 0, hash: Sha256::new() })
    }

    async fn lay_aside(&mut self) -> Result<()> {
        let (file, rest) = (self.file.take(), std::mem::take(&mut self.rest));
        let write = move || -> io::Result<(Option<File>, Vec<u8>)> {
            let (mut file, mut rest) = (file, rest);
            if let Some(file) = &mut file {
                file.write_all(&rest)?;
            }
            rest.clear();
            Ok((file, rest))
        };
        (self.file, self.rest) = web::block(write).await.map_err(Problem::internal)?.map_err(cannot_be_laid_aside)?;
        Ok(())
    }

    async fn end(mut self) -> Result<(File, String)> {
        self.lay_aside().await?;
        let file = self.file.ok_or_else(|| Problem::internal("an upload lost its file"))?;
        Ok((file, hex(&self.hash.finalize())))
    }
}

impl Intake for Incoming {
    async fn take(&mut self, bytes: Bytes) -> Result<()> {
        self.hash.update(&bytes);
        self.size_bytes += bytes.len();
        let wanted = BEGINNING.saturating_sub(self.beginning.len()).min(bytes.len());
        self.beginning.extend_from_slice(bytes.get(..wanted).unwrap_or_default());
        self.rest.extend_from_slice(&bytes);
        if self.rest.len() >= PIECE_BYTES { self.lay_aside().await } else { Ok(()) }
    }
}

/// So many bytes tell what a sound is.
const BEGINNING: usize = 8192;

impl FromRequest for Sound {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self>>;
    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, mut payload) = (req.clone(), payload.take());
        Box::pin(async move {
            let kind = req.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            let kind = kind.trim_start().to_ascii_lowercase();
            let is_meant = ["application/octet-stream", "audio/", "video/"].iter().any(|known| kind.starts_with(known));
            let app = req.app_data::<web::Data<App>>().cloned().ok_or_else(|| Problem::internal("no application data"))?;
            let mut incoming = Incoming::begin(&app).await?;
            if !take_in(&mut payload, MOST_BYTES, &mut incoming).await? {
                return Err(Problem::new(ProblemCode::CutOff));
            }
            // what is played later must be a sound, whatever the sender calls it
            let sound = SoundType::of(&incoming.beginning).ok_or(ProblemCode::NotASound);
            let media_type = if is_meant { sound } else { Err(ProblemCode::UnsupportedMediaType) };
            let size_bytes = incoming.size_bytes;
            let (file, sha256) = incoming.end().await?;
            Ok(Self { file, size_bytes, sha256, media_type })
        })
    }
}
impl Describe for Sound {
    fn describe(shape: &mut Shape) {
        shape.bytes("The sound: MP3, M4A, Ogg, WAV, FLAC, AMR, AAC or WebM, at most 25 MiB.");
    }
}

impl Sound {
    /// What is made of it.
    fn kept(&self, tx: &WriteTx<'_>) -> Result<KeptRecording> {
        Ok(KeptRecording {
            id: RecordingId::new(tx.fresh_id()),
            media_type: self.media_type.map_err(Problem::new)?,
            size_bytes: i64::try_from(self.size_bytes).map_err(Problem::internal)?,
            sha256: self.sha256.clone(),
            created_at: tx.now(),
        })
    }
    /// Its bytes from the first on, piece by piece.
    fn pieces(&self) -> impl Iterator<Item = io::Result<Vec<u8>>> {
        let (mut file, mut begun) = (&self.file, false);
        std::iter::from_fn(move || {
            let mut read = || {
                if !begun {
                    file.rewind()?;
                    begun = true;
                }
                let mut piece = Vec::with_capacity(PIECE_BYTES);
                file.take(PIECE).read_to_end(&mut piece)?;
                Ok(piece)
            };
            read().map(|piece| Some(piece).filter(|piece| !piece.is_empty())).transpose()
        })
    }
}

/// The same as [`PIECE_BYTES`].
const PIECE: u64 = PIECE_BYTES as u64;

/// Upload a recording
///
/// It is kept here, in place of one that was uploaded before; a link (`recording_url`) stays as it is. Its kind is told by its bytes, whatever
/// the content type says: MP3, M4A, Ogg, WAV, FLAC, AMR, AAC or WebM. The same bytes again change nothing.
#[utoipa::path(put, path = "/v1/communications/{id}/recording", tag = "communications")]
pub async fn upload_recording(
    can: Can<UpdateCommunications>,
    at: At<Communication>,
    if_match: IfMatch,
    sound: Sound,
) -> Answer<Found<Communication>> {
    can.write(move |tx| {
        let before: Communication = record::get_in_use(tx, at.0, &if_match)?;
        let kept = sound.kept(tx)?;
        keep(tx, before, kept, sound.pieces()).map(Found)
    })
    .await
}

/// Keeps a communication's recording in place of the one that there was.
pub fn keep(
    tx: &mut WriteTx<'_>,
    before: Communication,
    kept: KeptRecording,
    pieces: impl Iterator<Item = io::Result<Vec<u8>>>,
) -> Result<Communication> {
    if before.recording.as_ref().is_some_and(|known| known.sha256 == kept.sha256) {
        return Ok(before);
    }
    let after = Communication { recording: Some(kept.clone()), ..before.clone() };
    let after = record::store_change(tx, &before, after, Action::Updated)?;
    if let Some(gone) = &before.recording {
        store::remove(tx, gone.id)?;
    }
    store::keep(tx, after.id, &kept, pieces)?;
    Ok(after)
}

/// Keeps a recording that is at hand.
pub fn keep_bytes(tx: &mut WriteTx<'_>, before: Communication, media_type: SoundType, bytes: &[u8]) -> Result<Communication> {
    let kept = KeptRecording {
        id: RecordingId::new(tx.fresh_id()),
        media_type,
        size_bytes: i64::try_from(bytes.len()).map_err(Problem::internal)?,
        sha256: hex(&Sha256::digest(bytes)),
        created_at: tx.now(),
    };
    keep(tx, before, kept, bytes.chunks(PIECE_BYTES).map(|piece| Ok(piece.to_vec())))
}

/// Delete a recording
///
/// The uploaded one, for good; links to it play no more. A link of the communication (`recording_url`) stays. Where there is none, nothing is done.
#[utoipa::path(delete, path = "/v1/communications/{id}/recording", tag = "communications")]
pub async fn delete_recording(can: Can<ToDelete<UpdateCommunications>>, at: At<Communication>, if_match: IfMatch) -> Answer<Done> {
    can.write(move |tx| {
        let before: Communication = record::get_to_change(tx, at.0)?;
        record::check_version(tx, &before, &if_match)?;
        if let Some(kept) = &before.recording {
            let after = Communication { recording: None, ..before.clone() };
            record::store_change(tx, &before, after, Action::Updated)?;
            store::remove(tx, kept.id)?;
        }
        Ok(Done)
    })
    .await
}

/// Listen to a recording
///
/// Answers the address it plays at: for one that is kept here, of this server and for an hour, by ranges and without a credential, so that a page's player
/// can take it; else the link it was told by. Who asks is written down in the audit (`recording_played`). The right is one of its own: `read` of
/// `recording` in the role, `own` and `department` by who led the talk. Whoever has it for `none` does not see links either.
#[utoipa::path(post, path = "/v1/communications/{id}/listen", tag = "communications")]
pub async fn listen_to_recording(can: CanSealed<ReadRecordings>, at: At<Communication>) -> Answer<Listened> {
    let app = can.app().clone();
    can.write(move |tx| {
        let talk: Communication = record::get(tx, at.0)?;
        if !may_listen(&tx.scope().owners(RecordType::Recording), talk.owner_id) {
            return Err(Problem::new(ProblemCode::Forbidden));
        }
        let listening = match (&talk.recording, &talk.recording_url) {
            (Some(kept), _) => pass_to(&app, tx, kept)?,
            (None, Some(url)) => Listening { url: url.clone(), media_type: None, size_bytes: None, expires_at: None },
            (None, None) => return Err(Problem::new(ProblemCode::NoRecording)),
        };
        let which = talk.recording.as_ref().map_or_else(|| "its link".to_owned(), |kept| format!("the recording {}", kept.id));
        tx.note(&Event::bare(RecordType::Communication, talk.uuid(), Action::RecordingPlayed).because(which))?;
        Ok(Listened(Issued(listening)))
    })
    .await
}

fn pass_to(app: &App, tx: &WriteTx<'_>, kept: &KeptRecording) -> Result<Listening> {
    let until = tx.now() + PLAYABLE_FOR;
    let actor = tx.scope().actor();
    let key = || actor.who().id.map(Listener::Key);
    let listener = actor.user().map(Listener::Person).or_else(key).ok_or_else(|| Problem::new(ProblemCode::Forbidden))?;
    let pass = Pass { workspace: tx.workspace().uuid(), recording: kept.id, listener, until: until.timestamp() };
    let sealed = URL_SAFE_NO_PAD.encode(app.vault.seal(&pass.write())?);
    Ok(Listening {
        url: format!("{}/public/v1/recordings/{sealed}", app.settings.public_url.trim_end_matches('/')),
        media_type: Some(kept.media_type),
        size_bytes: Some(kept.size_bytes),
        expires_at: Some(until),
    })
}

/// Play a recording
///
/// By the address that `listen_to_recording` answered, while it plays and whoever asked for it may listen; by ranges (RFC 9110), one at a time.
#[utoipa::path(get, path = "/public/v1/recordings/{pass}", tag = "public")]
pub async fn play_recording(anybody: Caller, pass: PlayPass, wanted: Wanted) -> Result<Played> {
    let app = &anybody.0;
    let opened = URL_SAFE_NO_PAD.decode(&pass.0).ok().and_then(|sealed| app.vault.opened(&sealed));
    let pass = opened.and_then(|bytes| Pass::read(&bytes)).filter(|pass| pass.until > clock::now().timestamp());
    let pass = pass.ok_or_else(Problem::not_found)?;
    let scope = by_pass(app, &pass).await?;
    let find = move |tx: &mut ReadTx<'_>| -> Result<_> {
        let of = store::communication_of(tx, pass.recording)?.ok_or_else(Problem::not_found)?;
        let talk: Communication = record::get(tx, of.uuid())?;
        let kept = talk.recording.filter(|kept| kept.id == pass.recording).ok_or_else(Problem::not_found)?;
        if !may_listen(&tx.scope().owners(RecordType::Recording), talk.owner_id) {
            return Err(Problem::not_found());
        }
        let part = wanted.of(&kept);
        // what begins to play was there
        let begun = i64::try_from(part.first() / PIECE).map_err(Problem::internal)?;
        let piece = store::piece(tx, kept.id, begun)?.ok_or_else(Problem::not_found)?;
        Ok((kept, part, piece))
    };
    let (kept, part, begun) = app.store.read(scope, find).await?;
    Ok(Played { store: app.store.clone(), workspace: WorkspaceId::new(pass.workspace), kept, part, begun })
}

/// Which part of a recording is asked for.
pub struct Wanted {
    range: Option<Range>,
    only_of: Option<String>,
}

impl FromRequest for Wanted {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = |name| req.headers().get(name).and_then(|value| value.to_str().ok());
        // what cannot be read is as if it had not been sent (RFC 9110, 14.2)
        let range = text(header::RANGE).and_then(|range| Range::from_str(&range.to_ascii_lowercase()).ok());
        std::future::ready(Ok(Self { range, only_of: text(header::IF_RANGE).map(ToOwned::to_owned) }))
    }
}
impl Describe for Wanted {
    fn describe(shape: &mut Shape) {
        shape.header("Range", "The part that is wanted, `bytes=0-65535`; several parts at once are answered with the whole.");
        shape.header("If-Range", "The ETag of which the part is wanted; of another one the whole is answered.");
        shape.may_refuse(&[416]);
    }
}

/// A part of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    /// From the first byte to the last one.
    Bytes(u64, u64),
    /// There is none such.
    Nothing,
}

impl Part {
    fn first(self) -> u64 {
        match self {
            Self::Bytes(first, _) => first,
            Self::Whole | Self::Nothing => 0,
        }
    }
}

impl Wanted {
    fn of(&self, kept: &KeptRecording) -> Part {
        let size = u64::try_from(kept.size_bytes).unwrap_or_default();
        let is_of_another = self.only_of.as_ref().is_some_and(|tag| *tag != etag(kept));
        match &self.range {
            Some(Range::Bytes(parts)) if !is_of_another => match parts.as_slice() {
                [part] => part_of(part, size),
                _ => Part::Whole,
            },
            _ => Part::Whole,
        }
    }
}

fn part_of(part: &ByteRangeSpec, size: u64) -> Part {
    part.to_satisfiable_range(size).map_or(Part::Nothing, |(first, last)| Part::Bytes(first, last))
}

fn etag(kept: &KeptRecording) -> String {
    format!("\"{}\"", kept.sha256)
}

/// The sound, or a part of it, read from the store as it is sent.
pub struct Played {
    store: Store,
    workspace: WorkspaceId,
    kept: KeptRecording,
    part: Part,
    /// The piece it begins in.
    begun: Vec<u8>,
}

impl Responder for Played {
    type Body = BoxBody;
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let size = u64::try_from(self.kept.size_bytes).unwrap_or_default();
        let (status, first, last) = match self.part {
            Part::Whole => (StatusCode::OK, 0, size.saturating_sub(1)),
            Part::Bytes(first, last) => (StatusCode::PARTIAL_CONTENT, first, last),
            Part::Nothing => {
                let mut refusal = Problem::new(ProblemCode::RangeNotSatisfiable).error_response();
                if let Ok(range) = header::HeaderValue::from_str(&format!("bytes */{size}")) {
                    refusal.headers_mut().insert(header::CONTENT_RANGE, range);
                }
                return refusal;
            }
        };
        let mut response = HttpResponse::build(status);
        response.content_type(self.kept.media_type.word());
        response.insert_header((header::ETAG, etag(&self.kept)));
        response.insert_header((header::ACCEPT_RANGES, "bytes"));
        // each listening is asked for anew
        response.insert_header((header::CACHE_CONTROL, "private, no-store"));
        response.insert_header((header::CONTENT_DISPOSITION, "inline"));
        // compressed on the way, a range would be one of other bytes
        response.insert_header((header::CONTENT_ENCODING, "identity"));
        if status == StatusCode::PARTIAL_CONTENT {
            response.insert_header((header::CONTENT_RANGE, format!("bytes {first}-{last}/{size}")));
        }
        let bytes = bytes(self.store, self.workspace, self.kept.id, self.begun, first, last);
        response.body(SizedStream::new(last + 1 - first, Box::pin(bytes.map_err(actix_web::Error::from))))
    }
}
impl Described for Result<Played> {
    fn describe(shape: &mut Shape) {
        let kinds: Vec<&str> = SoundType::ALL.iter().map(|kind| kind.word()).collect();
        for (status, text) in [(200, "The whole."), (206, "The part that was asked for.")] {
            shape.sound(status, text, &kinds);
            shape.answer_header(status, "ETag", "Of these bytes.");
            shape.answer_header(status, "Accept-Ranges", "`bytes`.");
            shape.answer_header(status, "Cache-Control", "Not to be kept.");
        }
        shape.answer_header(206, "Content-Range", "Which part, and of how many bytes.");
        shape.may_refuse(&[404]);
    }
}

/// A recording from one byte to another, a piece at a time: so little of it is ever in memory. `begun` is the piece of the first byte.
fn bytes(
    store: Store,
    workspace: WorkspaceId,
    id: RecordingId,
    begun: Vec<u8>,
    first: u64,
    last: u64,
) -> impl Stream<Item = Result<Bytes>> {
    stream::try_unfold((first, Some(begun)), move |(at, begun)| {
        let store = store.clone();
        async move {
            if at > last {
                return Ok(None);
            }
            let number = i64::try_from(at / PIECE).map_err(Problem::internal)?;
            let piece = if let Some(begun) = begun {
                begun
            } else {
                // deleted while it plays: the rest does not come
                let look = move |tx: &mut ReadTx<'_>| -> Result<_> { store::piece(tx, id, number)?.ok_or_else(Problem::not_found) };
                store.read(lookup_scope(workspace), look).await?
            };
            let until = piece.len().min(usize::try_from(last + 1 - at / PIECE * PIECE).unwrap_or(usize::MAX));
            let from = usize::try_from(at % PIECE).map_err(Problem::internal)?;
            if from >= until {
                return Err(Problem::internal("a recording is shorter than it should be"));
            }
            let bytes = Bytes::from(piece).slice(from..until);
            let next = at + u64::try_from(bytes.len()).map_err(Problem::internal)?;
            Ok(Some((bytes, (next, None))))
        }
    })
}

/// So many are forgotten in one transaction.
const MOST_FORGOTTEN: i64 = 100;

/// Forgets recordings that were kept for as long as the workspace says; whether there may be more.
pub fn forget_old(tx: &mut WriteTx<'_>) -> Result<bool> {
    let Some(days) = workspace::current(tx)?.recording_retention_days else { return Ok(false) };
    let before = tx.now() - chrono::Duration::days(days);
    let old = store::kept_since_before(tx, before, MOST_FORGOTTEN)?;
    let more = i64::try_from(old.len()).is_ok_and(|found| found == MOST_FORGOTTEN);
    for (of, id) in old {
        tx.hold(RecordType::Communication, of.uuid())?;
        // another one may have come while this waited
        if let Some(talk) = communication::find_regardless(tx, of)?
            && talk.recording.as_ref().is_some_and(|kept| kept.id == id)
        {
            tx.follow(talk.updated_at);
            let mut after = Communication { recording: None, ..talk.clone() };
            after.stamp(&tx.scope().by().clone(), tx.now());
            let event = Event::updated(&talk, &after).because(format!("recordings are kept for {days} days"));
            Communication::update(tx, &talk, &after, event)?;
        }
        store::remove(tx, id)?;
    }
    // nothing here is done about a client
    tx.take_next_steps();
    Ok(more)
}

/// What listening answers, or that there is nothing to listen to.
pub struct Listened(Issued<Listening>);

impl Respond for Listened {
    fn outcome(&self) -> Result<Outcome> {
        self.0.outcome()
    }
    fn describe(shape: &mut Shape) {
        Issued::<Listening>::describe(shape);
        shape.may_refuse(&[409]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_a_part_of_what_there_is() {
        let kept = KeptRecording {
            id: RecordingId::new(uuid::Uuid::nil()),
            media_type: SoundType::Wav,
            size_bytes: 1000,
            sha256: "ab".into(),
            created_at: clock::now(),
        };
        let wanted = |range: &str, only_of: Option<&str>| Wanted { range: Range::from_str(range).ok(), only_of: only_of.map(Into::into) };
        for (range, part) in [
            ("bytes=0-99", Part::Bytes(0, 99)),
            ("bytes=900-", Part::Bytes(900, 999)),
            ("bytes=-1", Part::Bytes(999, 999)),
            ("bytes=990-5000", Part::Bytes(990, 999)),
            ("bytes=1000-", Part::Nothing),
            ("bytes=0-1,5-6", Part::Whole),
            ("lines=1-2", Part::Whole),
            ("bytes=9-1", Part::Whole),
            ("nonsense", Part::Whole),
        ] {
            assert_eq!(wanted(range, None).of(&kept), part, "{range}");
        }
        assert_eq!(wanted("bytes=0-99", Some("\"ab\"")).of(&kept), Part::Bytes(0, 99));
        assert_eq!(wanted("bytes=0-99", Some("\"cd\"")).of(&kept), Part::Whole);
    }
}
