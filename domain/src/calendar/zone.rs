//! A zone described in the calendar itself, for programs that do not know it or know it wrongly: the yearly rule of each change of
//! clocks where there is one, else each change by itself.

use calcard::icalendar::{ICalendarComponent, ICalendarComponentType, ICalendarProperty};
use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{Offset, TimeZone as Zone},
};

use super::{add, civil, text};

/// So many years of changes are looked at.
const YEARS: i64 = 12;
const YEAR: i64 = 366 * 86_400;

/// One change of clocks.
struct Change {
    /// What clocks show when they are put, by the offset before.
    shown: DateTime,
    from: Offset,
    to: Offset,
    summer: bool,
    name: String,
}

impl Change {
    fn is_like(&self, other: &Self) -> bool {
        (self.from, self.to, self.summer, &self.name) == (other.from, other.to, other.summer, &other.name)
    }

    /// In which week of its month it is, from the beginning and from the end.
    fn weeks(&self) -> (i8, i8) {
        let day = self.shown.day();
        ((day - 1) / 7 + 1, -((self.shown.date().days_in_month() - day) / 7 + 1))
    }
}

/// Adds the zone to the calendar; `first` is the earliest time that is told in it.
pub(super) fn describe(name: &str, zone: &Zone, first: Timestamp, components: &mut Vec<ICalendarComponent>) {
    let mut described = ICalendarComponent::new(ICalendarComponentType::VTimezone);
    described.add_property(ICalendarProperty::Tzid, text(name));
    let place = add(components, 0, described);
    let changes = changes(zone, first);
    let mut told = vec![false; changes.len()];
    for (index, change) in changes.iter().enumerate() {
        if told.get(index) == Some(&true) {
            continue;
        }
        let alike: Vec<&Change> = changes.iter().filter(|other| other.is_like(change)).collect();
        let rule = yearly(&alike);
        if rule.is_some() {
            for (other, told) in changes.iter().zip(&mut told) {
                *told |= other.is_like(change);
            }
        }
        add(components, place, observance(change, rule.as_deref()));
    }
}

/// The change before the first time and those after it.
fn changes(zone: &Zone, first: Timestamp) -> Vec<Change> {
    let before = zone.preceding(first).next().map(|change| change.timestamp());
    let until = first.as_second().saturating_add(YEARS * YEAR);
    let after = zone.following(first).map(|change| change.timestamp()).take_while(|at| at.as_second() < until);
    let made = before.into_iter().chain(after).map(|at| {
        let info = zone.to_offset_info(at);
        let from = Timestamp::from_second(at.as_second() - 1).map_or(info.offset(), |earlier| zone.to_offset(earlier));
        Change { shown: from.to_datetime(at), from, to: info.offset(), summer: info.dst().is_dst(), name: info.abbreviation().to_owned() }
    });
    let made: Vec<Change> = made.collect();
    if !made.is_empty() {
        return made;
    }
    // clocks that were never put
    let info = zone.to_offset_info(first);
    let (offset, name) = (info.offset(), info.abbreviation().to_owned());
    vec![Change { shown: DateTime::constant(1970, 1, 1, 0, 0, 0, 0), from: offset, to: offset, summer: false, name }]
}

/// The rule of changes that come once a year on the same weekday of the same week, until the end of what was looked at.
fn yearly(alike: &[&Change]) -> Option<String> {
    const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    let (first, rest) = alike.split_first()?;
    if i64::try_from(rest.len()).ok()? < YEARS - 2 {
        return None;
    }
    for (year, change) in (first.shown.year()..).zip(alike) {
        let same = (change.shown.time(), change.shown.month(), change.shown.weekday())
            == (first.shown.time(), first.shown.month(), first.shown.weekday());
        if !same || change.shown.year() != year {
            return None;
        }
    }
    let (from_start, from_end) = first.weeks();
    let week = if alike.iter().all(|change| change.weeks().1 == from_end) {
        from_end
    } else if alike.iter().all(|change| change.weeks().0 == from_start) {
        from_start
    } else {
        return None;
    };
    let day = DAYS.get(usize::try_from(first.shown.weekday().to_monday_zero_offset()).ok()?)?;
    Some(format!("FREQ=YEARLY;BYMONTH={};BYDAY={week}{day}", first.shown.month()))
}

fn observance(change: &Change, rule: Option<&str>) -> ICalendarComponent {
    let kind = if change.summer { ICalendarComponentType::Daylight } else { ICalendarComponentType::Standard };
    let mut observance = ICalendarComponent::new(kind);
    observance.add_property(ICalendarProperty::Dtstart, text(&civil(change.shown)));
    observance.add_property(ICalendarProperty::Tzoffsetfrom, text(&offset(change.from)));
    observance.add_property(ICalendarProperty::Tzoffsetto, text(&offset(change.to)));
    observance.add_property(ICalendarProperty::Tzname, text(&change.name));
    if let Some(rule) = rule {
        observance.add_property(ICalendarProperty::Rrule, text(rule));
    }
    observance
}

fn offset(offset: Offset) -> String {
    let seconds = offset.seconds();
    let (sign, all) = (if seconds < 0 { '-' } else { '+' }, seconds.abs());
    let minutes = format!("{sign}{:02}{:02}", all / 3600, all / 60 % 60);
    if all % 60 == 0 { minutes } else { format!("{minutes}{:02}", all % 60) }
}
