//! Mails that are no notifications: the copy of an enquiry for a form's own address, the link to set a password.

use base64::{Engine, engine::general_purpose::STANDARD};
use kartoteka_domain::{
    form::Form,
    notification::{
        NotificationChannel as Channel,
        delivery::{Attachment, Message},
    },
    submission::Submission,
    user::{PasswordLink, User},
    workspace::Workspace,
};
use kartoteka_persistence::{WriteTx, notification::delivery, workspace};

use super::{Facts, link, mail_is_on, shown, text};
use crate::{credential::Vault, problem::Result};

/// Queues the copy of a submission for the form's own address, as it came, in the transaction that keeps it.
pub fn copy_submission(tx: &mut WriteTx<'_>, form: &Form, submission: &Submission, body: &[u8]) -> Result<()> {
    let Some(to) = form.reserve_email.clone().filter(|_| mail_is_on()) else { return Ok(()) };
    let settings = workspace::current(tx)?;
    let lines = submission.fields.iter().map(|(name, value)| match value.as_str() {
        Some(text) => format!("{name}: {text}"),
        None => format!("{name}: {value}"),
    });
    let facts = Facts {
        subject: form.name.clone(),
        at: shown(submission.received_at, &settings.time_zone),
        comment: lines.collect::<Vec<_>>().join("\n"),
        ..Facts::default()
    };
    let attachment = Attachment { name: format!("{}.txt", submission.id), base64: STANDARD.encode(body) };
    let message = Message { to, attachment: Some(attachment), ..message(&settings, None, text::RESERVE_COPY, &facts)? };
    let now = tx.now();
    Ok(delivery::queue(tx, Channel::Email, None, &message, now)?)
}

/// Queues the link to set a password; its secret waits sealed.
pub fn send_link(tx: &mut WriteTx<'_>, vault: &Vault, person: &User, made: &PasswordLink) -> Result<()> {
    let settings = workspace::current(tx)?;
    let zone = person.time_zone.as_deref().unwrap_or(&settings.time_zone);
    let facts = Facts { at: shown(made.expires_at, zone), ..Facts::default() };
    let sealed = STANDARD.encode(vault.seal(made.token.as_bytes())?);
    let message = Message {
        to: person.email.clone(),
        link: Some(link("set-password?token=")),
        sealed: Some(sealed),
        ..message(&settings, person.language.as_deref(), text::PASSWORD_LINK, &facts)?
    };
    let now = tx.now();
    Ok(delivery::queue(tx, Channel::Email, Some(person.id), &message, now)?)
}

fn message(settings: &Workspace, wish: Option<&str>, what: &str, facts: &Facts) -> Result<Message> {
    let language = text::language(wish.into_iter().chain(settings.languages.iter().map(String::as_str)));
    let (title, body) = text::told(language, what, facts)?;
    Ok(Message { language: language.to_owned(), title, body, workspace: settings.name.clone(), ..Message::default() })
}
