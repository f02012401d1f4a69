//! Second factor: set up by the person, asked for at sign-in, reset by an administrator. The secret is sealed, recovery
//! codes are hashes, and no code is taken twice.

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use kartoteka_domain::{
    access::RecordType,
    event::{Action, Event},
    id::UserId,
    invalid::{FieldCode, FieldErrors},
    record::Record,
    second_factor::{Code, PasswordProof, RECOVERY_CODES, RecoveryCodes, TotpConfirmation, TotpDisabling, TotpEnrolment},
    user::User,
};
use kartoteka_persistence::{Reading, WriteTx, second_factor as store, second_factor::Used, user, workspace};
use totp_rs::{Builder, Totp};
use validator::Validate;

use crate::{
    answer::{Answer, Done, Plain},
    can::{Can, OwnChange, UpdateUsers},
    credential::{Vault, digest},
    lockout::{self, Try},
    observe::peer_address,
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, Valid},
    role,
    session::Conflicting,
    spec::{Describe, Shape},
};

/// Somebody signed in who proves himself once more: failures are counted as at sign-in.
pub struct Proving {
    /// Who.
    pub who: OwnChange,
    address: Option<String>,
}

impl FromRequest for Proving {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self>>;
    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let address = peer_address(req);
        std::future::ready(OwnChange::from_request(req, payload).into_inner().map(|who| Self { who, address }))
    }
}
impl Describe for Proving {
    fn describe(shape: &mut Shape) {
        OwnChange::describe(shape);
        shape.may_refuse(&[429]);
    }
}

impl Proving {
    /// The person; nobody for an API key.
    pub async fn person(&self) -> Result<User> {
        let id = self.who.actor.user().ok_or_else(|| Problem::new(ProblemCode::Forbidden))?;
        self.who.app.store.read(self.who.scope()?, move |tx| record::get::<User>(tx, id.uuid())).await
    }

    /// Checks the present password.
    pub async fn password(&self, person: &User, given: &str) -> Result<()> {
        let (app, id) = (&self.who.app, person.id);
        let tried = self.admit(person).await?;
        let hash = app.store.read(self.who.scope()?, move |tx| -> Result<_> { Ok(user::password_hash(tx, id)?) }).await?;
        let verdict = app.passwords.check_while(|| tried.still_free(app), given.to_owned(), hash).await?;
        if verdict.is_right() {
            return tried.succeeded(app).await;
        }
        self.failed(&tried, person, Problem::invalid("/current_password", FieldCode::WrongPassword)).await
    }

    /// Checks the present password or a code of the second factor, whichever was given.
    async fn either(&self, person: &User, proof: &TotpDisabling) -> Result<()> {
        let code = match (&proof.current_password, &proof.code) {
            (Some(password), _) => return self.password(person, password).await,
            (None, None) => return Err(Problem::invalid("/current_password", FieldCode::Required)),
            (None, Some(code)) => code.clone(),
        };
        let (app, id) = (&self.who.app, person.id);
        let (tried, vault) = (self.admit(person).await?, std::sync::Arc::clone(&app.vault));
        let proof = app
            .store
            .write(self.who.scope()?, self.who.circumstances(), move |tx| -> Result<_> {
                if !is_enabled(tx, id)? {
                    return Err(Problem::new(ProblemCode::SecondFactorNotEnabled));
                }
                prove(tx, &vault, id, &code)
            })
            .await?;
        if proof != Proof::Right {
            self.failed(&tried, person, Problem::invalid("/code", FieldCode::WrongCode)).await?;
        }
        tried.succeeded(app).await
    }

    /// Lets one more proof in.
    async fn admit(&self, person: &User) -> Result<Try> {
        lockout::admit(&self.who.app, &person.email, self.address.as_deref()).await
    }

    async fn failed(&self, tried: &Try, person: &User, refusal: Problem) -> Result<()> {
        if let Some(seconds) = tried.failed(&self.who.app).await? {
            let id = person.uuid();
            self.who
                .app
                .store
                .write(self.who.scope()?, self.who.circumstances(), move |tx| -> Result<()> {
                    tx.record(Event::bare(RecordType::User, id, Action::LockedOut).because(format!("for {seconds} seconds")))?;
                    Ok(())
                })
                .await?;
        }
        Err(refusal)
    }
}

/// What a code proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It is the one.
    Right,
    /// It is not.
    Wrong,
}

/// Whether a person's second factor counts.
pub fn is_enabled(tx: &mut dyn Reading, user: UserId) -> Result<bool> {
    Ok(store::enabled(tx, user)?.is_some())
}

/// Holds a code against a person's second factor and uses it up.
pub fn prove(tx: &mut WriteTx<'_>, vault: &Vault, user: UserId, typed: &str) -> Result<Proof> {
    let Some(kept) = store::enabled(tx, user)? else { return Ok(Proof::Wrong) };
    let reused = |tx: &mut WriteTx<'_>, what: &str| -> Result<Proof> {
        tx.record(Event::bare(RecordType::User, user.uuid(), Action::ReuseRefused).because(what))?;
        Ok(Proof::Wrong)
    };
    match Code::read(typed) {
        Code::Device(digits) => match step(&device(&vault.open(&kept.sealed)?)?, &digits, tx.now()) {
            None => Ok(Proof::Wrong),
            Some(step) if store::take_step(tx, user, step)? => Ok(Proof::Right),
            Some(_) => reused(tx, "a code of the device was used again"),
        },
        Code::Recovery(code) => match store::use_code(tx, user, &digest(&code))? {
            Used::Unknown => Ok(Proof::Wrong),
            Used::Before => reused(tx, "a recovery code was used again"),
            Used::Now => {
                tx.record(Event::bare(RecordType::User, user.uuid(), Action::RecoveryCodeUsed))?;
                Ok(Proof::Right)
            }
        },
    }
}

/// Six digits every 30 seconds by SHA-1: what every device understands. One step early or late is taken.
fn device(secret: &[u8]) -> Result<Totp> {
    Builder::new().with_secret(secret.to_vec()).build().map_err(Problem::internal)
}

fn step(device: &Totp, digits: &str, now: chrono::DateTime<chrono::Utc>) -> Option<i64> {
    let step = device.check(digits, u64::try_from(now.timestamp()).ok()?)?;
    i64::try_from(step).ok()
}

/// Sixteen letters and digits in fours (base32, so neither 0 nor 1 is among them): 80 random bits.
fn recovery_code() -> String {
    let random: [u8; 10] = rand::random();
    let text = totp_rs::Secret::new(random.to_vec().into_boxed_slice()).to_base32().to_lowercase();
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// Fresh recovery codes; only their hashes are kept.
fn make_codes(tx: &mut WriteTx<'_>, user: UserId) -> Result<RecoveryCodes> {
    let recovery_codes: Vec<String> = std::iter::repeat_with(recovery_code).take(RECOVERY_CODES).collect();
    let hashes: Vec<Vec<u8>> = recovery_codes.iter().map(|code| digest(&code.replace('-', ""))).collect();
    store::replace_codes(tx, user, &hashes, Event::bare(RecordType::User, user.uuid(), Action::RecoveryCodesMade))?;
    Ok(RecoveryCodes { recovery_codes })
}

fn readable(errors: std::result::Result<(), validator::ValidationErrors>) -> Result<()> {
    let mut found = FieldErrors::default();
    found.absorb(errors);
    Ok(found.finish()?)
}

/// Begin to set up a second factor
///
/// Answers the secret for the device, once; it counts when `confirm_totp` was sent a code of it.
#[utoipa::path(post, path = "/v1/me/totp", tag = "me")]
pub async fn begin_totp(proving: Proving, proof: Valid<PasswordProof>) -> Answer<Conflicting<Plain<TotpEnrolment>>> {
    readable(proof.validate())?;
    let begin = async {
        let person = proving.person().await?;
        proving.password(&person, &proof.current_password).await?;
        let secret: [u8; 20] = rand::random();
        let sealed = proving.who.app.vault.seal(&secret)?;
        let begin = move |tx: &mut WriteTx<'_>| begin(tx, &person, &secret, sealed.clone()).map(|enrolment| Conflicting(Plain(enrolment)));
        proving.who.write(begin).await
    };
    proving.who.once(begin).await
}

fn begin(tx: &mut WriteTx<'_>, person: &User, secret: &[u8], sealed: Vec<u8>) -> Result<TotpEnrolment> {
    tx.hold(RecordType::User, person.uuid())?;
    if is_enabled(tx, person.id)? {
        return Err(Problem::new(ProblemCode::SecondFactorEnabled));
    }
    store::begin(tx, person.id, sealed)?;
    // a colon would part the name from the account
    let device = Builder::new()
        .with_secret(secret.to_vec())
        .with_issuer(Some(format!("Kartoteka {}", workspace::current(tx)?.name).replace(':', " ")))
        .with_account_name(person.email.replace(':', " "))
        .build()
        .map_err(Problem::internal)?;
    Ok(TotpEnrolment { secret: device.secret().to_base32(), otpauth_uri: device.to_url().map_err(Problem::internal)? })
}

/// Confirm a second factor
///
/// With a code of the device; from now on it is asked for at sign-in. Answers ten recovery codes, once.
#[utoipa::path(post, path = "/v1/me/totp/confirm", tag = "me")]
pub async fn confirm_totp(proving: Proving, confirmation: Valid<TotpConfirmation>) -> Answer<Conflicting<Plain<RecoveryCodes>>> {
    readable(confirmation.validate())?;
    let who = &proving.who;
    let confirm = async {
        let person = proving.person().await?;
        let tried = proving.admit(&person).await?;
        let (id, vault, code) = (person.id, std::sync::Arc::clone(&who.app.vault), Code::read(&confirmation.code));
        let confirm = move |tx: &mut WriteTx<'_>| confirm(tx, &vault, id, &code).map(|codes| Conflicting(Plain(codes)));
        let answer = who.write(confirm).await;
        match answer {
            Err(problem) if problem.code == ProblemCode::ValidationFailed => {
                proving.failed(&tried, &person, problem).await?;
                Err(Problem::internal("a failure passed"))
            }
            answer => answer.inspect(|_| who.app.credentials.revoke(id.uuid())),
        }
    };
    who.once(confirm).await
}

fn confirm(tx: &mut WriteTx<'_>, vault: &Vault, id: UserId, code: &Code) -> Result<RecoveryCodes> {
    let wrong = || Problem::invalid("/code", FieldCode::WrongCode);
    tx.hold(RecordType::User, id.uuid())?;
    let Some(kept) = store::find(tx, id)? else { return Err(Problem::new(ProblemCode::SecondFactorNotEnabled)) };
    if kept.enabled {
        return Err(Problem::new(ProblemCode::SecondFactorEnabled));
    }
    let Code::Device(digits) = code else { return Err(wrong()) };
    match step(&device(&vault.open(&kept.sealed)?)?, digits, tx.now()) {
        Some(step) if store::take_step(tx, id, step)? => {}
        _ => return Err(wrong()),
    }
    store::enable(tx, id, Event::bare(RecordType::User, id.uuid(), Action::SecondFactorEnabled))?;
    make_codes(tx, id)
}

/// Give up the second factor
///
/// With the password or a code. Where the workspace demands a second factor, another one must be set up at once.
#[utoipa::path(post, path = "/v1/me/totp/disable", tag = "me")]
pub async fn disable_totp(proving: Proving, proof: Valid<TotpDisabling>) -> Answer<Conflicting<Done>> {
    readable(proof.validate())?;
    let who = &proving.who;
    let disable = async {
        let person = proving.person().await?;
        let id = person.id;
        proving.either(&person, &proof).await?;
        let disable = move |tx: &mut WriteTx<'_>| {
            if !is_enabled(tx, id)? {
                return Err(Problem::new(ProblemCode::SecondFactorNotEnabled));
            }
            store::remove(tx, id, Event::bare(RecordType::User, id.uuid(), Action::SecondFactorDisabled))?;
            Ok(Conflicting(Done))
        };
        who.write(disable).await.inspect(|_| who.app.credentials.revoke(id.uuid()))
    };
    who.once(disable).await
}

/// Make new recovery codes
///
/// Those before stop working. Answered once.
#[utoipa::path(post, path = "/v1/me/recovery-codes", tag = "me")]
pub async fn create_recovery_codes(proving: Proving, proof: Valid<PasswordProof>) -> Answer<Conflicting<Plain<RecoveryCodes>>> {
    readable(proof.validate())?;
    let make = async {
        let person = proving.person().await?;
        proving.password(&person, &proof.current_password).await?;
        let make = move |tx: &mut WriteTx<'_>| {
            tx.hold(RecordType::User, person.uuid())?;
            if !is_enabled(tx, person.id)? {
                return Err(Problem::new(ProblemCode::SecondFactorNotEnabled));
            }
            make_codes(tx, person.id).map(|codes| Conflicting(Plain(codes)))
        };
        proving.who.write(make).await
    };
    proving.who.once(make).await
}

/// Reset a colleague's second factor
///
/// When device and recovery codes are lost: the person signs in with the password alone and sets up another one.
#[utoipa::path(post, path = "/v1/users/{id}/reset-totp", tag = "users")]
pub async fn reset_user_totp(can: Can<UpdateUsers>, at: At<User>) -> Answer<Done> {
    let (app, id) = (can.app().clone(), at.0);
    let answer = can
        .write(move |tx| {
            let user: User = record::get_to_change(tx, id)?;
            role::check_over(tx, &user.role)?;
            if store::find(tx, user.id)?.is_some() {
                let event = Event::bare(RecordType::User, id, Action::SecondFactorDisabled).because("reset by an administrator");
                store::remove(tx, user.id, event)?;
            }
            Ok(Done)
        })
        .await;
    app.credentials.revoke(id);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_one_step_early_and_late_and_tells_its_step() {
        let device = device(b"12345678901234567890").unwrap();
        let at = |seconds: i64| chrono::DateTime::from_timestamp(seconds, 0).unwrap();
        // RFC 6238, appendix B, cut to six digits
        assert_eq!(step(&device, "287082", at(59)), Some(1));
        assert_eq!(step(&device, "081804", at(1_111_111_109)), Some(37_037_036));
        assert_eq!(step(&device, "287082", at(60)), Some(1));
        assert_eq!(step(&device, "287082", at(89)), Some(1));
        assert_eq!(step(&device, "287082", at(90)), None);
        assert_eq!(step(&device, "287083", at(59)), None);
        assert_eq!(step(&device, "28708", at(59)), None);
    }

    #[test]
    fn recovery_codes_are_sixteen_signs_in_fours() {
        let code = recovery_code();
        assert_eq!(code.len(), 19);
        assert!(matches!(Code::read(&code), Code::Recovery(plain) if plain.len() == 16));
    }
}
