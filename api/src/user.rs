//! People over HTTP: colleagues, oneself, passwords.

use kartoteka_domain::{
    access::{RecordType, Right, RoleKey},
    event::{Action, Event},
    id::UserId,
    invalid::FieldErrors,
    record::Record,
    second_factor::SecondFactorState,
    session::PASSWORD_LINK_SECONDS,
    user::{LONGEST, ListUsers, Me, NewUser, OpenWork, PasswordChange, PasswordLink, User, check_password},
    workspace::Policy,
};
use kartoteka_persistence::{
    Stored, WriteTx, open_work, second_factor, session, user as store,
    workspace::{self, DoorKind},
};
use uuid::Uuid;
use validator::Validate;

use crate::{
    answer::{Answer, Created, Done, Found, Issued, Plain, Reply},
    can::{Can, CanSealed, CreateUsers, SignedIn, UpdateUsers},
    credential::{digest, secret, token},
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, IfMatch, Patch, Valid},
    role,
    second_factor::Proving,
};

crud_read! { User, ListUsers; "users", "/v1/users", "/v1/users/{id}";
list list_users "List users", get get_user "Get a user", read ReadUsers }

/// Add a colleague
///
/// With a first password, or without one: then he is invited, and sets his password by the link of `create_password_link`.
#[utoipa::path(post, path = "/v1/users", tag = "users")]
pub async fn create_user(can: Can<CreateUsers>, new: Valid<NewUser>) -> Answer<Created<User>> {
    // hashing takes its time and belongs outside the transaction; the rules judge the password itself inside
    let hash = match &new.password {
        Some(password) if password.chars().take(LONGEST + 1).count() <= LONGEST => Some(can.app().passwords.hash(password.clone()).await?),
        _ => None,
    };
    can.write(move |tx| create(tx, &new, hash.as_deref()).map(Created::new)).await
}

/// Change a colleague
///
/// `active: false` ends his sessions and password links at once; records keep naming him. `get_open_work` lists what is to be handed over.
#[utoipa::path(patch, path = "/v1/users/{id}", tag = "users")]
pub async fn update_user(can: Can<UpdateUsers>, at: At<User>, if_match: IfMatch, patch: Patch<NewUser>) -> Answer<Found<User>> {
    let (app, id) = (can.app().clone(), at.0);
    let answer = can.write(move |tx| update(tx, id, &patch, &if_match)).await;
    app.credentials.revoke(id);
    answer
}

/// Make a link to set a password
///
/// For an invitation, or when a password is forgotten. Valid once, for two days; hand it over by a safe way.
#[utoipa::path(post, path = "/v1/users/{id}/password-link", tag = "users")]
pub async fn create_password_link(can: CanSealed<UpdateUsers>, at: At<User>) -> Answer<Issued<PasswordLink>> {
    can.write(move |tx| {
        let user: User = record::get(tx, at.0)?;
        // who sets a password takes the account over
        role::check_over(tx, &user.role)?;
        make_link(tx, user.id).map(Issued)
    })
    .await
}

/// List what a colleague has not finished
///
/// Open tasks and leads, contacts and companies he is responsible for: to be handed over when he leaves.
#[utoipa::path(get, path = "/v1/users/{id}/open-work", tag = "users")]
pub async fn get_open_work(can: Can<UpdateUsers>, at: At<User>) -> Answer<Plain<OpenWork>> {
    can.read(move |tx| {
        let user: User = record::get(tx, at.0)?;
        Ok(Plain(open_work::of(tx, user.id)?))
    })
    .await
}

/// Get who is asking
///
/// The person or key, the workspace, and what it may do.
#[utoipa::path(get, path = "/v1/me", tag = "me")]
pub async fn get_me(who: SignedIn) -> Answer<Plain<Me>> {
    let scope = who.scope()?;
    let user_id = who.actor.user();
    let (user, current, second_factor) = who
        .app
        .store
        .read(scope, move |tx| -> Result<_> {
            let current = workspace::current(tx)?;
            let mut state = SecondFactorState { enabled: false, demanded: Policy::Off, recovery_codes_left: 0 };
            let user = match user_id {
                Some(id) => {
                    state.demanded = current.policies.second_factor;
                    state.enabled = second_factor::enabled(tx, id)?.is_some();
                    state.recovery_codes_left = second_factor::codes_left(tx, id)?;
                    User::find(tx, id.uuid())?
                }
                None => None,
            };
            Ok((user, current, state))
        })
        .await?;
    let brief = kartoteka_domain::user::WorkspaceBrief { id: current.id, slug: current.slug.clone(), name: current.name.clone() };
    let workspaces = match &user {
        None => vec![brief.clone()],
        Some(user) => {
            let doors = workspace::doors(&who.app.store, DoorKind::SignIn, digest(&user.email)).await?;
            workspace::briefs(&who.app.store, doors.into_iter().map(|d| d.workspace.uuid()).collect()).await?
        }
    };
    let rights = who.actor.role();
    let matrix = RecordType::ALL.iter().map(|record| Right::of(*record, |verb| rights.reach(*record, verb))).collect();
    let (actor, role) = (who.actor.who().clone(), rights.role.clone());
    Reply::of(&Plain(Me { user, actor, workspace: brief, workspaces, role, rights: matrix, second_factor }))
}

/// Change one's own password
///
/// Ends every other session of this person.
#[utoipa::path(post, path = "/v1/me/password", tag = "me")]
pub async fn change_my_password(proving: Proving, change: Valid<PasswordChange>) -> Answer<Done> {
    let who = &proving.who;
    let change = async {
        let user = proving.person().await?;
        let mut errors = FieldErrors::default();
        errors.absorb(change.validate());
        check_password(&change.new_password, &[&user.email, &user.name], "/new_password", &mut errors);
        errors.finish()?;
        proving.password(&user, &change.current_password).await?;
        let (id, session) = (user.id, who.session);
        let hash = who.app.passwords.hash(change.new_password.clone()).await?;
        let change = move |tx: &mut WriteTx<'_>| {
            store::set_password(tx, id, &hash, Event::bare(RecordType::User, id.uuid(), Action::PasswordChanged))?;
            store::end_links(tx, id)?;
            session::end_all(tx, id, session)?;
            Ok(Done)
        };
        who.write(change).await.inspect(|_| who.app.credentials.revoke(id.uuid()))
    };
    who.once(change).await
}

/// Adds a colleague; the door of his e-mail opens with him.
pub fn create(tx: &mut WriteTx<'_>, input: &NewUser, password_hash: Option<&str>) -> Result<User> {
    let user: User = record::make(tx, input, None)?;
    role::check_grant(tx, &user.role)?;
    User::insert(tx, &user, Event::created(&user))?;
    workspace::open_door(tx, DoorKind::SignIn, digest(&user.email), user.uuid())?;
    if let Some(hash) = password_hash {
        store::set_password(tx, user.id, hash, Event::bare(RecordType::User, user.uuid(), Action::PasswordChanged))?;
    }
    Ok(user)
}

fn update(tx: &mut WriteTx<'_>, id: Uuid, patch: &Patch<NewUser>, if_match: &IfMatch) -> Result<Found<User>> {
    let user: User = record::get_to_change(tx, id)?;
    // before what was sent is judged: who may not act on somebody learns nothing of what would be taken
    role::check_over(tx, &user.role)?;
    record::change(tx, id, patch, if_match, check)
}

/// What a change of a person must satisfy beside his own rules, and what ends with it.
pub fn check(tx: &mut WriteTx<'_>, before: &User, after: &mut User) -> Result<()> {
    role::check_change(tx, &before.role, &after.role)?;
    let administrator = RoleKey::Administrator.word();
    let was = before.role == administrator && before.active;
    let stays = after.role == administrator && after.active;
    if was && !stays {
        // one after another: two administrators who dismiss each other at once would both be gone
        role::hold_administrator(tx)?;
    }
    if was && !stays && store::other_administrators(tx, before.id)? == 0 {
        return Err(Problem::new(ProblemCode::LastAdministrator));
    }
    if before.active && !after.active {
        session::end_all(tx, before.id, None)?;
        store::end_links(tx, before.id)?;
    }
    Ok(())
}

/// A fresh link; only its hash is kept.
pub fn make_link(tx: &mut WriteTx<'_>, user: UserId) -> Result<PasswordLink> {
    let (id, secret) = (tx.fresh_id(), secret());
    let expires_at = tx.now() + chrono::Duration::seconds(PASSWORD_LINK_SECONDS);
    let event = Event::bare(RecordType::User, user.uuid(), Action::PasswordLinkMade);
    store::insert_link(tx, id, user, digest(&secret), expires_at, event)?;
    workspace::open_door(tx, DoorKind::PasswordLink, id.as_bytes().to_vec(), id)?;
    Ok(PasswordLink { user_id: user, token: token("kp", id, &secret), expires_at })
}
