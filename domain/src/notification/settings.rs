//! What a person wants to be told, and how: channels by kind, hours of quiet, the morning digest.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{NotificationChannel as Channel, NotificationKind as Kind};
use crate::{
    invalid::{FieldCode, FieldErrors},
    working_time::WorkingTime,
    workspace::calendar::minute_of_day,
    zone,
};

macro_rules! routes {
    ($($(#[$fm:meta])* $field:ident = $kind:ident => [$($channel:ident),*]),* $(,)?) => {
        /// The channels of each kind of notification; a kind without any is not told.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct NotificationRoutes {
            $($(#[$fm])* #[schema(required = true, max_items = 10)] pub $field: Vec<Channel>,)*
        }
        impl Default for NotificationRoutes {
            fn default() -> Self {
                Self { $($field: vec![$(Channel::$channel),*],)* }
            }
        }
        impl NotificationRoutes {
            /// The channels of a kind.
            pub fn of(&self, kind: Kind) -> &[Channel] {
                match kind { $(Kind::$kind => &self.$field,)* }
            }
            fn all(&mut self) -> Vec<(&'static str, &mut Vec<Channel>)> {
                vec![$((stringify!($field), &mut self.$field)),*]
            }
        }
    };
}
routes! {
    /// A new enquiry, or one that was given to the person.
    lead_received = LeadReceived => [InApp, Email, Telegram],
    /// Nobody reacted to an enquiry.
    lead_untouched = LeadUntouched => [InApp, Email, Telegram],
    /// A task somebody else made or gave.
    task_assigned = TaskAssigned => [InApp],
    /// A task's reminder.
    task_reminder = TaskReminder => [InApp, Email, Telegram],
    /// A task's due time passed.
    task_overdue = TaskOverdue => [InApp, Telegram],
    /// A deal stays in its stage too long, or soon will.
    stage_limit = StageLimit => [InApp, Email],
    /// A deal was won.
    deal_won = DealWon => [InApp],
    /// A deal was lost.
    deal_lost = DealLost => [InApp],
    /// Somebody's work was handed over to the person.
    record_handed_over = RecordHandedOver => [InApp, Email],
    /// A client called and nobody answered.
    call_missed = CallMissed => [InApp, Telegram],
    /// What the day brings.
    digest = Digest => [InApp, Email, Telegram],
    /// An integration does not work.
    integration_alarm = IntegrationAlarm => [InApp, Email],
}

/// When nothing is sent, local time; what would be sent waits until the end. The list inside Kartoteka does not wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// First minute, `HH:MM`.
    #[validate(length(max = 5))]
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", max_length = 5)]
    pub from: String,
    /// The minute after the last, `HH:MM`; earlier than `from` it is the next day's.
    #[validate(length(max = 5))]
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", max_length = 5)]
    pub until: String,
}

/// What the day brings, on working days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DigestSettings {
    /// Whether it is wanted.
    #[schema(required = true)]
    pub enabled: bool,
    /// When, local time, `HH:MM`.
    #[validate(length(max = 5))]
    #[schema(required = true, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", max_length = 5)]
    pub time: String,
}
impl Default for DigestSettings {
    fn default() -> Self {
        Self { enabled: true, time: "08:30".to_owned() }
    }
}

/// So often channels may be named for a kind.
const MOST_NAMED: usize = 10;

/// How long before the end of a stage's time its deal is told of, at most: a week.
pub const MOST_AHEAD: i64 = 10_080;

/// What a person wants to be told, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NotificationSettings {
    /// The channels of each kind.
    #[schema(required = true)]
    pub routes: NotificationRoutes,
    /// When nothing is sent; null sends at any time.
    #[validate(nested)]
    #[schema(required = true)]
    pub quiet_hours: Option<QuietHours>,
    /// The morning digest.
    #[validate(nested)]
    #[schema(required = true)]
    pub digest: DigestSettings,
    /// Chat of the Telegram bot with the person: a number, or `@name` of a channel.
    #[validate(length(max = 64))]
    #[schema(required = true, max_length = 64, pattern = "^(-?[0-9]{1,20}|@[A-Za-z0-9_]{4,32})$")]
    pub telegram_chat_id: Option<String>,
    /// So many minutes before a deal has been in its stage for too long its owner is told; 0 tells it only then.
    #[validate(range(min = 0, max = 10_080))]
    #[schema(required = true, minimum = 0, maximum = 10_080)]
    pub stage_limit_ahead_minutes: i64,
}
impl Default for NotificationSettings {
    fn default() -> Self {
        Self {
            routes: NotificationRoutes::default(),
            quiet_hours: None,
            digest: DigestSettings::default(),
            telegram_chat_id: None,
            stage_limit_ahead_minutes: 1440,
        }
    }
}

words! {
    /// Why a channel does not work for a person.
    pub enum ChannelTrouble {
        /// The server has no settings for it.
        NotSetUp = "not_set_up",
        /// The person named no address there.
        NoAddress = "no_address",
        /// The person blocked the bot; saving the settings again tries anew.
        Blocked = "blocked",
    }
}

/// Whether a person can be told by a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelState {
    /// Which channel.
    #[schema(required = true)]
    pub channel: Channel,
    /// Whether it works for him.
    #[schema(required = true)]
    pub available: bool,
    /// Why not; null where it works.
    #[schema(required = true)]
    pub reason: Option<ChannelTrouble>,
}

/// A person's settings, and which channels they can use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationSetup {
    /// What he wants.
    #[schema(required = true)]
    pub settings: NotificationSettings,
    /// What can be used.
    #[schema(required = true)]
    pub channels: Vec<ChannelState>,
    /// Zone in which quiet hours and digest are meant.
    #[schema(required = true)]
    pub time_zone: String,
    /// When he changed them last; null while they are the usual ones.
    #[schema(required = true)]
    pub updated_at: Option<DateTime<Utc>>,
}

impl QuietHours {
    fn minutes(&self) -> Option<(i64, i64)> {
        Some((minute_of_day(&self.from)?, minute_of_day(&self.until)?))
    }
    /// Until when it is quiet; `None` when it is not.
    pub fn until(&self, now: DateTime<Utc>, time_zone: &str) -> Option<DateTime<Utc>> {
        let (from, until) = self.minutes()?;
        let (date, minute) = zone::local(now, time_zone);
        let ends = if from < until {
            (from..until).contains(&minute).then_some(date)?
        } else if minute >= from {
            date.succ_opt()?
        } else {
            (minute < until).then_some(date)?
        };
        // clocks that were put back may show an end that is over
        Some(zone::instant(ends, until, time_zone)).filter(|end| *end > now)
    }
}

impl DigestSettings {
    /// When the next digest is due; never on days off.
    pub fn next(&self, now: DateTime<Utc>, time_zone: &str, time: &WorkingTime) -> Option<DateTime<Utc>> {
        let minute = minute_of_day(&self.time).filter(|_| self.enabled)?;
        let (today, _) = zone::local(now, time_zone);
        let works = |date: &NaiveDate| time.works_on(*date);
        today.iter_days().take(400).filter(works).map(|date| zone::instant(date, minute, time_zone)).find(|at| *at > now)
    }
}

impl NotificationSettings {
    /// The settings as they are kept; every fault is told at once.
    pub fn checked(mut self) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        errors.absorb(self.validate());
        for (kind, channels) in self.routes.all() {
            if channels.len() > MOST_NAMED {
                errors.add_with(format!("/routes/{kind}"), FieldCode::TooLong, MOST_NAMED.to_string());
            }
            channels.sort_unstable();
            channels.dedup();
        }
        if let Some(quiet) = &self.quiet_hours {
            for (name, time) in [("from", &quiet.from), ("until", &quiet.until)] {
                if minute_of_day(time).is_none_or(|minute| minute == 1440) {
                    errors.add_with(format!("/quiet_hours/{name}"), FieldCode::InvalidTime, time);
                }
            }
            if quiet.from == quiet.until {
                errors.add("/quiet_hours/until", FieldCode::ConflictingFields);
            }
        }
        if minute_of_day(&self.digest.time).is_none_or(|minute| minute == 1440) {
            errors.add_with("/digest/time", FieldCode::InvalidTime, &self.digest.time);
        }
        if let Some(chat) = self.telegram_chat_id.as_deref().filter(|chat| !is_chat(chat)) {
            errors.add_with("/telegram_chat_id", FieldCode::InvalidValue, chat);
        }
        errors.finish()?;
        Ok(self)
    }
}

/// A chat as the bot's interface names it: a number, or `@name`.
fn is_chat(text: &str) -> bool {
    if let Some(name) = text.strip_prefix('@') {
        return (4..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    (1..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::calendar::WorkingCalendar;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }
    fn quiet(from: &str, until: &str) -> QuietHours {
        QuietHours { from: from.into(), until: until.into() }
    }

    #[test]
    fn quiet_hours_end_in_the_morning_of_the_person_s_zone() {
        let night = quiet("22:00", "08:00");
        // 21:30 and 22:30 in Kyiv, then half past two there
        assert_eq!(night.until(at("2026-11-22T19:30:00Z"), "Europe/Kyiv"), None);
        assert_eq!(night.until(at("2026-11-22T20:30:00Z"), "Europe/Kyiv"), Some(at("2026-11-23T06:00:00Z")));
        assert_eq!(night.until(at("2026-11-23T00:30:00Z"), "Europe/Kyiv"), Some(at("2026-11-23T06:00:00Z")));
        assert_eq!(night.until(at("2026-11-23T06:00:00Z"), "Europe/Kyiv"), None);
        let noon = quiet("13:00", "14:00");
        assert_eq!(noon.until(at("2026-11-23T13:59:00Z"), "UTC"), Some(at("2026-11-23T14:00:00Z")));
    }

    #[test]
    fn a_digest_comes_on_working_days_at_local_time() {
        let (digest, time) = (DigestSettings::default(), WorkingTime::new(&WorkingCalendar::default(), "Europe/Moscow"));
        // a Sunday: the next one is on Monday, half past eight in Moscow
        assert_eq!(digest.next(at("2026-11-22T10:00:00Z"), "Europe/Moscow", &time), Some(at("2026-11-23T05:30:00Z")));
        assert_eq!(digest.next(at("2026-11-23T05:30:00Z"), "Europe/Moscow", &time), Some(at("2026-11-24T05:30:00Z")));
        assert_eq!(digest.next(at("2026-11-27T06:00:00Z"), "Europe/Moscow", &time), Some(at("2026-11-30T05:30:00Z")));
        assert_eq!(DigestSettings { enabled: false, ..digest }.next(at("2026-11-23T00:00:00Z"), "UTC", &time), None);
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        let wrong = NotificationSettings {
            quiet_hours: Some(quiet("25:00", "8:00")),
            digest: DigestSettings { enabled: true, time: "24:00".into() },
            telegram_chat_id: Some(String::new()),
            stage_limit_ahead_minutes: -1,
            ..NotificationSettings::default()
        };
        let mut named: Vec<_> = wrong.checked().unwrap_err().0.into_iter().map(|e| e.pointer).collect();
        named.sort();
        let expected = ["/digest/time", "/quiet_hours/from", "/quiet_hours/until", "/stage_limit_ahead_minutes", "/telegram_chat_id"];
        assert_eq!(named, expected);
        for chat in ["Anna", " 1", "1 ", "-", "@a"] {
            let bad = NotificationSettings { telegram_chat_id: Some(chat.into()), ..NotificationSettings::default() };
            assert!(bad.checked().is_err(), "{chat}");
        }
        for chat in ["123456789", "-1001234567890", "@kartoteka_bot"] {
            let good = NotificationSettings { telegram_chat_id: Some(chat.into()), ..NotificationSettings::default() };
            assert!(good.checked().is_ok(), "{chat}");
        }
        let mut often = NotificationSettings::default();
        often.routes.digest = vec![Channel::Email; 11];
        assert_eq!(often.checked().unwrap_err().0.first().map(|e| e.pointer.as_str()), Some("/routes/digest"));
        assert!(NotificationSettings { quiet_hours: Some(quiet("08:00", "08:00")), ..NotificationSettings::default() }.checked().is_err());
    }

    #[test]
    fn a_channel_named_twice_is_one() {
        let mut settings = NotificationSettings::default();
        settings.routes.digest = vec![Channel::Telegram, Channel::InApp, Channel::Telegram];
        assert_eq!(settings.checked().unwrap().routes.digest, [Channel::InApp, Channel::Telegram]);
    }

    proptest! {
        /// Whenever somebody is not to be disturbed, the end lies ahead, within a day and an hour, and it is not quiet then.
        #[test]
        fn quiet_hours_end(second in 1_700_000_000_i64..1_900_000_000, from in 0_i64..1440, until in 0_i64..1440, zone in 0_usize..4) {
            prop_assume!(from != until);
            let zone = ["UTC", "Europe/Kyiv", "America/St_Johns", "Australia/Lord_Howe"][zone];
            let text = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
            let hours = quiet(&text(from), &text(until));
            let now = DateTime::from_timestamp(second, 0).unwrap();
            if let Some(end) = hours.until(now, zone) {
                prop_assert!(end > now && end - now <= chrono::Duration::hours(25));
            }
        }

        /// The next digest lies ahead, and the one after it on another day.
        #[test]
        fn digests_go_on(second in 1_700_000_000_i64..1_900_000_000, zone in 0_usize..3) {
            let zone = ["UTC", "Europe/Kyiv", "Asia/Kolkata"][zone];
            let (digest, time) = (DigestSettings::default(), WorkingTime::new(&WorkingCalendar::default(), zone));
            let now = DateTime::from_timestamp(second, 0).unwrap();
            let first = digest.next(now, zone, &time).unwrap();
            let second = digest.next(first, zone, &time).unwrap();
            prop_assert!(first > now && second - first >= chrono::Duration::hours(23));
        }
    }
}
