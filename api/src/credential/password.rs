//! Passwords: hashed with argon2id (19 MiB, two passes: OWASP's minimum) on a few threads of their own, so that a flood of
//! sign-ins leaves cores and memory to others. Who waits is counted, too: above that it is refused at once.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use argon2::{
    ARGON2ID_IDENT, Argon2, Params,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use crossbeam_channel::{Sender, unbounded};
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use crate::problem::{Problem, ProblemCode, Result};

/// How many may wait for their turn. At some 30 ms each the last one waits for two seconds on the smallest machine.
const MOST_WAITING: usize = 64;
/// How long somebody waits at most.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many sign-ins are looked up at a time.
const LOOKUPS: usize = 2;

type Job = Box<dyn FnOnce() + Send>;

/// The threads that hash.
pub struct Passwords {
    turn: Semaphore,
    lookups: Semaphore,
    waiting: AtomicUsize,
    jobs: Sender<Job>,
    nobody: String,
}

/// How a password was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Not the one.
    Wrong,
    /// The one.
    Right,
    /// The one, kept under parameters of another day; this is its hash under those of today.
    RightRehashed(String),
}

impl Verdict {
    /// Whether it is the one.
    pub fn is_right(&self) -> bool {
        *self != Self::Wrong
    }
}

impl Passwords {
    /// With a thread for every second core, at least one.
    pub fn new() -> Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
        let (jobs, queue) = unbounded::<Job>();
        for number in 0..threads {
            let queue = queue.clone();
            std::thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || {
                    give_way();
                    while let Ok(job) = queue.recv() {
                        job();
                    }
                })
                .map_err(Problem::internal)?;
        }
        let (turn, lookups) = (Semaphore::new(threads), Semaphore::new(LOOKUPS));
        Ok(Self { turn, lookups, waiting: AtomicUsize::new(0), jobs, nobody: hash_password("nobody has this password")? })
    }

    /// Hashes a password.
    pub async fn hash(&self, password: String) -> Result<String> {
        self.run(|| Ok(()), move || hash_password(&password)).await?
    }

    /// Checks a password, unless `still` refuses when the turn has come; takes as long when there is none.
    pub async fn check_while(&self, still: impl FnOnce() -> Result<()>, password: String, hash: Option<String>) -> Result<Verdict> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        self.run(still, move || verify(&password, &hash, known)).await?
    }

    /// A turn to look up who signs in: two hundred at once must not stand before everybody else's reads. Refuses when nobody more may
    /// wait for the check that follows.
    pub async fn turn_to_look(&self) -> Result<SemaphorePermit<'_>> {
        let busy = || Problem::new(ProblemCode::Overloaded).after(2);
        let turn = tokio::time::timeout(PATIENCE, self.lookups.acquire()).await.map_err(|_| busy())?.map_err(Problem::internal)?;
        if self.waiting() >= MOST_WAITING { Err(busy()) } else { Ok(turn) }
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    async fn run<T: Send + 'static>(&self, still: impl FnOnce() -> Result<()>, job: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let waits = Waits::begin(&self.waiting)?;
        let busy = || Problem::new(ProblemCode::Overloaded).after(2);
        let turn = tokio::time::timeout(PATIENCE, self.turn.acquire()).await.map_err(|_| busy())?.map_err(Problem::internal)?;
        drop(waits);
        still()?;
        let (answer, result) = oneshot::channel();
        // the threads outlive every request; nobody may be waiting any more: a client that hung up
        let sent = self.jobs.send(Box::new(move || drop(answer.send(job()))));
        sent.map_err(Problem::internal)?;
        let done = result.await.map_err(Problem::internal);
        drop(turn);
        done
    }
}

/// One who waits, counted until he is dropped.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Result<Self> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            drop(place);
            return Err(Problem::new(ProblemCode::Overloaded).after(2));
        }
        Ok(place)
    }
}
impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lets threads that answer requests go first, by half a share: with less, other programs on a busy machine would keep everybody
/// from signing in. Linux keeps this per thread.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(3) {
        tracing::debug!(%error, "password threads run like all others");
    }
}

fn verify(password: &str, hash: &str, known: bool) -> Result<Verdict> {
    let Ok(parsed) = PasswordHash::new(hash) else { return Ok(Verdict::Wrong) };
    let argon2 = Argon2::default();
    if argon2.verify_password(password.as_bytes(), &parsed).is_err() || !known {
        return Ok(Verdict::Wrong);
    }
    let of_today = parsed.algorithm == ARGON2ID_IDENT
        && Params::try_from(&parsed).is_ok_and(|kept| {
            let now = argon2.params();
            (kept.m_cost(), kept.t_cost(), kept.p_cost()) == (now.m_cost(), now.t_cost(), now.p_cost())
        });
    if of_today { Ok(Verdict::Right) } else { hash_password(password).map(Verdict::RightRehashed) }
}

/// Hashes a password on this thread: for the command line.
pub fn hash_password(password: &str) -> Result<String> {
    Ok(Argon2::default().hash_password(password.as_bytes()).map_err(Problem::internal)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_under_old_parameters_is_hashed_anew() {
        let weak = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, Params::new(64, 1, 1, None).unwrap());
        let kept = weak.hash_password(b"correct horse battery").unwrap().to_string();
        assert_eq!(verify("wrong", &kept, true).unwrap(), Verdict::Wrong);
        let Verdict::RightRehashed(fresh) = verify("correct horse battery", &kept, true).unwrap() else { panic!("not hashed anew") };
        assert_eq!(verify("correct horse battery", &fresh, true).unwrap(), Verdict::Right);
        assert_eq!(verify("correct horse battery", &fresh, false).unwrap(), Verdict::Wrong);
    }

    #[actix_web::test]
    async fn more_than_may_wait_are_refused_at_once() {
        let passwords = Passwords::new().unwrap();
        passwords.waiting.store(MOST_WAITING, Ordering::Relaxed);
        let refused = passwords.check_while(|| Ok(()), "x".into(), None).await.unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (ProblemCode::Overloaded, Some(2)));
        passwords.waiting.store(0, Ordering::Relaxed);
        assert_eq!(passwords.check_while(|| Ok(()), "x".into(), None).await.unwrap(), Verdict::Wrong);
        assert_eq!(passwords.waiting(), 0);
    }
}
