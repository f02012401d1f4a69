//! Telling people, and what they were told over HTTP. Whatever a person is told is read as he would read it himself: nothing out of his
//! reach, masks kept. One row per person and cause, written in the transaction that found the cause; mail and Telegram leave later.

pub mod dispatch;
mod facts;
pub mod letter;
mod mail;
pub mod schedule;
pub mod send;
mod telegram;
pub mod text;

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
};

use chrono::{DateTime, Utc};
use kartoteka_domain::{
    access::{Actor, RecordType, RoleKey},
    actor::{ActorRef, ActorType},
    id::UserId,
    invalid::FieldErrors,
    list::Page,
    notification::{
        ListNotifications, Notification, NotificationChannel as Channel, NotificationKind as Kind, ReadNotifications, UnreadNotifications,
        delivery::{Message, Told},
        settings::{ChannelState, ChannelTrouble, NotificationSettings, NotificationSetup},
        watch::Watched,
    },
    record::Record,
    user::User,
    workspace::Workspace,
};
use kartoteka_persistence::{
    Reading, Stored, WriteTx, journal,
    notification::{self as store, New, Wanted, delivery},
    user, workspace,
};
use uuid::Uuid;

pub use facts::shown;
pub use text::Facts;

use crate::{
    answer::{Answer, Plain, Reply, Respond, Sought},
    can::{OwnChange, SignedIn},
    config::Settings,
    problem::{Problem, Result},
    request::{At, Params, Valid},
    role,
    session::open::oneself,
};

/// Which channels the server has, and where links lead.
#[derive(Debug, Clone, Default)]
pub struct Channels {
    email: bool,
    telegram: bool,
    base: String,
}

/// Set once, when the server starts; without it nothing is sent.
static CHANNELS: OnceLock<Channels> = OnceLock::new();

/// Takes over what the settings say of channels.
pub fn set_up(settings: &Settings) {
    let base = settings.interface_url.as_deref().unwrap_or(&settings.public_url).trim_end_matches('/').to_owned();
    let channels = Channels { email: settings.mail.is_some(), telegram: settings.telegram.is_some(), base };
    if CHANNELS.set(channels).is_err() {
        tracing::warn!("the channels of notifications are set up already");
    }
}

fn channels() -> &'static Channels {
    static NONE: Channels = Channels { email: false, telegram: false, base: String::new() };
    CHANNELS.get().unwrap_or(&NONE)
}

/// Whether mail can be sent.
pub fn mail_is_on() -> bool {
    channels().email
}

/// The address of a place in the interface.
pub fn link(path: &str) -> String {
    format!("{}/{path}", channels().base)
}

/// Something to tell a person.
#[derive(Debug, Clone)]
pub struct Notice {
    /// What about.
    pub kind: Kind,
    /// The cause.
    pub cause: String,
    /// The record it is about; who may not see it is not told.
    pub about: Option<(RecordType, Uuid)>,
    /// What is known beside the record.
    pub facts: Facts,
}

/// Somebody who can be told, with everything that decides how.
pub struct Reader {
    person: User,
    wanted: Wanted,
    actor: Arc<Actor>,
    settings: Arc<Workspace>,
}

impl Reader {
    /// Who, if he works here.
    pub fn find(tx: &mut dyn Reading, id: UserId) -> Result<Option<Self>> {
        let Some(person) = User::find(tx, id.uuid())?.filter(|person| person.active && person.archived_at.is_none()) else {
            return Ok(None);
        };
        let colleagues = crate::access::colleagues(tx, &person)?;
        let rights = role::rights(tx, &person.role)?;
        let who = ActorRef { kind: ActorType::User, id: Some(person.uuid()), name: person.name.clone() };
        let actor = Arc::new(Actor::verified(tx.workspace(), who, Some(person.id), Arc::new(rights), colleagues.into()));
        Ok(Some(Self { wanted: store::wanted(tx, id)?, settings: workspace::current(tx)?, actor, person }))
    }
    /// His zone.
    pub fn zone(&self) -> &str {
        self.person.time_zone.as_deref().unwrap_or(&self.settings.time_zone)
    }
    fn language(&self) -> &'static str {
        text::language(self.person.language.as_deref().into_iter().chain(self.settings.languages.iter().map(String::as_str)))
    }
    /// How it stands with a channel.
    fn state(&self, channel: Channel) -> ChannelState {
        let reason = match channel {
            Channel::InApp => None,
            Channel::Email => (!channels().email).then_some(ChannelTrouble::NotSetUp),
            Channel::Telegram if !channels().telegram => Some(ChannelTrouble::NotSetUp),
            Channel::Telegram if self.wanted.settings.telegram_chat_id.is_none() => Some(ChannelTrouble::NoAddress),
            Channel::Telegram => self.wanted.telegram_blocked.then_some(ChannelTrouble::Blocked),
        };
        ChannelState { channel, available: reason.is_none(), reason }
    }
    fn address(&self, channel: Channel) -> Option<String> {
        match channel {
            Channel::InApp => None,
            Channel::Email => Some(self.person.email.clone()),
            Channel::Telegram => self.wanted.settings.telegram_chat_id.clone(),
        }
    }
}

/// Tells a person, once per cause. `false` when he was told already, does not work here, or may not see what it is about.
pub fn tell(tx: &mut WriteTx<'_>, to: UserId, notice: Notice) -> Result<bool> {
    if store::is_told(tx, to, &notice.cause)? {
        return Ok(false);
    }
    let Some(reader) = Reader::find(tx, to)? else { return Ok(false) };
    let Some(facts) = read_as(tx, &reader, notice.about, &notice.facts)? else { return Ok(false) };
    tell_reader(tx, &reader, notice, facts)?;
    Ok(true)
}

/// The facts with those of the record; `None` when the person may not see it.
fn read_as(tx: &mut WriteTx<'_>, reader: &Reader, about: Option<(RecordType, Uuid)>, known: &Facts) -> Result<Option<Facts>> {
    match about {
        Some((record, id)) => facts::seen(tx, reader, record, id, known.clone()),
        None => Ok(Some(known.clone())),
    }
}

fn tell_reader(tx: &mut WriteTx<'_>, reader: &Reader, notice: Notice, facts: Facts) -> Result<()> {
    let Notice { kind, cause, about, facts: known } = notice;
    let routes = reader.wanted.settings.routes.of(kind);
    let language = reader.language();
    let (title, body) = text::told(language, kind.word(), &facts)?;
    // the list shows what a role may hide later by the rules of then: names and times only
    let bare = Facts { phone: String::new(), comment: String::new(), amount: String::new(), ..facts };
    let (_, listed) = text::told(language, kind.word(), &bare)?;
    let new = New {
        user: reader.person.id,
        kind,
        cause,
        about,
        in_app: routes.contains(&Channel::InApp),
        title: title.clone(),
        body: Some(listed).filter(|body| !body.is_empty()),
    };
    store::insert(tx, new)?;
    let now = tx.now();
    let known = serde_json::to_value(&known).map_err(Problem::internal)?;
    for channel in [Channel::Email, Channel::Telegram] {
        if !routes.contains(&channel) || !reader.state(channel).available {
            continue;
        }
        let Some(to) = reader.address(channel) else { continue };
        let quiet = reader.wanted.settings.quiet_hours.as_ref();
        let at = quiet.and_then(|quiet| quiet.until(now, reader.zone())).unwrap_or(now);
        let message = Message {
            to,
            language: language.to_owned(),
            title: title.clone(),
            body: body.clone(),
            link: about.and_then(|(record, id)| place(record).map(|place| link(&format!("{place}/{id}")))),
            workspace: reader.settings.name.clone(),
            told: Some(Told {
                kind,
                record_type: about.map(|(record, _)| record),
                record_id: about.map(|(_, id)| id),
                facts: known.clone(),
            }),
            ..Message::default()
        };
        delivery::queue(tx, channel, Some(reader.person.id), &message, at)?;
    }
    Ok(())
}

/// A message as it is to be sent now, which may be long after it was queued; `None` when it is not to be sent any more: the person left, does not want
/// it this way, does not see the record, or what it reminds of is over.
pub fn renewed(tx: &mut WriteTx<'_>, user: UserId, channel: Channel, message: Message) -> Result<Option<Message>> {
    let Some(reader) = Reader::find(tx, user)? else { return Ok(None) };
    let Some(told) = &message.told else { return Ok(Some(message)) };
    let wanted = reader.wanted.settings.routes.of(told.kind).contains(&channel) && reader.state(channel).available;
    let Some(to) = reader.address(channel).filter(|_| wanted) else { return Ok(None) };
    let about = told.record_type.zip(told.record_id);
    if let Some((_, id)) = about
        && !facts::is_still_so(tx, told.kind, id)?
    {
        return Ok(None);
    }
    let known: Facts = serde_json::from_value(told.facts.clone()).unwrap_or_default();
    let Some(facts) = read_as(tx, &reader, about, &known)? else { return Ok(None) };
    let (title, body) = text::told(&message.language, told.kind.word(), &facts)?;
    Ok(Some(Message { to, title, body, ..message }))
}

/// An integration does not work: whoever administers the workspace is told, once per cause.
pub fn alarm(tx: &mut WriteTx<'_>, cause: &str, integration: &str, why: &str) -> Result<()> {
    let facts = Facts { subject: integration.to_owned(), comment: why.to_owned(), ..Facts::default() };
    for (person, key) in user::at_work(tx)? {
        if key == RoleKey::Administrator.word() {
            let cause = format!("{}:{cause}", Kind::IntegrationAlarm);
            tell(tx, person, Notice { kind: Kind::IntegrationAlarm, cause, about: None, facts: facts.clone() })?;
        }
    }
    Ok(())
}

/// Where the interface shows records of a type.
fn place(record: RecordType) -> Option<&'static str> {
    Some(match record {
        RecordType::Lead => "leads",
        RecordType::Task => "tasks",
        RecordType::Deal => "deals",
        RecordType::Communication => "communications",
        RecordType::Contact => "contacts",
        _ => return None,
    })
}

/// List what one was told
///
/// The newest first; of a record that one may not see any more only the kind is told.
#[utoipa::path(get, path = "/v1/notifications", tag = "me")]
pub async fn list_notifications(who: SignedIn, params: Params<ListNotifications>) -> Answer<Page<Notification>> {
    let user = oneself(&who)?;
    let page = who
        .app
        .store
        .read(who.scope()?, move |tx| -> Result<_> {
            let mut page = store::list(tx, user, &params)?;
            withhold(tx, user, &mut page.data)?;
            page.outcome()
        })
        .await?;
    Ok(Reply::kept(page))
}

/// Get something one was told
///
/// By id, read or not.
#[utoipa::path(get, path = "/v1/notifications/{id}", tag = "me")]
pub async fn get_notification(who: SignedIn, at: At<Notification>) -> Answer<Sought<Notification>> {
    let (user, id) = (oneself(&who)?, at.0);
    let told = who.app.store.read(who.scope()?, move |tx| one(tx, user, id)).await?;
    Reply::of(&Sought(told))
}

/// What was told since a moment and is not read, as the list shows it.
pub fn heard(tx: &mut dyn Reading, user: UserId, since: (DateTime<Utc>, Uuid), most: i64) -> Result<Vec<Notification>> {
    let mut told = store::unread_since(tx, user, since, most)?;
    withhold(tx, user, &mut told)?;
    Ok(told)
}

fn one(tx: &mut dyn Reading, user: UserId, id: Uuid) -> Result<Notification> {
    let mut told: Vec<Notification> = store::find(tx, user, id)?.into_iter().collect();
    withhold(tx, user, &mut told)?;
    told.pop().ok_or_else(Problem::not_found)
}

/// Count what one has not read
#[utoipa::path(get, path = "/v1/notifications/unread-count", tag = "me", description = "How many notifications wait to be read.")]
pub async fn count_unread_notifications(who: SignedIn) -> Answer<Plain<UnreadNotifications>> {
    let user = oneself(&who)?;
    let unread = who.app.store.read(who.scope()?, move |tx| -> Result<_> { Ok(store::unread(tx, user)?) }).await?;
    Reply::of(&Plain(UnreadNotifications { unread }))
}

/// Mark a notification as read
///
/// Again does nothing.
#[utoipa::path(post, path = "/v1/notifications/{id}/read", tag = "me")]
pub async fn read_notification(who: OwnChange, at: At<Notification>) -> Answer<Sought<Notification>> {
    let (user, id) = (oneself(&who)?, at.0);
    let read = move |tx: &mut WriteTx<'_>| {
        store::read(tx, user, id)?;
        one(tx, user, id).map(Sought)
    };
    who.write(read).await
}

/// Mark all notifications as read
///
/// Up to a moment, so that what was told since is not lost; answers how many are left.
#[utoipa::path(post, path = "/v1/notifications/read", tag = "me")]
pub async fn read_notifications(who: OwnChange, which: Valid<ReadNotifications>) -> Answer<Plain<UnreadNotifications>> {
    let user = oneself(&who)?;
    let mut errors = FieldErrors::default();
    let until = errors.time("/until", which.until);
    errors.finish()?;
    let read = move |tx: &mut WriteTx<'_>| {
        let now = tx.now();
        store::read_all(tx, user, until.unwrap_or(now))?;
        Ok(Plain(UnreadNotifications { unread: store::unread(tx, user)? }))
    };
    who.write(read).await
}

/// Get what one wants to be told
///
/// By which channels, when not, the morning digest; and which channels can be used.
#[utoipa::path(get, path = "/v1/me/notification-settings", tag = "me")]
pub async fn get_notification_settings(who: SignedIn) -> Answer<Plain<NotificationSetup>> {
    let user = oneself(&who)?;
    let setup = who.app.store.read(who.scope()?, move |tx| setup(tx, user)).await?;
    Reply::of(&Plain(setup))
}

/// Say what one wants to be told
///
/// The whole of it: what is left out is as usual. Tries a channel again that the other side had closed.
#[utoipa::path(put, path = "/v1/me/notification-settings", tag = "me")]
pub async fn update_notification_settings(who: OwnChange, wanted: Valid<NotificationSettings>) -> Answer<Plain<NotificationSetup>> {
    let user = oneself(&who)?;
    let settings = wanted.0.checked()?;
    let change = move |tx: &mut WriteTx<'_>| {
        store::set_wanted(tx, user, &settings)?;
        let now = tx.now();
        workspace::wake(tx, Watched::DigestPlan.word(), user.uuid(), now)?;
        setup(tx, user).map(Plain)
    };
    who.write(change).await
}

fn setup(tx: &mut dyn Reading, user: UserId) -> Result<NotificationSetup> {
    let reader = Reader::find(tx, user)?.ok_or_else(Problem::not_found)?;
    Ok(NotificationSetup {
        channels: Channel::ALL.iter().map(|channel| reader.state(*channel)).collect(),
        time_zone: reader.zone().to_owned(),
        updated_at: reader.wanted.updated_at,
        settings: reader.wanted.settings,
    })
}

/// Of a record that the asker may not see by now, only the kind is told.
fn withhold(tx: &mut dyn Reading, user: UserId, told: &mut [Notification]) -> Result<()> {
    let mut seen: HashSet<Uuid> = HashSet::new();
    for record in [RecordType::Lead, RecordType::Task, RecordType::Deal, RecordType::Communication, RecordType::Contact] {
        let mut ids: Vec<Uuid> = told.iter().filter(|one| one.record_type == Some(record)).filter_map(|one| one.record_id).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            continue;
        }
        let scope = tx.scope().clone();
        seen.extend(journal::in_sight(tx, &scope, record, &ids)?);
    }
    let hidden = |one: &Notification| {
        one.record_type.is_some_and(|record| place(record).is_some()) && one.record_id.is_some_and(|id| !seen.contains(&id))
    };
    if !told.iter().any(hidden) {
        return Ok(());
    }
    let settings = workspace::current(tx)?;
    let own = User::find(tx, user.uuid())?.and_then(|person| person.language);
    let language = text::language(own.as_deref().into_iter().chain(settings.languages.iter().map(String::as_str)));
    for one in told.iter_mut() {
        if hidden(one) {
            let (title, _) = text::told(language, one.kind.word(), &Facts::default())?;
            title.trim_end_matches([':', ' ']).clone_into(&mut one.title);
            one.body = None;
        }
    }
    Ok(())
}

/// Forgets messages that ended a month ago and what was told a year ago.
pub fn forget_old(tx: &mut WriteTx<'_>) -> Result<()> {
    let now = tx.now();
    delivery::forget_before(tx, now - chrono::Duration::days(30))?;
    store::forget_before(tx, now - chrono::Duration::days(365))?;
    Ok(())
}
