//! Lock-out: whoever fails to sign in again and again waits longer and longer, an account and an address alike.

use chrono::Duration;

/// Failures an account may have before it is locked.
pub const OF_AN_ACCOUNT: i64 = 5;
/// The longest lock, seconds.
const LONGEST: i64 = 900;
/// After so many seconds without a failure the count begins anew.
pub const FORGOTTEN_AFTER: i64 = 86_400;

/// For how long the latest of `failures` locks, where `free` of them lock nothing: one second, two, four … a quarter of an hour.
pub fn delay(failures: i64, free: i64) -> Option<Duration> {
    let beyond = failures.checked_sub(free).filter(|beyond| *beyond >= 0)?;
    let seconds = u32::try_from(beyond).ok().and_then(|power| 2_i64.checked_pow(power)).unwrap_or(LONGEST);
    Some(Duration::seconds(seconds.min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_from_the_fifth_failure_to_a_quarter_of_an_hour() {
        let seconds = |failures| delay(failures, OF_AN_ACCOUNT).map(|d| d.num_seconds());
        assert_eq!(
            [1, 4, 5, 6, 7, 14, 15, 16, 5000, i64::MAX].map(seconds).to_vec(),
            [None, None, Some(1), Some(2), Some(4), Some(512), Some(900), Some(900), Some(900), Some(900)]
        );
        assert_eq!(delay(i64::MIN, 5), None);
    }
}
