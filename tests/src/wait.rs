//! Waiting for what happens later: by asking again until a deadline, never by a fixed sleep.

use std::time::{Duration, Instant};

/// Asks until there is an answer; panics after a minute, saying for what it waited.
#[track_caller]
pub fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    within(Duration::from_mins(1), what, ask)
}

/// Asks until there is an answer, or panics at the deadline.
#[track_caller]
pub fn within<T>(limit: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    let mut pause = Duration::from_millis(4);
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(started.elapsed() < limit, "waited {limit:?} in vain for {what}");
        std::thread::sleep(pause);
        pause = (pause * 3 / 2).min(Duration::from_millis(100));
    }
}
