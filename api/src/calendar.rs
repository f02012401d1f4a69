//! One's tasks and the dates of one's clients as a calendar to subscribe to, by a secret link. It shows what the person may see at the moment it is read.

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    http::{StatusCode, header},
};
use kartoteka_domain::{
    access::RecordType,
    calendar::{
        self, CalendarLink, CalendarLinkState,
        days::{DatedCard, MOST_LOOKED_AT, soonest},
    },
    event::{Action, Event},
    task::Task,
};
use kartoteka_persistence::{Reading, WriteTx, calendar as store, contact as contacts, task as tasks, workspace};

use crate::{
    answer::{Answer, Done, Issued, Plain, Reply},
    can::{OwnChange, SignedIn},
    clock, conceal,
    credential::{self, digest, hex, lookup_scope, secret},
    observe::peer_address,
    problem::{Problem, Result},
    request::CalendarSecret,
    router::Described,
    session::Caller,
    session::open::oneself,
    spec::{Describe, Shape},
};

/// Make the link to one's calendar
///
/// Shown once; a link that there was before ends. Whoever has the link reads the calendar: keep it like a password.
#[utoipa::path(post, path = "/v1/me/calendar-link", tag = "me")]
pub async fn create_calendar_link(who: OwnChange) -> Answer<Issued<CalendarLink>> {
    let (user, secret, public_url) = (oneself(&who)?, secret(), who.app.settings.public_url.clone());
    let make = move |tx: &mut WriteTx<'_>| {
        store::replace(tx, user, digest(&secret), Event::bare(RecordType::User, user.uuid(), Action::CalendarLinkMade))?;
        Ok(Issued(CalendarLink::new(&public_url, &secret, tx.now())))
    };
    who.write(make).await
}

/// Get whether there is a link to one's calendar
///
/// When it was made and when it was read last; the link itself was shown when it was made.
#[utoipa::path(get, path = "/v1/me/calendar-link", tag = "me")]
pub async fn get_calendar_link(who: SignedIn) -> Answer<Plain<CalendarLinkState>> {
    let user = oneself(&who)?;
    let state = who.app.store.read(who.scope()?, move |tx| -> Result<_> { Ok(store::state(tx, user)?) }).await?;
    Reply::of(&Plain(state))
}

/// End the link to one's calendar
///
/// Programs that subscribed to it are answered 404 from here on. Ending it again does nothing.
#[utoipa::path(delete, path = "/v1/me/calendar-link", tag = "me")]
pub async fn revoke_calendar_link(who: OwnChange) -> Answer<Done> {
    let user = oneself(&who)?;
    let end = move |tx: &mut WriteTx<'_>| {
        if store::state(tx, user)?.active {
            store::end(tx, user, Event::bare(RecordType::User, user.uuid(), Action::CalendarLinkRevoked))?;
        }
        Ok(Done)
    };
    who.write(end).await
}

/// Who asks for a calendar, and which version is there already.
pub struct Subscription {
    address: String,
    known: Vec<String>,
}

impl actix_web::FromRequest for Subscription {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
        let known = req.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let known = known.split(',').map(|tag| tag.trim().trim_start_matches("W/").to_owned()).collect();
        std::future::ready(Ok(Self { address: peer_address(req).unwrap_or_default(), known }))
    }
}
impl Describe for Subscription {
    fn describe(shape: &mut Shape) {
        shape.header("If-None-Match", "The ETag of the calendar that is there already; the same one is answered 304.");
        shape.may_refuse(&[429]);
    }
}

/// A calendar, or that it is the same still.
pub struct Feed {
    tag: String,
    text: Option<String>,
    allowance: crate::limits::Allowance,
}

impl Responder for Feed {
    type Body = BoxBody;
    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        request.extensions_mut().insert(self.allowance);
        let mut response = HttpResponse::build(if self.text.is_some() { StatusCode::OK } else { StatusCode::NOT_MODIFIED });
        // weak: compressed on the way it has other bytes
        response.insert_header((header::ETAG, format!("W/{}", self.tag)));
        response.insert_header((header::CACHE_CONTROL, "private, max-age=300"));
        match self.text {
            Some(text) => response.content_type("text/calendar; charset=utf-8").body(text),
            None => response.finish(),
        }
    }
}
impl Described for Result<Feed> {
    fn describe(shape: &mut Shape) {
        let schema = serde_json::json!({"type": "string", "description": "A calendar (RFC 5545)."});
        shape.text(200, "The calendar.", "text/calendar", &schema);
        shape.answer_header(200, "ETag", "Changes with the calendar.");
        shape.answer_header(200, "Cache-Control", "How long it need not be asked for again.");
        shape.bare(304, "The same as before.");
        shape.answer_header(304, "ETag", "The calendar's.");
    }
}

/// Get a calendar
///
/// Open tasks with a due time from 30 days back to 400 days ahead, 2,000 at most, as events of half an hour, and the birthdays and other dates of the
/// cards the person is responsible for, of the 500 whose day comes soonest, all day and every year (RFC 5545), for programs to subscribe to.
#[utoipa::path(get, path = "/public/v1/calendars/{secret}.ics", tag = "public")]
pub async fn get_calendar(anybody: Caller, secret: CalendarSecret, subscription: Subscription) -> Result<Feed> {
    let app = &anybody.0;
    let allowance = app.limits.calendar(&subscription.address)?;
    let subscriber = credential::by_calendar_link(app, &secret.0).await?;
    let (user, workspace, now) = (subscriber.person.id, subscriber.scope.workspace(), clock::now());
    let own_zone = subscriber.person.time_zone.clone();
    let (language, own_name) = (subscriber.person.language.clone(), subscriber.person.name.clone());
    let text = app
        .store
        .read(subscriber.scope, move |tx| -> Result<_> {
            let (from, until) = (now - chrono::Duration::days(calendar::DAYS_BACK), now + chrono::Duration::days(calendar::DAYS_AHEAD));
            let open = tasks::open_between(tx, user, from, until, calendar::MOST_TASKS)?;
            let shown = open.iter().map(|task| conceal::seen(tx.scope().actor(), task)).collect::<Result<Vec<Task>>>()?;
            let dated = soonest(contacts::dates(tx, user, MOST_LOOKED_AT)?, now.date_naive());
            let actor = tx.scope().actor().clone();
            let mut cards = contacts::find_many(tx, &dated)?;
            cards.sort_by_key(|card| card.id);
            let cards = cards.iter().map(|card| conceal::shown(&actor, card));
            // whose name or day is hidden has no day here
            let cards = cards.filter_map(|card| serde_json::from_value(card.ok()?).ok()).collect::<Vec<DatedCard>>();
            let settings = workspace::current(tx)?;
            let language = language.as_deref().or(settings.languages.first().map(String::as_str)).unwrap_or_default();
            let zone = own_zone.as_deref().unwrap_or(&settings.time_zone);
            Ok(calendar::write(&format!("{own_name} · {}", settings.name), zone, language, &shown, &cards))
        })
        .await?;
    if subscriber.to_be_noted {
        let noted: Result<()> =
            app.store.write(lookup_scope(workspace), clock::own_circumstances(), move |tx| Ok(store::touch(tx, user)?)).await;
        if let Err(problem) = noted {
            tracing::warn!(%problem, "the reading of a calendar was not noted");
        }
    }
    let tag = format!("\"{}\"", hex(digest(&text).get(..16).unwrap_or_default()));
    let same = subscription.known.iter().any(|known| *known == tag || known == "*");
    Ok(Feed { text: (!same).then_some(text), tag, allowance })
}
