//! Recordings of calls and meetings: kept here or told of by a link, listened to by a right of its own, each listening written down.

use std::str::FromStr;

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, Responder, ResponseError,
    body::{BoxBody, SizedStream},
    dev::Payload,
    http::{
        StatusCode,
        header::{self, ByteRangeSpec, Range},
    },
    web::Bytes,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{Stream, TryStreamExt, future::LocalBoxFuture, stream};
use kartoteka_domain::{
    access::RecordType,
    communication::Communication,
    event::{Action, Event},
    id::WorkspaceId,
    record::Record,
    recording::{KeptRecording, Listening, MOST_BYTES, PIECE_BYTES, PLAYABLE_FOR, Pass, RecordingId, SoundType, may_listen},
    user::User,
};
use kartoteka_persistence::{Reading, Store, Stored, WriteTx, communication, recording as store, workspace};
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    answer::{Answer, Done, Found, Issued, Outcome, Respond},
    app::App,
    can::{Can, CanSealed, ReadRecordings, ToDelete, UpdateCommunications},
    clock,
    credential::{hex, lookup_scope},
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, IfMatch, PlayPass, upload_so_far},
    router::Described,
    session::Caller,
    spec::{Describe, Shape},
};

/// So many uploads are taken in at once: each is held in memory until it is stored.
static UPLOADS: Semaphore = Semaphore::const_new(4);

/// An upload, what it is, and its place among those taken in at once.
pub struct Sound {
    bytes: Vec<u8>,
    /// Refused only when it is known that there is something to be kept for.
    kind: std::result::Result<SoundType, ProblemCode>,
    _place: SemaphorePermit<'static>,
}

impl FromRequest for Sound {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self>>;
    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (kind, mut payload) = (req.headers().get(header::CONTENT_TYPE).cloned(), payload.take());
        let announced = req.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0);
        Box::pin(async move {
            let kind = kind.as_ref().and_then(|kind| kind.to_str().ok()).unwrap_or_default().trim_start().to_ascii_lowercase();
            let is_meant = ["application/octet-stream", "audio/", "video/"].iter().any(|known| kind.starts_with(known));
            let place = UPLOADS.try_acquire().map_err(|_| Problem::new(ProblemCode::Overloaded))?;
            let (bytes, true) = upload_so_far(&mut payload, MOST_BYTES, announced).await? else {
                return Err(Problem::new(ProblemCode::CutOff));
            };
            // what is played later must be a sound, whatever the sender calls it
            let kind = if is_meant { SoundType::of(&bytes).ok_or(ProblemCode::NotASound) } else { Err(ProblemCode::UnsupportedMediaType) };
            Ok(Self { bytes, kind, _place: place })
        })
    }
}
impl Describe for Sound {
    fn describe(shape: &mut Shape) {
        shape.bytes("The sound: MP3, M4A, Ogg, WAV, FLAC, AMR, AAC or WebM, at most 25 MiB.");
    }
}

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
        let kind = sound.kind.map_err(Problem::new)?;
        keep(tx, before, kind, &sound.bytes).map(Found)
    })
    .await
}

/// Keeps a communication's recording in place of the one that there was.
pub fn keep(tx: &mut WriteTx<'_>, before: Communication, media_type: SoundType, bytes: &[u8]) -> Result<Communication> {
    let sha256 = hex(&Sha256::digest(bytes));
    if before.recording.as_ref().is_some_and(|kept| kept.sha256 == sha256) {
        return Ok(before);
    }
    let kept = KeptRecording {
        id: RecordingId::new(tx.fresh_id()),
        media_type,
        size_bytes: i64::try_from(bytes.len()).map_err(Problem::internal)?,
        sha256,
        created_at: tx.now(),
    };
    let after = Communication { recording: Some(kept.clone()), ..before.clone() };
    let after = record::store_change(tx, &before, after, Action::Updated)?;
    if let Some(gone) = &before.recording {
        store::remove(tx, gone.id)?;
    }
    store::keep(tx, after.id, &kept, bytes)?;
    Ok(after)
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
        tx.note(&Event::bare(RecordType::Communication, talk.uuid(), Action::RecordingPlayed))?;
        Ok(Listened(Issued(listening)))
    })
    .await
}

fn pass_to(app: &App, tx: &WriteTx<'_>, kept: &KeptRecording) -> Result<Listening> {
    let until = tx.now() + PLAYABLE_FOR;
    let pass = Pass { workspace: tx.workspace().uuid(), recording: kept.id, listener: tx.scope().actor().user(), until: until.timestamp() };
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
/// By the address that `listen_to_recording` answered, while it plays and the person may still sign in; by ranges (RFC 9110), one at a time.
#[utoipa::path(get, path = "/public/v1/recordings/{pass}", tag = "public")]
pub async fn play_recording(anybody: Caller, pass: PlayPass, wanted: Wanted) -> Result<Played> {
    let app = &anybody.0;
    let opened = URL_SAFE_NO_PAD.decode(&pass.0).ok().and_then(|sealed| app.vault.opened(&sealed));
    let pass = opened.and_then(|bytes| Pass::read(&bytes)).filter(|pass| pass.until > clock::now().timestamp());
    let pass = pass.ok_or_else(Problem::not_found)?;
    let workspace = WorkspaceId::new(pass.workspace);
    let find = move |tx: &mut kartoteka_persistence::ReadTx<'_>| -> Result<_> {
        if let Some(listener) = pass.listener
            && !User::find(tx, listener.uuid())?.is_some_and(|person| person.active)
        {
            return Ok(None);
        }
        Ok(store::find(tx, pass.recording)?)
    };
    let kept = app.store.read(lookup_scope(workspace), find).await?.ok_or_else(Problem::not_found)?;
    let part = wanted.of(&kept);
    Ok(Played { store: app.store.clone(), workspace, kept, part })
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
        let range = text(header::RANGE).and_then(|range| Range::from_str(range).ok());
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
        let bytes = bytes(self.store, self.workspace, self.kept.id, first, last);
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

/// A recording from one byte to another, a piece at a time: so little of it is ever in memory.
fn bytes(store: Store, workspace: WorkspaceId, id: RecordingId, first: u64, last: u64) -> impl Stream<Item = Result<Bytes>> {
    const PIECE: u64 = PIECE_BYTES as u64;
    stream::try_unfold(first, move |at| {
        let store = store.clone();
        async move {
            if at > last {
                return Ok(None);
            }
            let number = i64::try_from(at / PIECE).map_err(Problem::internal)?;
            let piece = store.read(lookup_scope(workspace), move |tx| -> Result<_> { Ok(store::piece(tx, id, number)?) }).await?;
            // deleted while it plays: the rest does not come
            let piece = Bytes::from(piece.ok_or_else(Problem::not_found)?);
            let until = piece.len().min(usize::try_from(last + 1 - at / PIECE * PIECE).unwrap_or(usize::MAX));
            let from = usize::try_from(at % PIECE).map_err(Problem::internal)?;
            if from >= until {
                return Err(Problem::internal("a recording is shorter than it should be"));
            }
            let bytes = piece.slice(from..until);
            let next = at + u64::try_from(bytes.len()).map_err(Problem::internal)?;
            Ok(Some((bytes, next)))
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
    for id in old {
        tx.hold(RecordType::Communication, id.uuid())?;
        let Some(talk) = communication::find_regardless(tx, id)? else { continue };
        let Some(kept) = &talk.recording else { continue };
        tx.follow(talk.updated_at);
        let mut after = Communication { recording: None, ..talk.clone() };
        after.stamp(&tx.scope().by().clone(), tx.now());
        let event = Event::updated(&talk, &after).because(format!("recordings are kept for {days} days"));
        Communication::update(tx, &talk, &after, event)?;
        store::remove(tx, kept.id)?;
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
