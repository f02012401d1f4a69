//! The working calendar of a business: hours of each weekday, days off, working days out of turn. Told in local time.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::invalid::{FieldCode, FieldErrors, line};

/// So many dates off, and so many working dates out of turn, may be told.
pub const MOST_DATES: usize = 400;
/// So many intervals a day.
const MOST_INTERVALS: usize = 10;

/// From when to when one works, local time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkingHours {
    /// First minute, `HH:MM`.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", max_length = 5)]
    pub from: String,
    /// The minute after the last, `HH:MM`; `24:00` is midnight.
    #[schema(pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", max_length = 5)]
    pub until: String,
}

/// Hours of each weekday; a day without is off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorkingWeek {
    /// Monday's hours.
    #[schema(required = true, max_items = 10)]
    pub monday: Vec<WorkingHours>,
    /// Tuesday's hours.
    #[schema(required = true, max_items = 10)]
    pub tuesday: Vec<WorkingHours>,
    /// Wednesday's hours.
    #[schema(required = true, max_items = 10)]
    pub wednesday: Vec<WorkingHours>,
    /// Thursday's hours.
    #[schema(required = true, max_items = 10)]
    pub thursday: Vec<WorkingHours>,
    /// Friday's hours.
    #[schema(required = true, max_items = 10)]
    pub friday: Vec<WorkingHours>,
    /// Saturday's hours.
    #[schema(required = true, max_items = 10)]
    pub saturday: Vec<WorkingHours>,
    /// Sunday's hours.
    #[schema(required = true, max_items = 10)]
    pub sunday: Vec<WorkingHours>,
}

/// A date off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// The date.
    pub on: NaiveDate,
    /// What it is.
    #[serde(default)]
    #[schema(required = true, max_length = 200)]
    pub name: Option<String>,
}

/// A working date with hours of its own, also at a weekend or on a holiday.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtraDay {
    /// The date.
    pub on: NaiveDate,
    /// Its hours.
    #[schema(max_items = 10)]
    pub hours: Vec<WorkingHours>,
    /// What it is.
    #[serde(default)]
    #[schema(required = true, max_length = 200)]
    pub name: Option<String>,
}

/// When the business works, in the time zone of the workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorkingCalendar {
    /// Hours of each weekday.
    #[schema(required = true)]
    pub weekly: WorkingWeek,
    /// Dates off.
    #[schema(required = true, max_items = 400)]
    pub holidays: Vec<Holiday>,
    /// Working dates with hours of their own, also at weekends and on holidays.
    #[schema(required = true, max_items = 400)]
    pub extra_days: Vec<ExtraDay>,
}

impl WorkingHours {
    /// From so many minutes after midnight until so many.
    pub fn minutes(&self) -> Option<(i64, i64)> {
        let (from, until) = (minute_of_day(&self.from)?, minute_of_day(&self.until)?);
        (from < until).then_some((from, until))
    }
}

impl Default for WorkingWeek {
    fn default() -> Self {
        let nine_to_six = || vec![WorkingHours { from: "09:00".to_owned(), until: "18:00".to_owned() }];
        Self {
            monday: nine_to_six(),
            tuesday: nine_to_six(),
            wednesday: nine_to_six(),
            thursday: nine_to_six(),
            friday: nine_to_six(),
            saturday: Vec::new(),
            sunday: Vec::new(),
        }
    }
}

impl WorkingWeek {
    /// The days with their names, Monday first.
    pub fn days(&self) -> [(&'static str, &Vec<WorkingHours>); 7] {
        [
            ("monday", &self.monday),
            ("tuesday", &self.tuesday),
            ("wednesday", &self.wednesday),
            ("thursday", &self.thursday),
            ("friday", &self.friday),
            ("saturday", &self.saturday),
            ("sunday", &self.sunday),
        ]
    }
    pub(crate) fn days_mut(&mut self) -> [&mut Vec<WorkingHours>; 7] {
        [
            &mut self.monday,
            &mut self.tuesday,
            &mut self.wednesday,
            &mut self.thursday,
            &mut self.friday,
            &mut self.saturday,
            &mut self.sunday,
        ]
    }
}

impl WorkingCalendar {
    /// The calendar as it is kept: in order of time. Every fault is told at its place under `at`.
    pub fn checked(mut self, at: &str, errors: &mut FieldErrors) -> Self {
        for (day, hours) in self.weekly.days() {
            check_hours(hours, &format!("{at}/weekly/{day}"), errors);
        }
        for (index, extra) in self.extra_days.iter().enumerate() {
            let here = format!("{at}/extra_days/{index}");
            if extra.hours.is_empty() {
                errors.add(format!("{here}/hours"), FieldCode::Required);
            }
            check_hours(&extra.hours, &format!("{here}/hours"), errors);
        }
        let dates = |days: &[NaiveDate], list: &str, errors: &mut FieldErrors| {
            if days.len() > MOST_DATES {
                errors.add_with(format!("{at}/{list}"), FieldCode::TooLong, MOST_DATES.to_string());
            }
            let mut seen = std::collections::HashSet::new();
            for (index, day) in days.iter().enumerate().take(MOST_DATES) {
                if !seen.insert(day) {
                    errors.add_with(format!("{at}/{list}/{index}/on"), FieldCode::ToldTwice, day.to_string());
                }
            }
        };
        dates(&self.holidays.iter().map(|day| day.on).collect::<Vec<_>>(), "holidays", errors);
        dates(&self.extra_days.iter().map(|day| day.on).collect::<Vec<_>>(), "extra_days", errors);
        let holidays = self.holidays.iter_mut().map(|day| &mut day.name).enumerate().map(|(index, name)| ("holidays", index, name));
        let extra = self.extra_days.iter_mut().map(|day| &mut day.name).enumerate().map(|(index, name)| ("extra_days", index, name));
        for (list, index, name) in holidays.chain(extra) {
            *name = line(name.as_deref());
            if name.as_ref().is_some_and(|name| name.chars().count() > 200) {
                errors.add_with(format!("{at}/{list}/{index}/name"), FieldCode::TooLong, "200");
            }
        }
        self.weekly.days_mut().into_iter().for_each(|hours| hours.sort());
        self.holidays.sort_by_key(|day| day.on);
        self.extra_days.sort_by_key(|day| day.on);
        self.extra_days.iter_mut().for_each(|day| day.hours.sort());
        self
    }
}

fn check_hours(hours: &[WorkingHours], at: &str, errors: &mut FieldErrors) {
    if hours.len() > MOST_INTERVALS {
        errors.add_with(at, FieldCode::TooLong, MOST_INTERVALS.to_string());
        return;
    }
    let mut taken: Vec<(i64, i64)> = Vec::new();
    for (index, one) in hours.iter().enumerate() {
        let wrong = [("from", &one.from), ("until", &one.until)].map(|(name, text)| {
            let wrong = minute_of_day(text).is_none_or(|minute| name == "from" && minute == 1440);
            if wrong {
                errors.add_with(format!("{at}/{index}/{name}"), FieldCode::InvalidTime, text);
            }
            wrong
        });
        match one.minutes() {
            _ if wrong.contains(&true) => {}
            None => errors.add(format!("{at}/{index}/until"), FieldCode::ConflictingFields),
            Some((from, until)) if taken.iter().any(|(a, b)| from < *b && *a < until) => {
                errors.add(format!("{at}/{index}/from"), FieldCode::ConflictingFields);
            }
            Some(interval) => taken.push(interval),
        }
    }
}

/// Minutes after midnight of `HH:MM`, up to `24:00`.
pub fn minute_of_day(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |part: &str| (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<i64>().ok()).flatten();
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (minutes < 60 && (hours < 24 || (hours, minutes) == (24, 0))).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(from: &str, until: &str) -> WorkingHours {
        WorkingHours { from: from.into(), until: until.into() }
    }

    #[test]
    fn the_minutes_of_a_day_are_read() {
        assert_eq!(minute_of_day("00:00"), Some(0));
        assert_eq!(minute_of_day("24:00"), Some(1440));
        for bad in ["24:01", "9:00", "09:60", "0900", "", "+9:00", "09:00:00", "٠٩:٠٠"] {
            assert_eq!(minute_of_day(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_fault_of_a_calendar_is_told_at_its_place() {
        let mut calendar = WorkingCalendar::default();
        calendar.weekly.monday = vec![hours("09:00", "12:00"), hours("11:00", "13:00"), hours("25:00", "26:00"), hours("15:00", "14:00")];
        let day = "2027-01-01".parse().unwrap();
        calendar.holidays = vec![Holiday { on: day, name: None }, Holiday { on: day, name: Some("x".repeat(201)) }];
        calendar.extra_days = vec![ExtraDay { on: day, hours: Vec::new(), name: None }];
        let mut errors = FieldErrors::default();
        let _ = calendar.checked("/c", &mut errors);
        let mut found: Vec<String> = errors.0.iter().map(|e| format!("{} {}", e.pointer, e.code)).collect();
        found.sort();
        assert_eq!(
            found,
            [
                "/c/extra_days/0/hours required",
                "/c/holidays/1/name too_long",
                "/c/holidays/1/on told_twice",
                "/c/weekly/monday/1/from conflicting_fields",
                "/c/weekly/monday/2/from invalid_time",
                "/c/weekly/monday/2/until invalid_time",
                "/c/weekly/monday/3/until conflicting_fields",
            ]
        );
    }

    #[test]
    fn a_calendar_is_kept_in_order_of_time() {
        let mut calendar = WorkingCalendar::default();
        calendar.weekly.monday = vec![hours("14:00", "18:00"), hours("09:00", "13:00")];
        let mut errors = FieldErrors::default();
        let calendar = calendar.checked("", &mut errors);
        assert!(errors.is_empty());
        assert_eq!(calendar.weekly.monday.first(), Some(&hours("09:00", "13:00")));
    }
}
