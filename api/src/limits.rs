//! How often one may try: sign-ins per address, submissions per form and address. Per process; failures are `lockout`'s.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DefaultKeyedStateStore,
};
use kartoteka_domain::form::Form;

use crate::problem::{Problem, ProblemCode, Result};

/// A limiter by key that tells what is left.
type Limiter = RateLimiter<String, DefaultKeyedStateStore<String>, DefaultClock, StateInformationMiddleware>;

fn limiter(per_minute: NonZeroU32) -> Limiter {
    RateLimiter::keyed(Quota::per_minute(per_minute)).with_middleware()
}

/// What is left of a limit, for the headers `RateLimit` and `RateLimit-Policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Requests a minute.
    pub per_minute: u32,
    /// Requests left now.
    pub remaining: u32,
}

/// How often an address may read calendars.
const CALENDARS_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(119);

/// The limiters.
pub struct Limits {
    sign_in_per_minute: u32,
    sign_ins: Limiter,
    calendars: Limiter,
    submissions: moka::sync::Cache<String, std::sync::Arc<Limiter>>,
}

fn too_many(seconds: u64) -> Problem {
    Problem::new(ProblemCode::TooManyRequests).after(seconds)
}

impl Limits {
    /// With so many sign-ins per address and minute.
    pub fn new(sign_in_per_minute: u32) -> Self {
        let at_least_one = |count: u32| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        Self {
            sign_in_per_minute,
            sign_ins: limiter(at_least_one(sign_in_per_minute)),
            calendars: limiter(CALENDARS_PER_MINUTE),
            submissions: moka::sync::Cache::builder().max_capacity(10_000).time_to_idle(Duration::from_mins(2)).build(),
        }
    }

    /// One more try of an address.
    pub fn sign_in(&self, address: &str) -> Result<Allowance> {
        check(&self.sign_ins, self.sign_in_per_minute, address)
    }

    /// One more reading of a calendar by an address: an office of subscribers, but nobody who guesses links.
    pub fn calendar(&self, address: &str) -> Result<Allowance> {
        check(&self.calendars, CALENDARS_PER_MINUTE.get(), address)
    }

    /// One more submission of an address to a form.
    pub fn submission(&self, form: &Form, address: &str) -> Result<Allowance> {
        let per_minute = u32::try_from(form.rate_per_minute).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        // a changed rate begins a new count
        let limiter = self.submissions.get_with(format!("{}:{per_minute}", form.id), || std::sync::Arc::new(limiter(per_minute)));
        check(&limiter, per_minute.get(), address)
    }

    /// Forgets who has not tried for a while.
    pub fn tidy(&self) {
        self.sign_ins.retain_recent();
        self.calendars.retain_recent();
    }
}

fn check(limiter: &Limiter, per_minute: u32, key: &str) -> Result<Allowance> {
    match limiter.check_key(&key.to_owned()) {
        Ok(state) => Ok(Allowance { per_minute, remaining: state.remaining_burst_capacity() }),
        Err(not_until) => {
            Err(too_many(not_until.wait_time_from(limiter.clock().now()).as_secs() + 1)
                .with_allowance(Allowance { per_minute, remaining: 0 }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_try_so_often_and_is_told_what_is_left() {
        let limits = Limits::new(2);
        assert_eq!(limits.sign_in("10.0.0.1").unwrap(), Allowance { per_minute: 2, remaining: 1 });
        assert_eq!(limits.sign_in("10.0.0.1").unwrap().remaining, 0);
        let refused = limits.sign_in("10.0.0.1").unwrap_err();
        assert_eq!(refused.code, ProblemCode::TooManyRequests);
        assert!(refused.retry_after.unwrap() <= 31);
        assert!(limits.sign_in("10.0.0.2").is_ok());
    }
}
