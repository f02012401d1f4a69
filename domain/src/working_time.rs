//! Working time: how much of it lies between two instants, and when so much of it has passed. A moment is working time when the
//! clock on the wall then shows working hours; so an hour that clocks skip is nobody's, and one they show twice counts twice.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeZone, Utc};
use jiff::{Timestamp, tz::TimeZone as Zone};

use crate::workspace::{Workspace, calendar::WorkingCalendar, calendar::WorkingHours};

const MICROS: i64 = 1_000_000;
const DAY: i64 = 86_400;
/// How far ahead working time is looked for.
const HORIZON: i64 = 60 * 366 * DAY;

/// Seconds after midnight, from and until.
type Interval = (i64, i64);

/// A calendar in its zone, ready to count by.
#[derive(Debug, Clone)]
pub struct WorkingTime {
    zone: Zone,
    week: [Vec<Interval>; 7],
    /// Dates that are not like their weekday, by days since 1970.
    dates: BTreeMap<i64, Vec<Interval>>,
}

/// An unbroken piece of working time: seconds since 1970, and the local day it lies on.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: i64,
    until: i64,
    day: i64,
}

impl WorkingTime {
    /// Of a calendar in a zone; an unknown zone counts as UTC.
    pub fn new(calendar: &WorkingCalendar, zone: &str) -> Self {
        let read = |hours: &[WorkingHours]| -> Vec<Interval> {
            let mut all: Vec<_> = hours.iter().filter_map(WorkingHours::minutes).map(|(from, until)| (from * 60, until * 60)).collect();
            all.sort_unstable();
            all
        };
        let off = calendar.holidays.iter().map(|day| (day_number(day.on), Vec::new()));
        let extra = calendar.extra_days.iter().map(|day| (day_number(day.on), read(&day.hours)));
        Self {
            zone: Zone::get(zone).unwrap_or(Zone::UTC),
            week: calendar.weekly.days().map(|(_, hours)| read(hours)),
            dates: off.chain(extra).collect(),
        }
    }

    /// Of a workspace.
    pub fn of(workspace: &Workspace) -> Self {
        Self::new(&workspace.working_calendar, &workspace.time_zone)
    }

    fn hours_of(&self, day: i64) -> &[Interval] {
        // 1970 began on a Thursday
        let weekday = usize::try_from((day + 3).rem_euclid(7)).unwrap_or_default();
        self.dates.get(&day).or_else(|| self.week.get(weekday)).map_or(&[], Vec::as_slice)
    }

    /// Seconds east of Greenwich at an instant, and until when they are that.
    fn offset(&self, at: i64, horizon: i64) -> Option<(i64, i64)> {
        let at = Timestamp::from_second(at).ok()?;
        let change = self.zone.following(at).next().map_or(horizon, |change| change.timestamp().as_second());
        Some((self.zone.to_offset(at).seconds().into(), change.min(horizon)))
    }

    /// Working time from an instant until a horizon, in order. Where the offset changes a span ends.
    fn spans(&self, from: i64, horizon: i64) -> impl Iterator<Item = Span> + '_ {
        let mut at = from;
        let stretches = std::iter::from_fn(move || {
            let (offset, end) = if at < horizon { self.offset(at, horizon)? } else { return None };
            let start = at;
            at = end.max(at + 1);
            Some((start, end, offset))
        });
        stretches.flat_map(move |(start, end, offset)| {
            let days = (start + offset).div_euclid(DAY)..=(end - 1 + offset).div_euclid(DAY);
            days.flat_map(move |day| {
                let midnight = day * DAY - offset;
                self.hours_of(day).iter().map(move |(from, until)| Span {
                    from: (midnight + from).max(start),
                    until: (midnight + until).min(end),
                    day,
                })
            })
            .filter(|span| span.from < span.until)
        })
    }

    fn ahead(&self, at: DateTime<Utc>) -> impl Iterator<Item = Span> + '_ {
        let from = at.timestamp();
        self.spans(from, from.saturating_add(HORIZON))
    }

    /// Microseconds of working time from one instant to another; none when the other is earlier.
    fn micros_between(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> i64 {
        let (first, last) = (from.timestamp_micros(), until.timestamp_micros());
        if last <= first {
            return 0;
        }
        self.spans(from.timestamp(), until.timestamp() + 1)
            .map(|span| ((span.until * MICROS).min(last) - (span.from * MICROS).max(first)).max(0))
            .sum()
    }

    /// Whole seconds of working time from one instant to another.
    pub fn seconds_between(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> i64 {
        self.micros_between(from, until) / MICROS
    }

    /// The earliest instant by which so many seconds of working time have passed; none where nobody ever works.
    pub fn after(&self, from: DateTime<Utc>, seconds: i64) -> Option<DateTime<Utc>> {
        let (first, mut left) = (from.timestamp_micros(), seconds.checked_mul(MICROS)?);
        if left <= 0 {
            return Some(from);
        }
        for span in self.ahead(from) {
            let begin = (span.from * MICROS).max(first);
            let length = span.until * MICROS - begin;
            if left <= length {
                return instant(begin + left);
            }
            left -= length.max(0);
        }
        None
    }

    /// The next moment of working time; the instant itself when it is one.
    pub fn next(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let asked = at.timestamp_micros();
        let span = self.ahead(at).find(|span| span.until * MICROS > asked)?;
        instant((span.from * MICROS).max(asked))
    }

    /// Whether anybody works on a date.
    pub fn works_on(&self, date: NaiveDate) -> bool {
        !self.hours_of(day_number(date)).is_empty()
    }

    /// Whether an instant is working time.
    pub fn is_working(&self, at: DateTime<Utc>) -> bool {
        self.next(at) == Some(at)
    }

    /// When work begins so many working days later.
    pub fn morning(&self, at: DateTime<Utc>, days: i64) -> Option<DateTime<Utc>> {
        let (offset, _) = self.offset(at.timestamp(), i64::MAX)?;
        let (mut day, mut left) = ((at.timestamp() + offset).div_euclid(DAY), days.max(1));
        for span in self.ahead(at) {
            if span.day > day {
                (day, left) = (span.day, left - 1);
            }
            if left == 0 {
                return instant(span.from * MICROS);
            }
        }
        None
    }
}

fn day_number(date: NaiveDate) -> i64 {
    date.signed_duration_since(NaiveDate::default()).num_days()
}

fn instant(micros: i64) -> Option<DateTime<Utc>> {
    Utc.timestamp_micros(micros).single()
}

#[cfg(test)]
mod tests;
