use proptest::prelude::*;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn next(rule: &str, start: &str, zone: &str, most: usize) -> Vec<String> {
    let start = at(start);
    let before = start - chrono::Duration::seconds(1);
    let found = Rule::parse(rule).unwrap().occurrences(start, zone, before, most);
    found.into_iter().map(|at| at.format("%m-%dT%H:%M").to_string()).collect()
}

#[test]
fn a_rule_that_cannot_be_meant_is_refused_with_its_part() {
    for (rule, part) in [
        ("", ""),
        ("daily", "DAILY"),
        ("INTERVAL=2", "FREQ"),
        ("FREQ=HOURLY", "FREQ=HOURLY"),
        ("FREQ=SECONDLY;COUNT=1", "FREQ=SECONDLY"),
        ("FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY"),
        ("FREQ=DAILY;BYHOUR=9", "BYHOUR=9"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0"),
        ("FREQ=DAILY;INTERVAL=1e2", "INTERVAL=1E2"),
        ("FREQ=MONTHLY;BYMONTHDAY=257", "BYMONTHDAY=257"),
        ("FREQ=WEEKLY;BYDAY=2MO", "BYDAY=2MO"),
        ("FREQ=WEEKLY;BYDAY=", "BYDAY="),
        ("FREQ=MONTHLY;BYDAY=54MO", "BYDAY=54MO"),
        ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS=1"),
        ("FREQ=DAILY;UNTIL=2027-01-01", "UNTIL=2027-01-01"),
        ("FREQ=DAILY;UNTIL=20270231", "UNTIL=20270231"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101", "COUNT, UNTIL"),
        ("FREQ=DAILY;X=1", "X=1"),
        ("FREQ=DAILY;", ""),
    ] {
        assert_eq!(Rule::parse(rule).unwrap_err(), part, "{rule}");
    }
    assert!(Rule::parse(&format!("FREQ=YEARLY;BYYEARDAY={}", "1,".repeat(300))).is_err());
    assert_eq!(Rule::parse(" rrule:freq=weekly;byday=mo ").unwrap().text(), "FREQ=WEEKLY;BYDAY=MO");
}

#[test]
fn the_usual_rules_come_round() {
    let moscow = "Europe/Moscow";
    let from = "2026-11-23T06:00:00Z";
    assert_eq!(next("FREQ=DAILY;INTERVAL=2", from, moscow, 3), ["11-23T06:00", "11-25T06:00", "11-27T06:00"]);
    assert_eq!(next("FREQ=WEEKLY;BYDAY=MO,TH;COUNT=3", from, moscow, 9), ["11-23T06:00", "11-26T06:00", "11-30T06:00"]);
    // a Wednesday that no part of the rule names is the first of the five all the same
    let odd = next("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;WKST=SU;COUNT=5", "2026-11-25T06:00:00Z", moscow, 9);
    assert_eq!(odd, ["11-27T06:00", "12-07T06:00", "12-11T06:00", "12-21T06:00"]);
    assert_eq!(next("FREQ=MONTHLY;BYDAY=-1FR", from, moscow, 2), ["11-27T06:00", "12-25T06:00"]);
    assert_eq!(next("FREQ=MONTHLY", "2026-08-31T06:00:00Z", moscow, 3), ["08-31T06:00", "10-31T06:00", "12-31T06:00"]);
    assert_eq!(next("FREQ=DAILY;UNTIL=20261124", from, moscow, 9), ["11-23T06:00", "11-24T06:00"]);
    assert_eq!(next("FREQ=DAILY;UNTIL=20261124T055959Z", from, moscow, 9), ["11-23T06:00"]);
    assert_eq!(next("FREQ=DAILY;UNTIL=20261124T090000", from, moscow, 9), ["11-23T06:00", "11-24T06:00"]);
    assert!(next("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", from, moscow, 1).is_empty(), "there is no such day");
}

#[test]
fn nine_o_clock_stays_nine_o_clock_when_clocks_are_put() {
    assert_eq!(next("FREQ=DAILY", "2026-10-24T06:00:00Z", "Europe/Kyiv", 3), ["10-24T06:00", "10-25T07:00", "10-26T07:00"]);
    assert_eq!(next("FREQ=WEEKLY", "2026-03-01T14:00:00Z", "America/New_York", 3), ["03-01T14:00", "03-08T13:00", "03-15T13:00"]);
    // half past two is skipped on the eighth, shown twice in autumn
    assert_eq!(next("FREQ=DAILY", "2026-03-07T07:30:00Z", "America/New_York", 3), ["03-07T07:30", "03-08T07:30", "03-09T06:30"]);
    assert_eq!(next("FREQ=DAILY", "2026-10-31T05:30:00Z", "America/New_York", 3), ["10-31T05:30", "11-01T05:30", "11-02T06:30"]);
}

#[test]
fn what_comes_after_a_moment_is_found_years_later_too() {
    let rule = Rule::parse("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU").unwrap();
    let found = rule.occurrences(at("2020-01-07T09:00:00Z"), "UTC", at("2026-11-22T10:00:00Z"), 2);
    assert_eq!(found, [at("2026-12-01T09:00:00Z"), at("2026-12-15T09:00:00Z")]);
}

#[test]
fn a_calendar_is_told_what_is_left() {
    let start = at("2026-11-23T06:00:00Z");
    let from = |rule: &str, days: i64| Rule::parse(rule).unwrap().from(start, "Europe/Moscow", start + chrono::Duration::days(days));
    assert_eq!(from("FREQ=DAILY;COUNT=5;INTERVAL=1", 0), "FREQ=DAILY;INTERVAL=1;COUNT=5");
    assert_eq!(from("FREQ=DAILY;COUNT=5", 3), "FREQ=DAILY;COUNT=2");
    assert_eq!(from("FREQ=DAILY;UNTIL=20261201", 3), "FREQ=DAILY;UNTIL=20261201T205959Z");
    assert_eq!(from("FREQ=DAILY;UNTIL=20261201T090000", 3), "FREQ=DAILY;UNTIL=20261201T060000Z");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_taken_is_reckoned(
        frequency in 0..4_usize, interval in 1..60_u32, day in 0..7_usize, month in 1..13_u32, monthday in -31..32_i32, position in -5..6_i32,
        pick in 0..16_u32, minutes in 0..3_000_000_i64
    ) {
        let mut rule = format!("FREQ={};INTERVAL={interval}", ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"][frequency]);
        if pick & 1 > 0 { rule.push_str(&format!(";BYDAY={}", ["MO", "TU", "WE", "TH", "FR", "SA", "SU"][day])); }
        if pick & 2 > 0 { rule.push_str(&format!(";BYMONTH={month}")); }
        if pick & 4 > 0 && frequency != 1 && monthday != 0 { rule.push_str(&format!(";BYMONTHDAY={monthday}")); }
        if pick & 9 == 9 && position != 0 { rule.push_str(&format!(";BYSETPOS={position}")); }
        let rule = Rule::parse(&rule).unwrap();
        let start = at("2026-01-01T00:00:00Z") + chrono::Duration::minutes(minutes);
        let found = rule.occurrences(start, "America/New_York", start, 5);
        prop_assert!(found.iter().all(|at| *at > start));
        prop_assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
        // a series goes on from any of its times as it would have gone on
        let zone = Zone::get("America/New_York").unwrap();
        let clock = |at| shown(at, &zone).unwrap().time();
        if let Some(second) = found.first() && interval == 1 && clock(*second) == clock(start) {
            let on = rule.occurrences(*second, "America/New_York", *second, 3);
            prop_assert_eq!(&on[..on.len().min(found.len() - 1)], &found[1..found.len().min(on.len() + 1)]);
        }
    }
}
