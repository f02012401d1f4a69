//! Birthdays and other dates of cards: all-day events that come every year.

use calcard::icalendar::{
    ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarParameter, ICalendarParameterName, ICalendarProperty,
    ICalendarValue,
};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::{text, timestamp, utc};
use crate::contact::Anniversary;

/// So many cards with dates a calendar shows, those whose day comes soonest.
pub const MOST_CARDS: usize = 500;
/// Of at most so many.
pub const MOST_LOOKED_AT: i64 = 10_000;

/// The dates of a card.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct CardDates {
    /// When the person was born.
    #[serde(default)]
    pub birthday: Option<NaiveDate>,
    /// Other dates; null where they are hidden.
    #[serde(default)]
    pub dates: Option<Vec<Anniversary>>,
}

impl CardDates {
    fn others(&self) -> &[Anniversary] {
        self.dates.as_deref().unwrap_or_default()
    }
}

/// A card as its reader may see it.
#[derive(Debug, Clone, Deserialize)]
pub struct DatedCard {
    id: Uuid,
    display_name: String,
    version: i64,
    updated_at: DateTime<Utc>,
    #[serde(flatten)]
    dates: CardDates,
}

/// When a day comes next: born on 29 February one celebrates on the last day of that month.
fn next(on: NaiveDate, today: NaiveDate) -> NaiveDate {
    if on >= today {
        return on;
    }
    let of = |year| on.with_year(year).or_else(|| NaiveDate::from_ymd_opt(year, 2, 28));
    of(today.year()).filter(|day| *day >= today).or_else(|| of(today.year() + 1)).unwrap_or(on)
}

/// The cards whose days come soonest, the soonest first.
pub fn soonest(cards: Vec<(Uuid, CardDates)>, today: NaiveDate) -> Vec<Uuid> {
    let mut days: Vec<(NaiveDate, Uuid)> = cards
        .into_iter()
        .filter_map(|(id, card)| {
            let days = card.birthday.into_iter().chain(card.others().iter().map(|date| date.on));
            Some((days.map(|day| next(day, today)).min()?, id))
        })
        .collect();
    days.sort_unstable();
    days.truncate(MOST_CARDS);
    days.into_iter().map(|(_, id)| id).collect()
}

/// The events of a card; `birthday` is the word for one.
pub(super) fn events(card: &DatedCard, birthday: &str) -> Vec<ICalendarComponent> {
    let born = card.dates.birthday.map(|on| ("birthday".to_owned(), birthday, on));
    let others = card.dates.others().iter().enumerate().map(|(place, date)| (format!("date{place}"), date.label.as_str(), date.on));
    born.into_iter().chain(others).map(|(part, what, on)| event(card, &part, what, on)).collect()
}

fn event(card: &DatedCard, part: &str, what: &str, on: NaiveDate) -> ICalendarComponent {
    let mut event = ICalendarComponent::new(ICalendarComponentType::VEvent);
    event.add_property(ICalendarProperty::Uid, text(&format!("{}-{part}@kartoteka", card.id)));
    if let Some(changed) = timestamp(card.updated_at) {
        event.add_property(ICalendarProperty::Dtstamp, text(&utc(changed)));
        event.add_property(ICalendarProperty::LastModified, text(&utc(changed)));
    }
    event.add_property(ICalendarProperty::Sequence, ICalendarValue::Integer(card.version));
    let date = ICalendarParameter::new(ICalendarParameterName::Value, "DATE".to_owned());
    event.entries.push(ICalendarEntry::new(ICalendarProperty::Dtstart).with_param(date).with_value(text(&on.format("%Y%m%d").to_string())));
    let leap = on.month() == 2 && on.day() == 29;
    event.add_property(ICalendarProperty::Rrule, text(if leap { "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1" } else { "FREQ=YEARLY" }));
    event.add_property(ICalendarProperty::Summary, text(&format!("{what}: {}", card.display_name)));
    event.add_property(ICalendarProperty::Transp, text("TRANSPARENT"));
    event
}

/// The word for a birthday in a language, English where it is not known.
pub fn birthday_word(language: &str) -> &'static str {
    match language {
        "ru" => "День рождения",
        "uk" => "День народження",
        _ => "Birthday",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_comes_next_this_year_or_the_next() {
        let today = day("2026-11-22");
        for (on, comes) in [
            ("1990-11-22", "2026-11-22"),
            ("1990-11-21", "2027-11-21"),
            ("1990-12-31", "2026-12-31"),
            ("1992-02-29", "2027-02-28"),
            ("2030-01-01", "2030-01-01"),
        ] {
            assert_eq!(next(day(on), today), day(comes), "{on}");
        }
        assert_eq!(next(day("1992-02-29"), day("2028-02-29")), day("2028-02-29"));
    }

    #[test]
    fn the_soonest_come_first_and_no_more_than_a_calendar_holds() {
        let card = |number: u32, on: &str| (Uuid::from_u128(number.into()), CardDates { birthday: Some(day(on)), dates: None });
        let cards = vec![card(1, "1990-11-21"), card(2, "1990-11-23"), card(3, "1990-12-01"), (Uuid::max(), CardDates::default())];
        let ids: Vec<u128> = soonest(cards, day("2026-11-22")).iter().map(Uuid::as_u128).collect();
        assert_eq!(ids, [2, 3, 1]);
        let many = (0..2000).map(|number| card(number, "1990-06-01")).collect();
        assert_eq!(soonest(many, day("2026-11-22")).len(), MOST_CARDS);
    }

    #[test]
    fn events_last_all_day_come_every_year_and_take_no_time() {
        let card = serde_json::json!({
            "id": Uuid::nil(), "display_name": "Анна; Ахматова", "version": 3, "updated_at": "2026-11-22T10:00:00Z", "birthday": "1992-02-29",
            "dates": [{"label": "Свадьба", "on": "2010-06-01"}], "phones": [],
        });
        let card: DatedCard = serde_json::from_value(card).unwrap();
        let written = super::super::write("x", "UTC", "ru", &[], &[card]).replace("\r\n ", "");
        for line in [
            "UID:00000000-0000-0000-0000-000000000000-birthday@kartoteka",
            "DTSTART;VALUE=DATE:19920229",
            "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1",
            r"SUMMARY:День рождения: Анна\; Ахматова",
            "DTSTART;VALUE=DATE:20100601",
            "RRULE:FREQ=YEARLY",
            r"SUMMARY:Свадьба: Анна\; Ахматова",
            "TRANSP:TRANSPARENT",
            "SEQUENCE:3",
            "DTSTAMP:20261122T100000Z",
        ] {
            assert!(written.lines().any(|known| known == line), "{line} in {written}");
        }
    }
}
