//! Links by which a person sets a password: the first one of an invited person, or a new one.

use std::sync::Arc;

use kartoteka_domain::{
    access::RecordType,
    event::{Action, Event},
    invalid::FieldErrors,
    record::Record,
    session::{PasswordResetConfirmation, PasswordResetRequest},
    user::{User, check_password},
};
use kartoteka_persistence::{
    Stored, session as store, user,
    workspace::{self, DoorKind},
};
use validator::Validate;

use super::{Anonymous, normalised, readable};
use crate::{
    answer::{Answer, Done, Noted, Reply},
    can::circumstances,
    clock,
    credential::{digest, lookup_scope, read_token, same},
    lockout,
    notification::{self, letter},
    problem::{Problem, ProblemCode, Result},
    request::Valid,
    user::make_link,
};

/// Minutes between two links that somebody asks for.
const BETWEEN_LINKS: i64 = 5;

/// Ask for a password link
///
/// Answers the same whether the e-mail is known or not. Where the server sends mail the link is on its way; elsewhere the request is kept, and
/// an administrator makes the link.
#[utoipa::path(post, path = "/v1/auth/password-reset", tag = "auth")]
pub async fn request_password_reset(who: Anonymous<false>, request: Valid<PasswordResetRequest>) -> Answer<Noted> {
    readable(request.validate())?;
    let email = normalised(&request.email);
    for door in workspace::doors(&who.app.store, DoorKind::SignIn, digest(&email)).await? {
        let (target, vault) = (door.target, Arc::clone(&who.app.vault));
        who.app
            .store
            .write(lookup_scope(door.workspace), circumstances(&who.request), move |tx| -> Result<_> {
                let person = User::find(tx, target)?.filter(|person| person.active && notification::mail_is_on());
                if let Some(person) = person {
                    let since = tx.now() - chrono::Duration::minutes(BETWEEN_LINKS);
                    // a mailbox is not filled by whoever knows its address
                    if !user::has_link_since(tx, person.id, since)? {
                        tx.because(Some("asked for by the person; sent by mail".to_owned()));
                        let link = make_link(tx, person.id)?;
                        letter::send_link(tx, &vault, &person, &link)?;
                    }
                    return Ok(());
                }
                let event =
                    Event::bare(RecordType::User, target, Action::PasswordLinkMade).because("asked for by the person; not made yet");
                tx.record(event)?;
                Ok(())
            })
            .await?;
    }
    Reply::of(&Noted)
}

/// Set a password by a link
///
/// The first one of an invited person, or a new one. Uses the link and every other one of the person up, ends every session of his and
/// opens his account again if failures locked it. A link that is used, expired or of somebody deactivated is refused.
#[utoipa::path(post, path = "/v1/auth/password-reset/confirm", tag = "auth")]
pub async fn confirm_password_reset(who: Anonymous, request: Valid<PasswordResetConfirmation>) -> Answer<Done> {
    readable(request.validate())?;
    let judge = |own: &[&str]| {
        let mut errors = FieldErrors::default();
        check_password(&request.new_password, own, "/new_password", &mut errors);
        errors.finish()
    };
    judge(&[])?;
    let invalid = || Problem::new(ProblemCode::InvalidToken);
    let (id, given) = read_token("kp", &request.token).ok_or_else(invalid)?;
    let doors = workspace::doors(&who.app.store, DoorKind::PasswordLink, id.as_bytes().to_vec()).await?;
    let workspace = doors.first().ok_or_else(invalid)?.workspace;
    let (hash, now) = (digest(&given), clock::now());
    let kept = hash.clone();
    let person = who
        .app
        .store
        .read(lookup_scope(workspace), move |tx| -> Result<_> { Ok(user::link(tx, id, now, |known| same(known, &kept))?) })
        .await?
        .ok_or_else(invalid)?;
    judge(&[&person.email, &person.name])?;
    let password = who.app.passwords.hash(request.new_password.clone()).await?;
    let set = who
        .app
        .store
        .write(lookup_scope(workspace), circumstances(&who.request), move |tx| -> Result<bool> {
            let Some(user) = user::use_link(tx, id, |kept| same(kept, &hash))? else { return Ok(false) };
            user::set_password(tx, user.id, &password, Event::bare(RecordType::User, user.uuid(), Action::PasswordChanged))?;
            user::end_links(tx, user.id)?;
            store::end_all(tx, user.id, None)?;
            workspace::close_doors(tx, DoorKind::PasswordLink, id)?;
            Ok(true)
        })
        .await?;
    who.app.credentials.revoke(person.uuid());
    if !set {
        return Err(invalid());
    }
    lockout::pardon(&who.app, &person.email).await?;
    Reply::of(&Done)
}
