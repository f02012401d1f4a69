//! Sends what is queued. A message is claimed in a transaction, sent outside of any, and its outcome noted in another: whoever dies between
//! leaves it to be sent again, under the same id. Each channel has a loop of its own, so that one that hangs holds up no other.

use std::time::Duration;

use futures_util::{StreamExt, stream::FuturesUnordered};
use kartoteka_domain::{
    access::Scope,
    actor::ActorRef,
    notification::{
        NotificationChannel as Channel,
        delivery::{Delivery, DeliveryState, Outcome, retry_at},
    },
};
use kartoteka_persistence::{
    WriteTx,
    notification::{self as store, delivery},
    workspace::{self, Wakeup},
};

use super::{mail::Mail, telegram::Telegram};
use crate::{app::App, clock, problem::Result};

/// How long it sleeps.
const NAP: Duration = Duration::from_millis(500);
/// Messages on their way at a time.
const AT_ONCE: usize = 8;
/// The longest try: shorter than the time it has the message for itself.
const LONGEST: Duration = Duration::from_mins(1);
/// Letters that are kept of what the other side said.
const LONGEST_ERROR: usize = 500;

enum Sender {
    Mail(Box<Mail>),
    Telegram(Telegram),
}

impl Sender {
    fn of(app: &App, channel: Channel) -> Option<Self> {
        match channel {
            Channel::Email => Mail::new(app.settings.mail.as_ref()?).map(|mail| Self::Mail(Box::new(mail))),
            Channel::Telegram => Telegram::new(app.settings.telegram.as_ref()?).map(Self::Telegram),
            Channel::InApp => None,
        }
    }
    async fn send(&self, app: &App, message: &Delivery) -> Outcome {
        let sent = async {
            match self {
                Self::Mail(mail) => mail.send(app, message).await,
                Self::Telegram(telegram) => telegram.send(message).await,
            }
        };
        tokio::time::timeout(LONGEST, sent).await.unwrap_or_else(|_| Outcome::Later("it took too long".into(), None))
    }
}

/// Runs until the application stops; a channel without settings has nothing to run.
pub async fn run(app: App, channel: Channel) {
    let Some(sender) = Sender::of(&app, channel) else { return };
    while !app.stopping() {
        let due = match workspace::due(&app.store, delivery::kind(channel), clock::now(), 100).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, %channel, "what is queued is sent later");
                Vec::new()
            }
        };
        if due.is_empty() {
            tokio::time::sleep(NAP).await;
        }
        let mut running = FuturesUnordered::new();
        for wakeup in due {
            running.push(take(&app, &sender, wakeup));
            if running.len() >= AT_ONCE {
                running.next().await;
            }
        }
        while running.next().await.is_some() {}
    }
}

async fn take(app: &App, sender: &Sender, wakeup: Wakeup) {
    let scope = Scope::of_the_server(wakeup.workspace, ActorRef::system());
    let claimed = app.store.write(scope.clone(), clock::own_circumstances(), move |tx| claim(tx, wakeup)).await;
    let delivery = match claimed {
        Ok(Some(delivery)) => delivery,
        Ok(None) => return,
        Err(problem) => {
            tracing::warn!(%problem, "a message could not be taken; it is tried again");
            return tokio::time::sleep(NAP).await;
        }
    };
    let outcome = sender.send(app, &delivery).await;
    let word = match &outcome {
        Outcome::Sent => "sent",
        Outcome::Refused(_) | Outcome::Blocked(_) => "refused",
        Outcome::Later(..) => "put_off",
    };
    metrics::counter!("messages_total", "channel" => delivery.channel.word(), "outcome" => word).increment(1);
    let noted = app.store.write(scope, clock::own_circumstances(), move |tx| note(tx, &delivery, &outcome)).await;
    if let Err(problem) = noted {
        tracing::error!(%problem, "what became of a message was not noted; it is sent again");
    }
}

/// The message, unless nobody is to have it any more.
fn claim(tx: &mut WriteTx<'_>, wakeup: Wakeup) -> Result<Option<Delivery>> {
    let Some(delivery) = delivery::claim(tx, wakeup)? else { return Ok(None) };
    let Some(user) = delivery.user else { return Ok(Some(delivery)) };
    match super::renewed(tx, user, delivery.channel, delivery.message)? {
        Some(message) => Ok(Some(Delivery { message, ..delivery })),
        None => {
            delivery::end(tx, wakeup.id, DeliveryState::Dropped, None)?;
            Ok(None)
        }
    }
}

fn note(tx: &mut WriteTx<'_>, sent: &Delivery, outcome: &Outcome) -> Result<()> {
    let id = sent.id.uuid();
    let said = |text: &str| text.chars().take(LONGEST_ERROR).collect::<String>();
    match outcome {
        Outcome::Sent => delivery::end(tx, id, DeliveryState::Sent, None)?,
        Outcome::Refused(why) => delivery::end(tx, id, DeliveryState::Failed, Some(said(why)))?,
        Outcome::Blocked(why) => {
            delivery::end(tx, id, DeliveryState::Failed, Some(said(why)))?;
            if let Some(user) = sent.user {
                store::block_telegram(tx, user)?;
            }
        }
        Outcome::Later(why, wish) => match retry_at(sent.attempts, *wish, tx.now()) {
            Some(at) => delivery::put_off(tx, sent.channel, id, at, said(why))?,
            None => delivery::end(tx, id, DeliveryState::Failed, Some(said(why)))?,
        },
    }
    Ok(())
}
