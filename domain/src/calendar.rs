//! A person's tasks and the dates of his clients as a calendar (RFC 5545) that programs subscribe to by a secret link. Each task is an event of half an hour:
//! Google and Outlook do not show the format's own to-dos.

pub mod days;
mod zone;

use std::collections::BTreeMap;

use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarParameter, ICalendarParameterName, ICalendarProperty,
    ICalendarStatus, ICalendarValue,
};
use chrono::{DateTime, Utc};
use jiff::{Timestamp, Zoned, civil, tz::TimeZone as Zone};
use serde::Serialize;
use utoipa::ToSchema;

use self::days::DatedCard;
use crate::task::{Priority, Task};

/// How long the event of a task is.
const MINUTES: i64 = 30;
/// So many days back a calendar reaches.
pub const DAYS_BACK: i64 = 30;
/// So many days ahead it reaches.
pub const DAYS_AHEAD: i64 = 400;
/// So many tasks it holds.
pub const MOST_TASKS: i64 = 2000;

/// A link to one's calendar: whoever has it reads the calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CalendarLink {
    /// The address to subscribe to; shown once.
    #[schema(required = true)]
    pub url: String,
    /// When it was made.
    #[schema(required = true)]
    pub created_at: DateTime<Utc>,
}

/// Whether there is a link to one's calendar.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct CalendarLinkState {
    /// Whether there is one.
    #[schema(required = true)]
    pub active: bool,
    /// When it was made.
    #[schema(required = true)]
    pub created_at: Option<DateTime<Utc>>,
    /// When somebody read the calendar last, exact to a minute.
    #[schema(required = true)]
    pub read_at: Option<DateTime<Utc>>,
}

impl CalendarLink {
    /// The address of a secret.
    pub fn new(base: &str, secret: &str, created_at: DateTime<Utc>) -> Self {
        Self { url: format!("{}/public/v1/calendars/{secret}.ics", base.trim_end_matches('/')), created_at }
    }
}

/// The calendar's text. `home` is the zone of tasks that name none; tasks without a due time are left out.
pub fn write(name: &str, home: &str, language: &str, tasks: &[Task], cards: &[DatedCard]) -> String {
    let mut calendar = ICalendarComponent::new(ICalendarComponentType::VCalendar);
    for (property, value) in [
        (ICalendarProperty::Version, "2.0"),
        (ICalendarProperty::Prodid, "-//Kartoteka//Tasks//EN"),
        (ICalendarProperty::Calscale, "GREGORIAN"),
        (ICalendarProperty::Method, "PUBLISH"),
        (other("X-WR-CALNAME"), name),
        (other("X-WR-TIMEZONE"), home),
        (other("X-PUBLISHED-TTL"), "PT1H"),
    ] {
        calendar.add_property(property, text(value));
    }
    let hourly = ICalendarParameter::new(ICalendarParameterName::Value, "DURATION".to_owned());
    calendar.add_property_with_params(other("REFRESH-INTERVAL"), [hourly], text("PT1H"));

    let timed = || tasks.iter().filter_map(|task| Some((task, timestamp(task.due_at?)?)));
    let mut zones: BTreeMap<&str, (Zone, Timestamp)> = BTreeMap::new();
    for (task, due) in timed() {
        let zone = zone_of(task, home);
        match zones.get_mut(zone) {
            Some((_, first)) => *first = due.min(*first),
            None => drop(zones.insert(zone, (Zone::get(zone).unwrap_or(Zone::UTC), due))),
        }
    }
    let mut components = vec![calendar];
    for (name, (zone, first)) in zones.iter().filter(|(_, (zone, _))| *zone != Zone::UTC) {
        zone::describe(name, zone, *first, &mut components);
    }
    for (task, due) in timed() {
        let name = zone_of(task, home);
        if let Some((zone, _)) = zones.get(name) {
            let event = event(task, due, name, zone);
            add(&mut components, 0, event);
        }
    }
    for event in cards.iter().flat_map(|card| days::events(card, days::birthday_word(language))) {
        add(&mut components, 0, event);
    }
    let mut written = String::new();
    // writing into memory does not fail
    let _ = ICalendar { components }.write_to(&mut written);
    written
}

fn zone_of<'a>(task: &'a Task, home: &'a str) -> &'a str {
    task.time_zone.as_deref().unwrap_or(home)
}

fn event(task: &Task, due: Timestamp, name: &str, zone: &Zone) -> ICalendarComponent {
    let mut event = ICalendarComponent::new(ICalendarComponentType::VEvent);
    event.add_property(ICalendarProperty::Uid, text(&format!("{}@kartoteka", task.id)));
    event.add_property(ICalendarProperty::Dtstamp, text(&utc(timestamp(task.updated_at).unwrap_or(due))));
    event.add_property(ICalendarProperty::Created, text(&utc(timestamp(task.created_at).unwrap_or(due))));
    event.add_property(ICalendarProperty::LastModified, text(&utc(timestamp(task.updated_at).unwrap_or(due))));
    event.add_property(ICalendarProperty::Sequence, ICalendarValue::Integer(task.version));
    event.entries.push(moment(ICalendarProperty::Dtstart, due, name, zone));
    let end = due.checked_add(jiff::SignedDuration::from_mins(MINUTES)).unwrap_or(due);
    event.entries.push(moment(ICalendarProperty::Dtend, end, name, zone));
    if let Some(rule) = task.rule_from_here() {
        event.add_property(ICalendarProperty::Rrule, text(&rule));
    }
    event.add_property(ICalendarProperty::Summary, text(&task.title));
    if let Some(description) = &task.description {
        event.add_property(ICalendarProperty::Description, text(description));
    }
    let priority = match task.priority {
        Priority::High => 1,
        Priority::Normal => 5,
        Priority::Low => 9,
    };
    event.add_property(ICalendarProperty::Priority, ICalendarValue::Integer(priority));
    event.add_property(ICalendarProperty::Status, ICalendarValue::Status(ICalendarStatus::Confirmed));
    event
}

/// A time as the clocks of its zone show it; in UTC where that would mean another one.
fn moment(property: ICalendarProperty, at: Timestamp, name: &str, zone: &Zone) -> ICalendarEntry {
    let shown = at.to_zoned(zone.clone()).datetime();
    let whole = Timestamp::from_second(at.as_second()).unwrap_or(at);
    let meant = zone.to_zoned(shown).map(|zoned: Zoned| zoned.timestamp().as_second());
    let entry = ICalendarEntry::new(property);
    if *zone == Zone::UTC || meant.ok() != Some(whole.as_second()) {
        return entry.with_value(text(&utc(at)));
    }
    entry.with_param(ICalendarParameter::new(ICalendarParameterName::Tzid, name.to_owned())).with_value(text(&civil(shown)))
}

fn timestamp(at: DateTime<Utc>) -> Option<Timestamp> {
    Timestamp::from_microsecond(at.timestamp_micros()).ok()
}

fn utc(at: Timestamp) -> String {
    format!("{}Z", civil(at.to_zoned(Zone::UTC).datetime()))
}

fn civil(at: civil::DateTime) -> String {
    format!("{:04}{:02}{:02}T{:02}{:02}{:02}", at.year(), at.month(), at.day(), at.hour(), at.minute(), at.second())
}

fn other(name: &str) -> ICalendarProperty {
    ICalendarProperty::Other(name.to_owned())
}

fn text(value: &str) -> ICalendarValue {
    ICalendarValue::Text(value.to_owned())
}

/// Puts a component into another one.
fn add(components: &mut Vec<ICalendarComponent>, into: usize, component: ICalendarComponent) -> usize {
    let place = components.len();
    if let (Some(parent), Ok(id)) = (components.get_mut(into), u32::try_from(place)) {
        parent.component_ids.push(id);
        components.push(component);
    }
    place
}

#[cfg(test)]
mod tests;
