//! The live stream: server-sent events from the journal, by the asker's rights of the moment, and who has which card open. Nothing is kept for a
//! reader but one page: whoever does not read is let go, and goes on from his last event when he comes back.

mod told;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use actix_web::{HttpRequest, HttpResponse, Responder, body::BoxBody, http::header, web::Bytes};
use kartoteka_domain::{
    access::{RecordType, Scope, Verb},
    id::UserId,
    invalid::FieldCode,
    journal::EventType,
    stream::{CardPresence, End, PresenceParams, RecordAt, StreamParams, frame, mark},
};
use kartoteka_persistence::{ReadTx, journal as events, presence as store};
use tokio::sync::mpsc;
use uuid::Uuid;

use self::told::Told;
use crate::{
    answer::{Answer, Reply, Sought},
    app::App,
    can::SignedIn,
    clock, credential, journal,
    problem::{Problem, ProblemCode, Result},
    request::Params,
    router::Described,
    spec::{Describe, Shape},
};

/// How many streams one person or key has open at a time.
const MOST_OF_ONE: usize = 20;
/// When somebody who has too many may ask again, seconds.
const RETRY: u64 = 10;
/// How many streams this process holds.
const MOST: usize = 4000;
/// How many events are read at a time.
const PAGE: i64 = 50;
/// How often it is looked for what another process numbered, and at who has the card open.
const LOOK: Duration = Duration::from_millis(700);
/// How long a line may be silent: proxies cut what says nothing.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a reader may take for what was sent.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it is believed that a card is open, and how often the stream says so again.
const PRESENT: i64 = 45;
const RENEW: Duration = Duration::from_secs(15);

/// The streams of this process, by who reads them.
#[derive(Debug, Default)]
pub struct Streams(Arc<Mutex<HashMap<Uuid, usize>>>);

/// One of them; it counts as long as it lives.
struct Seat {
    all: Arc<Mutex<HashMap<Uuid, usize>>>,
    whose: Uuid,
}

impl Streams {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
    fn take(&self, whose: Uuid) -> Result<Seat> {
        let mut seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seats.values().sum::<usize>() >= MOST {
            return Err(Problem::new(ProblemCode::Overloaded));
        }
        let own = seats.entry(whose).or_default();
        if *own >= MOST_OF_ONE {
            return Err(Problem { retry_after: Some(RETRY), ..Problem::new(ProblemCode::TooManyRequests) });
        }
        *own += 1;
        Ok(Seat { all: Arc::clone(&self.0), whose })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = seats.get_mut(&self.whose) {
            *own -= 1;
            if *own == 0 {
                seats.remove(&self.whose);
            }
        }
    }
}

/// The last event a reader has, as browsers send it when they come back.
pub struct LastEvent(Option<i64>);

impl actix_web::FromRequest for LastEvent {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
        let read = |value: &header::HeaderValue| {
            let number = value.to_str().ok().and_then(|text| text.trim().parse::<i64>().ok()).filter(|number| *number >= 0);
            number.ok_or_else(|| Problem::parameter("Last-Event-ID", FieldCode::WrongType))
        };
        std::future::ready(req.headers().get("last-event-id").filter(|value| !value.is_empty()).map(read).transpose().map(Self))
    }
}
impl Describe for LastEvent {
    fn describe(shape: &mut Shape) {
        shape.header("Last-Event-ID", "The `id` of the last event that was heard: what followed it is told first.");
    }
}

/// 200 with events as they come.
pub struct Live(mpsc::Receiver<Bytes>);

impl Responder for Live {
    type Body = BoxBody;
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let chunks = futures_util::stream::unfold(self.0, async |mut waiting| {
            let chunk = waiting.recv().await?;
            Some((Ok::<_, actix_web::Error>(chunk), waiting))
        });
        HttpResponse::Ok()
            .content_type("text/event-stream; charset=utf-8")
            // what is compressed is held back
            .insert_header((header::CONTENT_ENCODING, "identity"))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header(("x-accel-buffering", "no"))
            .streaming(chunks)
    }
}
impl Described for Result<Live> {
    fn describe(shape: &mut Shape) {
        let schema = serde_json::json!({"description": "Server-sent events: `event` names the type, `data` is a `JournalEvent` as JSON, `id` its number. `notification`: what the asker is notified of (`Notification`). `presence`: who has the card open (`CardPresence`). `end`: why the stream ends."});
        shape.text(200, "The stream.", "text/event-stream", &schema);
        shape.may_refuse(&[404, 410, 429]);
    }
}

/// Hear what happens
///
/// Server-sent events (`text/event-stream`): every change the asker may be told of, as `GET /v1/events` tells it, within a second. After a break go on with
/// `Last-Event-ID`; nothing is missed. The server ends a stream after some minutes (`event: end`, `{"reason": "resume"}`), when what it
/// sent is not taken (`too_slow`), when the credential ends (`signed_out`), and when it cannot go on from there (`events_gone`: read the lists
/// anew); a reader who is ahead of the server is refused with 410, as is one who is too far behind. One person or key has 20 streams at a time. What the asker is notified of, reminders first of all, comes as `event: notification`, without a number: after a break what is unread and newer than
/// the last event is told again, under the same `id`. With `open` the asker is shown to others who have that card open, as long as the stream lasts, and `event: presence` tells who they are.
#[utoipa::path(get, path = "/v1/stream", tag = "events")]
pub async fn stream_events(by: SignedIn, last: LastEvent, params: Params<StreamParams>) -> Result<Live> {
    let scope = by.scope()?;
    let whose = scope.by().id.unwrap_or_default();
    let seat = by.app.streams.take(whose)?;
    let filter = params.events();
    let (types, nothing, open) = (filter.wanted(), filter.is_nothing(), params.open);
    let listener = by.actor.user().filter(|_| params.notifications.unwrap_or(true));
    let asked = last.0.or(params.after.map(|after| after.0));
    // what is wrong is said with a status, before the stream begins
    let (after, since) = by
        .app
        .store
        .read(scope.clone(), move |tx: &mut ReadTx<'_>| {
            if let Some(open) = open {
                look_at(tx, open)?;
            }
            let latest = events::latest(tx)?;
            let after = asked.unwrap_or(latest);
            let oldest = events::oldest(tx)?;
            // a reader who is ahead has events of a server that was set back since
            if after.saturating_add(1) < oldest || after > latest {
                return Err(Problem::new(ProblemCode::EventsGone).with("oldest", oldest).with("latest", latest));
            }
            let since = if asked.is_some() { events::when(tx, after)? } else { None };
            Ok((after, since))
        })
        .await?;
    let (sender, receiver) = mpsc::channel(1);
    let reader = Reader {
        app: App::clone(&by.app),
        request: by.request(),
        scope,
        types,
        nothing,
        after,
        open: open.zip(by.actor.user()).map(|(record, user)| Opened { stream: clock::fresh_id(), user, record, told: None, renewed: None }),
        told: listener.map(|user| Told::since(user, since.unwrap_or_else(clock::now))),
        sender,
        spoke: Instant::now(),
        _seat: seat,
    };
    actix_web::rt::spawn(reader.run());
    Ok(Live(receiver))
}

/// Get who has a card open
///
/// Those whose stream names it as open, the asker among them.
#[utoipa::path(get, path = "/v1/presence", tag = "events")]
pub async fn get_presence(by: SignedIn, params: Params<PresenceParams>) -> Answer<Sought<CardPresence>> {
    let at = params.record;
    let now = clock::now();
    let presence = by
        .app
        .store
        .read(by.scope()?, move |tx: &mut ReadTx<'_>| -> Result<CardPresence> {
            look_at(tx, at)?;
            Ok(CardPresence { record_type: at.record, record_id: at.id, people: store::of(tx, at.record, at.id, now)? })
        })
        .await?;
    Reply::of(&Sought(presence))
}

/// Whether the asker sees a record.
fn look_at(tx: &mut ReadTx<'_>, at: RecordAt) -> Result<()> {
    use kartoteka_persistence::Reading;
    if tx.scope().may(at.record, Verb::Read) && events::sees(tx, at.record, at.id)? {
        return Ok(());
    }
    Err(Problem::not_found())
}

/// The card a reader has open.
struct Opened {
    stream: Uuid,
    user: UserId,
    record: RecordAt,
    told: Option<CardPresence>,
    renewed: Option<Instant>,
}

/// What goes on behind one stream.
struct Reader {
    app: App,
    request: HttpRequest,
    scope: Scope,
    types: Vec<EventType>,
    nothing: bool,
    after: i64,
    open: Option<Opened>,
    told: Option<Told>,
    sender: mpsc::Sender<Bytes>,
    spoke: Instant,
    _seat: Seat,
}

impl Reader {
    async fn run(mut self) {
        let end = self.read().await;
        if let Some(end) = end {
            let mut last = String::new();
            frame(&mut last, None, "end", &serde_json::json!({ "reason": end }).to_string());
            // who is too slow finds it when he takes what was sent before
            drop(tokio::time::timeout(PATIENCE, self.sender.send(Bytes::from(last))).await);
        }
        self.close().await;
    }

    /// The card is open no more.
    async fn close(&mut self) {
        let Some(open) = self.open.take().filter(|open| open.renewed.is_some()) else { return };
        let stream = open.stream;
        let done: Result<()> =
            self.app.store.write(self.scope.clone(), clock::own_circumstances(), move |tx| Ok(store::end(tx, stream)?)).await;
        if let Err(problem) = done {
            tracing::debug!(%problem, "that a card was closed is noticed when it expires");
        }
    }

    /// Until it ends; `None` when nobody listens any more.
    async fn read(&mut self) -> Option<End> {
        let begun = Instant::now();
        let life = self.app.settings.stream_life;
        let mut bell = self.app.journal_bell.listen();
        // browsers come back after a second; the first bytes say that the line stands
        let mut text = format!("retry: 1000\n\nid: {}\n\n", self.after);
        loop {
            if self.sender.is_closed() {
                return None;
            }
            match self.rights().await {
                Ok(scope) => self.scope = scope,
                Err(end) => return Some(end),
            }
            let at_end = match self.news(&mut text).await {
                Ok(at_end) => at_end,
                Err(problem) if problem.code == ProblemCode::EventsGone => return Some(End::EventsGone),
                Err(problem) => {
                    tracing::debug!(%problem, "a stream ends early");
                    return Some(End::Resume);
                }
            };
            if let Some(told) = &mut self.told
                && let Err(problem) = told.look(&self.app, &self.scope, &mut text).await
            {
                tracing::debug!(%problem, "what somebody is notified of is told later");
            }
            if let Err(problem) = self.presence(&mut text).await {
                tracing::debug!(%problem, "who has a card open is told later");
            }
            if text.is_empty() && self.spoke.elapsed() > HEARTBEAT {
                text.push_str(": \n\n");
            }
            if !text.is_empty() {
                let sent = self.sender.send(Bytes::from(std::mem::take(&mut text)));
                match tokio::time::timeout(PATIENCE, sent).await {
                    Ok(Ok(())) => self.spoke = Instant::now(),
                    Ok(Err(_)) => return None,
                    Err(_) => return Some(End::TooSlow),
                }
            }
            if begun.elapsed() > life || self.app.stopping() {
                return Some(End::Resume);
            }
            if at_end {
                let left = life.saturating_sub(begun.elapsed()).max(Duration::from_millis(1));
                let listening = self.sender.clone();
                tokio::select! {
                    () = journal::wait(&mut bell, self.scope.workspace(), left.min(LOOK)) => {}
                    () = listening.closed() => return None,
                }
            }
        }
    }

    /// Rights of now: what was taken away is not heard any more.
    async fn rights(&self) -> std::result::Result<Scope, End> {
        let known = credential::authenticate(&self.app, &self.request).await.map_err(|problem| match problem.code {
            ProblemCode::Overloaded | ProblemCode::Internal => End::Resume,
            _ => End::SignedOut,
        })?;
        known.actor.authorize(RecordType::Session, Verb::Read).map_err(|_| End::SignedOut)
    }

    /// Writes what is new; answers whether that is all.
    async fn news(&mut self, text: &mut String) -> Result<bool> {
        let (after, types, nothing) = (self.after, self.types.clone(), self.nothing);
        let page = self
            .app
            .store
            .read(self.scope.clone(), move |tx: &mut ReadTx<'_>| journal::page(tx, Some(after), &types, nothing, PAGE))
            .await?;
        for event in &page.data {
            frame(text, Some(event.sequence), &event.r#type, &serde_json::to_string(event).map_err(Problem::internal)?);
            self.after = event.sequence;
        }
        // a reader hears of numbers that were not for him with what is, or once in a while
        if page.next_after > self.after && (!text.is_empty() || page.next_after - self.after > PAGE) {
            mark(text, page.next_after);
        }
        self.after = self.after.max(page.next_after);
        Ok(page.next_after >= page.latest)
    }

    /// Says that the card is open, and writes who else has it when that changed.
    async fn presence(&mut self, text: &mut String) -> Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let (stream, user, at, now) = (open.stream, open.user, open.record, clock::now());
        let seen: Result<()> = self.app.store.read(self.scope.clone(), move |tx: &mut ReadTx<'_>| look_at(tx, at)).await;
        if seen.as_ref().is_err_and(|problem| problem.code == ProblemCode::NotFound) {
            // who does not see the card any more is not shown at it
            self.close().await;
            return Ok(());
        }
        if open.renewed.is_none_or(|at| at.elapsed() > RENEW) {
            let until = now + chrono::Duration::seconds(PRESENT);
            let kept: Result<()> = self
                .app
                .store
                .write(self.scope.clone(), clock::own_circumstances(), move |tx| {
                    Ok(store::keep(tx, stream, user, at.record, at.id, until)?)
                })
                .await;
            kept?;
            open.renewed = Some(Instant::now());
        }
        let people = self
            .app
            .store
            .read(self.scope.clone(), move |tx: &mut ReadTx<'_>| -> Result<_> { Ok(store::of(tx, at.record, at.id, now)?) })
            .await?;
        let presence = CardPresence { record_type: at.record, record_id: at.id, people };
        if open.told.as_ref() != Some(&presence) {
            frame(text, None, "presence", &serde_json::to_string(&presence).map_err(Problem::internal)?);
            open.told = Some(presence);
        }
        Ok(())
    }
}
