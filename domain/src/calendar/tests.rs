use uuid::Uuid;

use super::*;
use crate::{
    actor::ActorRef,
    id::UserId,
    record::{Birth, Made, Making},
    task::NewTask,
};

fn task(due: &str, zone: Option<&str>, title: &str) -> Task {
    let birth = Birth { id: Uuid::from_u128(7), at: "2026-11-22T10:00:00.123456Z".parse().unwrap(), by: ActorRef::system() };
    let making = Making { birth: &birth, workspace: None, fresh_id: &Uuid::nil, asker: Some(UserId::new(Uuid::nil())) };
    let new = NewTask { title: Some(title.into()), due_at: due.parse().ok(), time_zone: zone.map(Into::into), ..NewTask::default() };
    Task::make(&new, None, &making).unwrap()
}

fn unfolded(text: &str) -> Vec<String> {
    text.replace("\r\n ", "").split("\r\n").map(ToOwned::to_owned).collect()
}

#[test]
fn lines_are_folded_at_75_octets_end_in_crlf_and_are_escaped() {
    let long = format!("Позвонить; \"Ромашка\", а потом\\или нет {}", "й".repeat(200));
    let written = write("Ольга, Ромашка", "Europe/Moscow", "ru", &[task("2026-11-23T09:00:00Z", None, &long)], &[]);
    assert!(written.ends_with("END:VCALENDAR\r\n"));
    assert!(!written.replace("\r\n", "").contains(['\r', '\n']));
    assert!(written.split("\r\n").all(|line| line.len() <= 75));
    let lines = unfolded(&written);
    assert!(lines.contains(&r"X-WR-CALNAME:Ольга\, Ромашка".to_owned()));
    assert!(lines.iter().any(|line| line.starts_with(r#"SUMMARY:Позвонить\; "Ромашка"\, а потом\\или нет й"#)), "{lines:#?}");
    assert!(lines.contains(&"DTSTART;TZID=Europe/Moscow:20261123T120000".to_owned()));
    assert!(lines.contains(&"DTEND;TZID=Europe/Moscow:20261123T123000".to_owned()));
    assert!(lines.contains(&"SEQUENCE:1".to_owned()) && lines.contains(&"DTSTAMP:20261122T100000Z".to_owned()));
    assert!(lines.contains(&"STATUS:CONFIRMED".to_owned()));
}

#[test]
fn a_zone_tells_the_yearly_rule_of_its_changes() {
    let kyiv = unfolded(&write("x", "Europe/Kyiv", "ru", &[task("2026-11-23T09:00:00Z", None, "x")], &[]));
    assert!(kyiv.contains(&"RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU".to_owned()), "{kyiv:#?}");
    assert!(kyiv.contains(&"RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU".to_owned()));
    assert!(kyiv.contains(&"TZOFFSETTO:+0300".to_owned()) && kyiv.contains(&"TZNAME:EEST".to_owned()));
    let york = unfolded(&write("x", "America/New_York", "ru", &[task("2026-11-23T09:00:00Z", None, "x")], &[]));
    assert!(york.contains(&"RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU".to_owned()), "{york:#?}");
    assert!(york.contains(&"RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU".to_owned()));
    let moscow = unfolded(&write("x", "Europe/Moscow", "ru", &[task("2026-11-23T09:00:00Z", None, "x")], &[]));
    assert_eq!(moscow.iter().filter(|line| *line == "BEGIN:STANDARD").count(), 1, "{moscow:#?}");
    assert!(!moscow.iter().any(|line| line.starts_with("RRULE")));
}

#[test]
fn a_time_that_clocks_show_twice_is_told_in_utc() {
    let first = unfolded(&write("x", "Europe/Kyiv", "ru", &[task("2026-10-25T00:30:00Z", None, "x")], &[]));
    assert!(first.contains(&"DTSTART;TZID=Europe/Kyiv:20261025T033000".to_owned()), "{first:#?}");
    let again = unfolded(&write("x", "Europe/Kyiv", "ru", &[task("2026-10-25T01:30:00Z", None, "x")], &[]));
    assert!(again.contains(&"DTSTART:20261025T013000Z".to_owned()), "{again:#?}");
}

#[test]
fn every_task_is_told_in_its_own_zone() {
    let tasks = [
        task("2026-11-23T09:00:00Z", Some("Asia/Omsk"), "а"),
        task("2026-11-23T09:00:00Z", None, "б"),
        task("2026-11-23T09:00:00Z", Some("UTC"), "в"),
    ];
    let lines = unfolded(&write("x", "Europe/Moscow", "ru", &tasks, &[]));
    for line in ["DTSTART;TZID=Asia/Omsk:20261123T150000", "DTSTART;TZID=Europe/Moscow:20261123T120000", "DTSTART:20261123T090000Z"] {
        assert!(lines.contains(&line.to_owned()), "{line} in {lines:#?}");
    }
    assert_eq!(lines.iter().filter(|line| *line == "BEGIN:VTIMEZONE").count(), 2);
}

#[test]
fn the_zone_s_casablanca_rule_is_told_change_by_change() {
    let lines = unfolded(&write("x", "Africa/Casablanca", "ru", &[task("2026-11-23T09:00:00Z", None, "x")], &[]));
    assert!(lines.iter().filter(|line| *line == "BEGIN:STANDARD" || *line == "BEGIN:DAYLIGHT").count() >= 1, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.starts_with("RRULE")));
}
