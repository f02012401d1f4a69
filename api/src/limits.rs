//! How often one may try: sign-ins per address and account, submissions per form and address. Per process.

use std::{num::NonZeroU32, time::Duration};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};
use kartoteka_domain::form::Form;

use crate::problem::{Problem, ProblemCode, Result};

/// The limiters.
pub struct Limits {
    sign_ins: DefaultKeyedRateLimiter<String>,
    failures: DefaultKeyedRateLimiter<String>,
    blocked: moka::sync::Cache<String, ()>,
    submissions: moka::sync::Cache<String, std::sync::Arc<DefaultKeyedRateLimiter<String>>>,
}

fn too_many(seconds: u64) -> Problem {
    Problem::new(ProblemCode::TooManyRequests).after(seconds)
}

impl Limits {
    /// With so many sign-ins per address and minute; ten failures per account and minute block it for a while.
    pub fn new(sign_in_per_minute: u32) -> Self {
        let quota = |count: u32| Quota::per_minute(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN));
        Self {
            sign_ins: RateLimiter::keyed(quota(sign_in_per_minute)),
            failures: RateLimiter::keyed(quota(10)),
            blocked: moka::sync::Cache::builder().max_capacity(100_000).time_to_live(Duration::from_mins(1)).build(),
            submissions: moka::sync::Cache::builder().max_capacity(10_000).time_to_idle(Duration::from_mins(2)).build(),
        }
    }

    /// One more try of an address.
    pub fn sign_in(&self, address: &str) -> Result<()> {
        let clock = self.sign_ins.clock();
        self.sign_ins.check_key(&address.to_owned()).map_err(|not_until| too_many(not_until.wait_time_from(clock.now()).as_secs() + 1))
    }

    /// Whether an account may be tried.
    pub fn account(&self, email: &str) -> Result<()> {
        if self.blocked.contains_key(email) { Err(too_many(60)) } else { Ok(()) }
    }

    /// One more failure of an account.
    pub fn failed(&self, email: &str) {
        if self.failures.check_key(&email.to_owned()).is_err() {
            self.blocked.insert(email.to_owned(), ());
        }
    }

    /// One more submission of an address to a form.
    pub fn submission(&self, form: &Form, address: &str) -> Result<()> {
        let per_minute = u32::try_from(form.rate_per_minute).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        // a changed rate begins a new count
        let limiter = self
            .submissions
            .get_with(format!("{}:{per_minute}", form.id), || std::sync::Arc::new(RateLimiter::keyed(Quota::per_minute(per_minute))));
        let clock = limiter.clock();
        limiter.check_key(&address.to_owned()).map_err(|not_until| too_many(not_until.wait_time_from(clock.now()).as_secs() + 1))
    }

    /// Forgets who has not tried for a while.
    pub fn tidy(&self) {
        self.sign_ins.retain_recent();
        self.failures.retain_recent();
    }
}
