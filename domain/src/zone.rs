//! Local time: what "today" means in a zone. Zone data comes with the program, not from the machine, whose copy may be stale.

use chrono::{DateTime, Datelike, NaiveDate, TimeZone, Utc};
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone as Zone};

/// Whether this is an IANA zone the program knows.
pub fn is_known(name: &str) -> bool {
    Zone::get(name).is_ok()
}

/// The instants at which today, tomorrow and the day after begin in a zone; an unknown zone counts as UTC.
pub fn day_starts(now: DateTime<Utc>, zone: &str) -> [DateTime<Utc>; 3] {
    let zone = Zone::get(zone).unwrap_or(Zone::UTC);
    let today = Timestamp::from_microsecond(now.timestamp_micros()).unwrap_or_default().to_zoned(zone.clone()).date();
    let start = |date: Date| {
        zone.to_zoned(date.at(0, 0, 0, 0)).ok().and_then(|at| Utc.timestamp_micros(at.timestamp().as_microsecond()).single()).unwrap_or(now)
    };
    let after = |days: i64| today.checked_add(days.days()).unwrap_or(today);
    [start(today), start(after(1)), start(after(2))]
}

/// The date and the minute of the day that clocks show in a zone; an unknown zone counts as UTC.
pub fn local(at: DateTime<Utc>, zone: &str) -> (NaiveDate, i64) {
    let zone = Zone::get(zone).unwrap_or(Zone::UTC);
    let shown = Timestamp::from_microsecond(at.timestamp_micros()).unwrap_or_default().to_zoned(zone);
    let date = NaiveDate::from_ymd_opt(shown.year().into(), shown.month().unsigned_abs().into(), shown.day().unsigned_abs().into());
    (date.unwrap_or_default(), i64::from(shown.hour()) * 60 + i64::from(shown.minute()))
}

/// The instant at which clocks in a zone show a minute of a day: the first of two, and after a gap where they skip it.
pub fn instant(date: NaiveDate, minute: i64, zone: &str) -> DateTime<Utc> {
    let zone = Zone::get(zone).unwrap_or(Zone::UTC);
    let part = |number: i64| i8::try_from(number).unwrap_or_default();
    let year = i16::try_from(date.year()).unwrap_or(1970);
    let day = |number: u32| i8::try_from(number).unwrap_or(1);
    let civil = Date::new(year, day(date.month()), day(date.day())).unwrap_or_default().at(part(minute / 60), part(minute % 60), 0, 0);
    let at = zone.to_zoned(civil).map(|at| at.timestamp().as_microsecond()).unwrap_or_default();
    Utc.timestamp_micros(at).single().unwrap_or_default()
}

/// Cuts a time to microseconds, the precision that is stored and answered.
pub fn to_micros(at: DateTime<Utc>) -> DateTime<Utc> {
    Utc.timestamp_micros(at.timestamp_micros()).single().unwrap_or(at)
}

/// Whether a time can be meant by a person: 1970 to 2199.
pub fn is_sane(at: DateTime<Utc>) -> bool {
    (0..7_258_118_400).contains(&at.timestamp())
}

/// The nearest time that can be kept.
pub fn into_range(at: DateTime<Utc>) -> DateTime<Utc> {
    let (first, last) = (DateTime::UNIX_EPOCH, DateTime::from_timestamp(7_258_118_399, 0).unwrap_or(DateTime::UNIX_EPOCH));
    at.clamp(first, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_local_midnight_also_across_a_change_of_clocks() {
        let now = "2026-10-24T21:30:00Z".parse().unwrap(); // 00:30 in Kyiv on the day the clocks go back
        let [today, tomorrow, _] = day_starts(now, "Europe/Kyiv");
        assert_eq!(today, "2026-10-24T21:00:00Z".parse::<DateTime<Utc>>().unwrap());
        assert_eq!(tomorrow, "2026-10-25T22:00:00Z".parse::<DateTime<Utc>>().unwrap());
    }

    #[test]
    fn an_unknown_zone_is_told() {
        assert!(is_known("Europe/Moscow"));
        assert!(!is_known("Mars/Olympus"));
    }
}
