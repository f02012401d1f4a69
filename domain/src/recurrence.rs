//! Repetition rules (RFC 5545, RRULE): which are taken, and when they come round. They are reckoned in local time and only then
//! put onto the clock of a zone, so that nine o'clock stays nine o'clock when clocks are put.

mod grammar;

use calcard::{common::timezone::Tz, icalendar::ICalendar};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeZone, Timelike, Utc};
use jiff::{Timestamp, civil, tz::TimeZone as Zone};
use serde::Deserialize;
use utoipa::openapi::{
    RefOr, Schema,
    schema::{ObjectBuilder, Type},
};

use crate::list::ParameterType;

/// How long a rule may be.
pub const LONGEST: usize = 500;
/// Nobody looks further back than this for the beginning of a series.
const MOST_EXPANDED: usize = 100_000;

/// The last moment of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    Instant(DateTime<Utc>),
    Local(NaiveDateTime),
    Date(NaiveDate),
}

/// A rule that can be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    text: String,
    /// The rule without its last moment and its count.
    endless: String,
    count: Option<u32>,
    until: Option<Until>,
}

impl Rule {
    /// Reads a rule; what is wrong with it is told by its part.
    pub fn parse(text: &str) -> Result<Self, String> {
        grammar::parse(text)
    }

    /// As it is kept: in capitals, without `RRULE:`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first so many times after a moment of a series that begins at `start`; what falls into an hour that is skipped comes
    /// after it.
    pub fn occurrences(&self, start: DateTime<Utc>, zone: &str, after: DateTime<Utc>, most: usize) -> Vec<DateTime<Utc>> {
        // every rule that is taken comes once a day at most
        let days = usize::try_from((after - start).num_days().max(0)).unwrap_or(0);
        let all = self.expanded(start, zone, days.saturating_add(most).saturating_add(3));
        let mut found: Vec<_> = all.into_iter().filter(|at| *at > after).collect();
        found.dedup();
        found.truncate(most);
        found
    }

    /// The rule as a calendar tells it from one of its times on: the last moment in UTC, the count of those that are left.
    pub fn from(&self, start: DateTime<Utc>, zone: &str, at: DateTime<Utc>) -> String {
        let mut text = self.endless.clone();
        if let Some(count) = self.count {
            let most = usize::try_from(count).unwrap_or(usize::MAX);
            let named = self.expanded(start, zone, most);
            let own = usize::from(!named.contains(&at));
            let left = named.iter().filter(|other| **other >= at).count() + own;
            text.push_str(&format!(";COUNT={}", left.max(1)));
        }
        let local = |at: NaiveDateTime| instant(at, &Zone::get(zone).unwrap_or(Zone::UTC));
        let until = match self.until {
            Some(Until::Instant(until)) => Some(until),
            Some(Until::Local(until)) => local(until),
            Some(Until::Date(until)) => until.and_hms_opt(23, 59, 59).and_then(local),
            None => None,
        };
        if let Some(until) = until {
            text.push_str(&until.format(";UNTIL=%Y%m%dT%H%M%SZ").to_string());
        }
        text
    }

    /// The first so many times of the series, in order.
    fn expanded(&self, start: DateTime<Utc>, zone: &str, most: usize) -> Vec<DateTime<Utc>> {
        let zone = Zone::get(zone).unwrap_or(Zone::UTC);
        let Some(begin) = shown(start, &zone) else { return Vec::new() };
        let count = self.count.map_or_else(String::new, |count| format!(";COUNT={count}"));
        let written = format!(
            "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:0\r\nDTSTART:{}\r\nRRULE:{}{count}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
            begin.format("%Y%m%dT%H%M%S"),
            self.endless
        );
        let Ok(calendar) = ICalendar::parse(written.as_str()) else { return Vec::new() };
        let expanded = calendar.expand_dates(Tz::Floating, most.min(MOST_EXPANDED));
        let counted = self.count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
        let times: Vec<_> = expanded.events.into_iter().map(|event| event.start.naive_local()).collect();
        // the start counts as one of them also where the rule does not name it (RFC 5545, 3.3.10)
        let own = usize::from(times.first().is_some_and(|first| *first != begin));
        times
            .into_iter()
            .take(counted.saturating_sub(own))
            .take_while(|local| match self.until {
                Some(Until::Local(until)) => *local <= until,
                Some(Until::Date(until)) => local.date() <= until,
                _ => true,
            })
            .filter_map(|local| instant(local, &zone))
            .take_while(|at| !matches!(self.until, Some(Until::Instant(until)) if *at > until))
            .collect()
    }
}

/// What the clocks of a zone show, in whole seconds.
fn shown(at: DateTime<Utc>, zone: &Zone) -> Option<NaiveDateTime> {
    let local = Timestamp::from_second(at.timestamp()).ok()?.to_zoned(zone.clone()).datetime();
    let part = |number: i8| u32::try_from(number).ok();
    NaiveDate::from_ymd_opt(local.year().into(), part(local.month())?, part(local.day())?)?.and_hms_opt(
        part(local.hour())?,
        part(local.minute())?,
        part(local.second())?,
    )
}

/// When the clocks of a zone show a time: the first of two, the one after a gap.
fn instant(local: NaiveDateTime, zone: &Zone) -> Option<DateTime<Utc>> {
    let part = |number: u32| i8::try_from(number).ok();
    let local = civil::DateTime::new(
        local.year().try_into().ok()?,
        part(local.month())?,
        part(local.day())?,
        part(local.hour())?,
        part(local.minute())?,
        part(local.second())?,
        0,
    );
    let at = zone.to_zoned(local.ok()?).ok()?.timestamp();
    Utc.timestamp_opt(at.as_second(), 0).single().filter(|at| crate::zone::is_sane(*at))
}

/// How many times are shown ahead, 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead(usize);

impl Ahead {
    /// So many.
    pub fn get(self) -> usize {
        self.0
    }
}
impl Default for Ahead {
    fn default() -> Self {
        Self(10)
    }
}
impl<'de> Deserialize<'de> for Ahead {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = usize::deserialize(deserializer)?;
        if (1..=100).contains(&number) { Ok(Self(number)) } else { Err(serde::de::Error::custom("out of range")) }
    }
}
impl ParameterType for Ahead {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(100)).default(Some(10.into())).into()
    }
}

#[cfg(test)]
mod tests;
