"""The calendar as another program reads it: every task at its own moment, also around the changes of clocks, by the zones that the
calendar describes itself and by those the program knows.

Needs KARTOTEKA_URL and KARTOTEKA_DEMO (what `kartoteka demo --json` printed).
"""

import itertools
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import requests
from dateutil.rrule import rrulestr

URL = os.environ["KARTOTEKA_URL"]
DEMO = json.loads(Path(os.environ["KARTOTEKA_DEMO"]).read_text(encoding="utf-8"))
ZONES = ["Europe/Moscow", "Europe/Kyiv", "America/New_York"]
TITLE = "Встреча; «Ромашка», 2-й этаж \\ вход с торца, " + "спросить Анну Сергеевну " * 6


def person() -> requests.Session:
    manager = next(user for user in DEMO["users"] if user["role"] == "manager")
    signed = requests.post(f"{URL}/v1/auth/token", json={"email": manager["email"], "password": manager["password"]}, timeout=30)
    signed.raise_for_status()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {signed.json()['access_token']}"
    return session


def moments(zone: ZoneInfo) -> list[datetime]:
    """Around every change of clocks within a year, or around any midnight where there is none."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [hour + timedelta(hours=n) for n in range(24, 24 * 380)]
    changes = [at for at in hours if at.astimezone(zone).utcoffset() != (at - timedelta(hours=1)).astimezone(zone).utcoffset()]
    offsets = (-26, -2, -1, -0.5, 0, 0.5, 1, 2, 22)
    return [at + timedelta(hours=by) for at in changes or hours[:1] for by in offsets]


def recurs(event: icalendar.Event, name: str, told: list[str]) -> None:
    """The rule of a recurring task, reckoned by another program, comes to the times the server tells."""
    begin = event["DTSTART"].dt.replace(tzinfo=None)
    rule = rrulestr(event["RRULE"].to_ical().decode(), dtstart=begin)
    reckoned = [at.replace(tzinfo=ZoneInfo(name)).astimezone(UTC) for at in itertools.islice(rule, len(told))]
    assert reckoned == [datetime.fromisoformat(at) for at in told], f"{name}: {reckoned} is not {told}"


def main() -> None:
    session = person()
    wanted: dict[str, tuple[str, datetime]] = {}
    for name in ZONES:
        for at in moments(ZoneInfo(name)):
            new = {"title": TITLE.strip(), "description": "первая строка\nвторая; третья", "due_at": at.isoformat(), "time_zone": name}
            made = session.post(f"{URL}/v1/tasks", json=new, timeout=30)
            assert made.status_code == 201, made.text
            wanted[made.json()["id"]] = (name, at)
    series: dict[str, tuple[str, list[str]]] = {}
    for name in ZONES:
        nine = (datetime.now(ZoneInfo(name)) + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
        new = {"title": "Планёрка", "due_at": nine.astimezone(UTC).isoformat(), "time_zone": name, "recurrence": "FREQ=DAILY;INTERVAL=3;COUNT=200"}
        made = session.post(f"{URL}/v1/tasks", json=new, timeout=30).json()
        told = session.get(f"{URL}/v1/tasks/{made['id']}/occurrences?limit=100", timeout=30).json()["occurrences"]
        assert len(told) == 100, told
        series[made["id"]] = (name, told)
    link = session.post(f"{URL}/v1/me/calendar-link", timeout=30).json()["url"]
    feed = requests.get(URL + link[link.index("/public/") :], timeout=30)
    assert feed.status_code == 200 and feed.headers["content-type"] == "text/calendar; charset=utf-8", feed.text
    physical = feed.content.split(b"\r\n")
    assert all(len(line) <= 75 for line in physical), "a line of more than 75 octets"
    assert not any(b"\n" in line or b"\r" in line for line in physical), "a line that does not end in CRLF"

    calendar = icalendar.Calendar.from_ical(feed.content)
    described = {str(zone["TZID"]): zone.to_tz(lookup_tzid=False) for zone in calendar.walk("VTIMEZONE")}
    assert set(ZONES) <= set(described), described
    found = 0
    for event in calendar.walk("VEVENT"):
        task = str(event["UID"]).removesuffix("@kartoteka")
        if task in series:
            recurs(event, *series.pop(task))
        if task not in wanted:
            continue
        name, at = wanted[task]
        start, end = event["DTSTART"].dt, event["DTEND"].dt
        assert start.astimezone(UTC) == at, f"{name}: {at} is read as {start}"
        assert end.astimezone(UTC) == at + timedelta(minutes=30), f"{name}: {at} ends at {end}"
        if "TZID" in event["DTSTART"].params:
            own = start.replace(tzinfo=described[name])
            assert own.astimezone(UTC) == at, f"{name}: by the zone that is described {at} is read as {own}"
        assert str(event["SUMMARY"]) == TITLE.strip(), event["SUMMARY"]
        assert str(event["DESCRIPTION"]) == "первая строка\nвторая; третья", event["DESCRIPTION"]
        assert event["SEQUENCE"] == 1 and event["STATUS"] == "CONFIRMED" and event["DTSTAMP"].dt.tzinfo is not None
        found += 1
    assert not series, f"without their rule: {series}"
    assert found == len(wanted), f"{found} of {len(wanted)} tasks are in the calendar"
    print(f"calendar: {found} tasks in {len(ZONES)} zones are read at their moments by icalendar {icalendar.__version__}")


main()
