//! What a rule may say. Stricter than the library that reckons it, which cuts numbers that are too large.

use chrono::{NaiveDate, NaiveDateTime};

use super::{LONGEST, Rule, Until};

const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// Reads a rule; the error is the part that is wrong.
pub(super) fn parse(text: &str) -> Result<Rule, String> {
    let text = text.trim().to_ascii_uppercase();
    let text = text.strip_prefix("RRULE:").unwrap_or(&text);
    if text.is_empty() || text.len() > LONGEST || !text.is_ascii() {
        return Err(text.to_owned());
    }
    let mut parts: Vec<(&str, &str)> = Vec::new();
    for part in text.split(';') {
        let (name, value) = part.split_once('=').ok_or_else(|| part.to_owned())?;
        if parts.iter().any(|(known, _)| *known == name) {
            return Err(part.to_owned());
        }
        parts.push((name, value));
    }
    let value = |name: &str| parts.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let frequency = value("FREQ").ok_or_else(|| "FREQ".to_owned())?;
    let (mut count, mut until) = (None, None);
    for (name, given) in &parts {
        let fits = match *name {
            "FREQ" => ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"].contains(given),
            "INTERVAL" => within(given, 1, 1000),
            "COUNT" => {
                count = given.parse().ok();
                within(given, 1, 10_000)
            }
            "UNTIL" => {
                until = read_until(given);
                until.is_some()
            }
            "BYMONTH" => given.split(',').all(|one| within(one, 1, 12)),
            "BYMONTHDAY" => frequency != "WEEKLY" && given.split(',').all(|one| from_either_end(one, 31)),
            "BYYEARDAY" => frequency == "YEARLY" && given.split(',').all(|one| from_either_end(one, 366)),
            "BYWEEKNO" => frequency == "YEARLY" && given.split(',').all(|one| from_either_end(one, 53)),
            "BYDAY" => {
                let numbered = matches!(frequency, "MONTHLY" | "YEARLY") && value("BYWEEKNO").is_none();
                given.split(',').all(|one| is_day(one, numbered))
            }
            // one of the times the other parts name
            "BYSETPOS" => {
                parts.iter().any(|(other, _)| other.starts_with("BY") && other != name)
                    && given.split(',').all(|one| from_either_end(one, 366))
            }
            "WKST" => DAYS.contains(given),
            // the time of day is that of the first one
            _ => false,
        };
        if !fits {
            return Err(format!("{name}={given}"));
        }
    }
    if count.is_some() && until.is_some() {
        return Err("COUNT, UNTIL".to_owned());
    }
    let endless: Vec<String> =
        parts.iter().filter(|(name, _)| !["COUNT", "UNTIL"].contains(name)).map(|(name, value)| format!("{name}={value}")).collect();
    Ok(Rule { text: text.to_owned(), endless: endless.join(";"), count, until })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit())
}

fn within(text: &str, first: u32, last: u32) -> bool {
    is_number(text) && text.parse().is_ok_and(|number| (first..=last).contains(&number))
}

/// `1` is the first, `-1` the last.
fn from_either_end(text: &str, last: u32) -> bool {
    within(text.strip_prefix(['+', '-']).unwrap_or(text), 1, last)
}

/// `MO`, `2MO`, `-1FR`.
fn is_day(text: &str, numbered: bool) -> bool {
    let Some((number, day)) = text.len().checked_sub(2).and_then(|at| text.split_at_checked(at)) else { return false };
    DAYS.contains(&day) && (number.is_empty() || numbered && from_either_end(number, 53))
}

fn read_until(text: &str) -> Option<Until> {
    if text.len() == 8 {
        return is_digits(text).then(|| NaiveDate::parse_from_str(text, "%Y%m%d").ok()).flatten().map(Until::Date);
    }
    let (date, time) = text.split_once('T')?;
    let clock = time.strip_suffix('Z').unwrap_or(time);
    if date.len() != 8 || clock.len() != 6 || !is_digits(date) || !is_digits(clock) {
        return None;
    }
    let at = NaiveDateTime::parse_from_str(&format!("{date}T{clock}"), "%Y%m%dT%H%M%S").ok()?;
    Some(if time.ends_with('Z') { Until::Instant(at.and_utc()) } else { Until::Local(at) })
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}
