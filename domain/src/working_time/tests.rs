use proptest::prelude::*;

use super::*;
use crate::workspace::calendar::{ExtraDay, Holiday};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn hours(from: &str, until: &str) -> WorkingHours {
    WorkingHours { from: from.into(), until: until.into() }
}

fn plain(zone: &str) -> WorkingTime {
    WorkingTime::new(&WorkingCalendar::default(), zone)
}

/// Around the clock, but for two hours of the night, which a change of clocks falls into.
fn nightly() -> WorkingCalendar {
    let mut calendar = WorkingCalendar::default();
    let all = vec![hours("00:00", "01:30"), hours("02:15", "24:00")];
    calendar.weekly.saturday.clone_from(&all);
    calendar.weekly.sunday = all;
    calendar
}

#[test]
fn a_weekend_is_no_working_time() {
    let moscow = plain("Europe/Moscow");
    // Friday 17:00 to Monday 10:00
    assert_eq!(moscow.seconds_between(at("2026-11-20T14:00:00Z"), at("2026-11-23T07:00:00Z")), 2 * 3600);
    assert_eq!(moscow.after(at("2026-11-20T14:00:00Z"), 2 * 3600), Some(at("2026-11-23T07:00:00Z")));
    assert_eq!(moscow.next(at("2026-11-21T12:00:00Z")), Some(at("2026-11-23T06:00:00Z")));
    assert!(!moscow.is_working(at("2026-11-20T15:00:00Z")), "six o'clock is over");
    assert!(moscow.is_working(at("2026-11-20T14:59:59.999999Z")));
}

#[test]
fn holidays_are_off_and_extra_days_are_worked() {
    let mut calendar = WorkingCalendar::default();
    calendar.holidays.push(Holiday { on: "2026-11-23".parse().unwrap(), name: None });
    calendar.extra_days.push(ExtraDay { on: "2026-11-22".parse().unwrap(), hours: vec![hours("10:00", "12:00")], name: None });
    let kyiv = WorkingTime::new(&calendar, "Europe/Kyiv");
    assert_eq!(kyiv.seconds_between(at("2026-11-20T16:00:00Z"), at("2026-11-24T08:00:00Z")), 2 * 3600 + 3600);
    assert_eq!(kyiv.next(at("2026-11-22T10:00:00Z")), Some(at("2026-11-24T07:00:00Z")));
    // a day that is both is worked
    calendar.extra_days.push(ExtraDay { on: "2026-11-23".parse().unwrap(), hours: vec![hours("10:00", "11:00")], name: None });
    assert!(WorkingTime::new(&calendar, "Europe/Kyiv").is_working(at("2026-11-23T08:30:00Z")));
}

#[test]
fn work_begins_anew_on_the_next_working_day() {
    let moscow = plain("Europe/Moscow");
    assert_eq!(moscow.morning(at("2026-11-20T03:00:00Z"), 1), Some(at("2026-11-23T06:00:00Z")), "this morning is not the next one");
    assert_eq!(moscow.morning(at("2026-11-22T03:00:00Z"), 2), Some(at("2026-11-24T06:00:00Z")));
    // 23:30 in New York is another day than in Greenwich
    assert_eq!(plain("America/New_York").morning(at("2026-11-24T04:30:00Z"), 1), Some(at("2026-11-24T14:00:00Z")));
}

#[test]
fn the_hour_that_is_skipped_is_nobody_s_and_the_one_shown_twice_counts_twice() {
    let night = WorkingTime::new(&nightly(), "America/New_York");
    // clocks go from 02:00 to 03:00: worked are 00:00–01:30 and 03:00–24:00
    assert_eq!(night.seconds_between(at("2026-03-08T05:00:00Z"), at("2026-03-09T04:00:00Z")), (90 + 21 * 60) * 60);
    // clocks go from 02:00 back to 01:00: 00:00–01:30, 01:00–01:30 again, 02:15–24:00
    assert_eq!(night.seconds_between(at("2026-11-01T04:00:00Z"), at("2026-11-02T05:00:00Z")), (90 + 30 + 21 * 60 + 45) * 60);
}

#[test]
fn where_nobody_works_nothing_ever_passes() {
    let mut calendar = WorkingCalendar::default();
    calendar.weekly.days_mut().into_iter().for_each(Vec::clear);
    let never = WorkingTime::new(&calendar, "Asia/Almaty");
    let now = at("2026-11-22T10:00:00Z");
    assert_eq!((never.after(now, 1), never.next(now), never.morning(now, 1)), (None, None, None));
    assert_eq!(never.seconds_between(now, at("2030-01-01T00:00:00Z")), 0);
    assert_eq!(never.after(now, 0), Some(now));
}

/// What the wall clock shows is looked at minute by minute.
fn naive(calendar: &WorkingCalendar, zone: &str, from: DateTime<Utc>, until: DateTime<Utc>) -> i64 {
    let zone = Zone::get(zone).unwrap();
    (from.timestamp() / 60..until.timestamp() / 60)
        .filter(|minute| {
            let local = Timestamp::from_second(minute * 60).unwrap().to_zoned(zone.clone()).datetime();
            let date: NaiveDate = local.date().to_string().parse().unwrap();
            let week = calendar.weekly.days();
            let weekday = usize::try_from(local.weekday().to_monday_zero_offset()).unwrap();
            let hours: &[WorkingHours] = match calendar.extra_days.iter().find(|day| day.on == date) {
                Some(extra) => &extra.hours,
                None if calendar.holidays.iter().any(|day| day.on == date) => &[],
                None => week[weekday].1,
            };
            let now = i64::from(local.hour()) * 60 + i64::from(local.minute());
            hours.iter().filter_map(WorkingHours::minutes).any(|(from, until)| (from..until).contains(&now))
        })
        .count()
        .try_into()
        .unwrap()
}

const ZONES: [&str; 6] = ["Europe/Moscow", "Europe/Kyiv", "America/New_York", "Africa/Casablanca", "Australia/Lord_Howe", "UTC"];

prop_compose! {
    fn interval()(from in 0_i64..1439, length in 1_i64..600) -> WorkingHours {
        let text = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
        WorkingHours { from: text(from), until: text((from + length).min(1440)) }
    }
}

prop_compose! {
    fn calendar()(week in proptest::collection::vec(interval(), 7), off in 0_i64..20, extra in 0_i64..20, more in interval()) -> WorkingCalendar {
        let mut calendar = WorkingCalendar::default();
        for (day, hours) in calendar.weekly.days_mut().into_iter().zip(week) {
            *day = vec![hours];
        }
        let date = |days| NaiveDate::from_ymd_opt(2026, 10, 20).unwrap() + chrono::Duration::days(days);
        calendar.holidays.push(Holiday { on: date(off), name: None });
        calendar.extra_days.push(ExtraDay { on: date(extra), hours: vec![more], name: None });
        calendar
    }
}

// beginnings around the changes of clocks in spring and autumn
prop_compose! {
    fn beginning()(season in 0..3_usize, minutes in 0_i64..30_000) -> DateTime<Utc> {
        at(["2026-10-20T00:00:00Z", "2026-03-01T00:00:00Z", "2027-03-20T00:00:00Z"][season]) + chrono::Duration::minutes(minutes)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_counts_like_somebody_who_looks_at_the_clock_every_minute(
        calendar in calendar(), zone in 0..ZONES.len(), from in beginning(), minutes in 0_i64..6000
    ) {
        let until = from + chrono::Duration::minutes(minutes);
        let counted = WorkingTime::new(&calendar, ZONES[zone]).seconds_between(from, until);
        prop_assert_eq!(counted, naive(&calendar, ZONES[zone], from, until) * 60);
    }

    #[test]
    fn it_adds_up(calendar in calendar(), zone in 0..ZONES.len(), from in beginning(), a in 0_i64..900_000_000_000, b in 0_i64..900_000_000_000) {
        let time = WorkingTime::new(&calendar, ZONES[zone]);
        let (middle, end) = (from + chrono::Duration::microseconds(a), from + chrono::Duration::microseconds(a + b));
        prop_assert_eq!(time.micros_between(from, middle) + time.micros_between(middle, end), time.micros_between(from, end));
    }

    #[test]
    fn what_has_passed_after_so_much_is_so_much(calendar in calendar(), zone in 0..ZONES.len(), from in beginning(), seconds in 0_i64..500_000) {
        let time = WorkingTime::new(&calendar, ZONES[zone]);
        let end = time.after(from, seconds).unwrap();
        prop_assert_eq!(time.seconds_between(from, end), seconds);
        // not a moment later than needed
        if seconds > 0 {
            prop_assert!(time.micros_between(from, end - chrono::Duration::microseconds(1)) < seconds * MICROS);
        }
    }

    #[test]
    fn the_next_working_moment_is_the_first(calendar in calendar(), zone in 0..ZONES.len(), from in beginning()) {
        let time = WorkingTime::new(&calendar, ZONES[zone]);
        let next = time.next(from).unwrap();
        prop_assert!(next >= from && time.is_working(next));
        prop_assert_eq!(time.micros_between(from, next), 0);
    }
}
