//! Positions sent by the mobile application: what of them is kept, and when they show that somebody left his meeting.

mod following;

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    communication::Coordinates,
    id::{CommunicationId, Id, UserId},
    invalid::{FieldCode, FieldErrors},
    list::{Archived, Cursor, Limit, ListParameters, Moment, PageRequest},
    record::CLOCKS_DIFFER,
    working_time::WorkingTime,
};

pub use following::{AWAY_FOR, FOLLOWED_FOR, Fix, leaving};

/// How late a position may come.
const LATEST: Duration = Duration::days(7);
/// For how long positions are kept.
pub const KEPT_FOR: Duration = Duration::days(30);

/// What somebody says of his positions being kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SayPositionConsent {
    /// Whether they may be kept.
    pub given: bool,
}

/// Whether somebody lets his positions be kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PositionConsent {
    /// Whether he does now.
    #[schema(required = true)]
    pub given: bool,
    /// When he said so last; null when he never did.
    #[schema(required = true)]
    pub given_at: Option<DateTime<Utc>>,
    /// When he took it back; null while it stands or was never given.
    #[schema(required = true)]
    pub withdrawn_at: Option<DateTime<Utc>>,
}

impl PositionConsent {
    /// What it becomes when he says so now; `None` when it is so already.
    pub fn said(&self, given: bool, now: DateTime<Utc>) -> Option<Self> {
        match (self.given, given) {
            (false, true) => Some(Self { given, given_at: Some(now), withdrawn_at: None }),
            (true, false) => Some(Self { given, given_at: self.given_at, withdrawn_at: Some(now) }),
            _ => None,
        }
    }
}

/// Where the person's phone was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPosition {
    /// When; at most a week ago. It counts to the second.
    pub at: DateTime<Utc>,
    /// Latitude, WGS 84 degrees.
    #[validate(range(min = -90.0, max = 90.0))]
    #[schema(minimum = -90, maximum = 90)]
    pub latitude: f64,
    /// Longitude, WGS 84 degrees.
    #[validate(range(min = -180.0, max = 180.0))]
    #[schema(minimum = -180, maximum = 180)]
    pub longitude: f64,
    /// How far off it may be, metres, as the phone tells.
    #[validate(range(min = 0.0, max = 1_000_000.0))]
    #[schema(minimum = 0, maximum = 1_000_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_m: Option<f64>,
}

/// Positions of the asker, in any order, late ones among them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPositions {
    /// The positions.
    #[validate(nested, length(max = 500))]
    #[schema(min_items = 1, max_items = 500)]
    pub positions: Vec<NewPosition>,
}

/// What became of positions that were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PositionsTaken {
    /// How many are kept.
    #[schema(required = true)]
    pub kept: i64,
    /// How many are not, since it was not working time where the person is.
    #[schema(required = true)]
    pub outside_working_hours: i64,
    /// How many are not, since they are from before the consent.
    #[schema(required = true)]
    pub before_consent: i64,
    /// How many were kept before: one a second.
    #[schema(required = true)]
    pub repeated: i64,
    /// Meetings that they show to have ended, or to have ended at another time than was known.
    #[schema(required = true, value_type = Vec<crate::id::AnyId>)]
    pub ended_meetings: Vec<CommunicationId>,
    /// Meetings that earlier positions had ended, and that these show to have gone on.
    #[schema(required = true, value_type = Vec<crate::id::AnyId>)]
    pub resumed_meetings: Vec<CommunicationId>,
}

impl PositionsTaken {
    /// What the audit is told: how many, never where.
    pub fn in_short(&self) -> String {
        let Self { kept, outside_working_hours, before_consent, repeated, .. } = self;
        format!("{kept} kept, {outside_working_hours} outside working hours, {before_consent} before the consent, {repeated} repeated")
    }
}

/// Marks ids of positions.
#[derive(Debug)]
pub struct PositionMark;
/// Id of a position.
pub type PositionId = Id<PositionMark>;

/// Where somebody was, as his phone told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KeptPosition {
    /// Identifier, UUID v7 made by the server.
    #[schema(required = true, value_type = crate::id::AnyId)]
    pub id: PositionId,
    /// Who.
    #[schema(required = true)]
    pub user_id: UserId,
    /// When.
    #[schema(required = true)]
    pub at: DateTime<Utc>,
    /// Latitude, WGS 84 degrees.
    #[schema(required = true)]
    pub latitude: f64,
    /// Longitude, WGS 84 degrees.
    #[schema(required = true)]
    pub longitude: f64,
    /// How far off it may be, metres; null where the phone did not tell.
    #[schema(required = true)]
    pub accuracy_m: Option<f64>,
    /// When it came to the server.
    #[schema(required = true)]
    pub created_at: DateTime<Utc>,
}

sorts! {
    /// Orders of positions.
    pub enum PositionSort { NewestFirst = "-at" => "at" down, OldestFirst = "at" => "at" up }
}

params! {
    /// Whose positions, and of when.
    pub struct ListPositions {
        /// Whose; one's own when absent. Somebody out of the asker's reach has none.
        user_id: UserId,
        /// At or after.
        after: Moment,
        /// Before.
        before: Moment,
        /// How many records a page holds, 1 to 200; 50 when absent.
        limit: Limit,
        /// Where to go on: the `next_cursor` of the page before, with the same sort and filters.
        cursor: Cursor,
        /// Order; `-` means descending. The id breaks ties.
        sort: PositionSort,
        /// Adds `total`, the count of all matching records.
        include_total: bool,
    }
}
impl ListParameters for ListPositions {
    type Sort = PositionSort;
    fn page(&self) -> PageRequest<PositionSort> {
        PageRequest {
            limit: self.limit.unwrap_or_default().get(),
            cursor: self.cursor.as_ref().map(|cursor| cursor.0.clone()),
            sort: self.sort.unwrap_or_default(),
            archived: Archived::Include,
            include_total: self.include_total.unwrap_or_default(),
        }
    }
}

impl NewPositions {
    /// The positions as they count, or every fault at once.
    pub fn checked(&self, now: DateTime<Utc>) -> Result<Vec<Fix>, FieldErrors> {
        let mut errors = FieldErrors::default();
        errors.absorb(self.validate());
        if self.positions.is_empty() {
            errors.add("/positions", FieldCode::TooShort);
        }
        let mut fixes = Vec::with_capacity(self.positions.len());
        for (index, position) in self.positions.iter().enumerate() {
            let place = |field: &str| format!("/positions/{index}/{field}");
            if position.at > now + CLOCKS_DIFFER {
                errors.add_with(place("at"), FieldCode::InTheFuture, position.at.to_rfc3339());
            } else if position.at < now - LATEST {
                errors.add_with(place("at"), FieldCode::InThePast, position.at.to_rfc3339());
            }
            // no number at all passes every comparison
            let numbers = [
                ("latitude", position.latitude),
                ("longitude", position.longitude),
                ("accuracy_m", position.accuracy_m.unwrap_or_default()),
            ];
            for (field, number) in numbers {
                if number.is_nan() {
                    errors.add(place(field), FieldCode::OutOfRange);
                }
            }
            fixes.push(Fix {
                // one a second is as much as anybody needs, and bounds what a day can bring
                at: position.at.trunc_subsecs(0),
                // one zero: -0.0 is not what every database answers
                coordinates: Coordinates { latitude: position.latitude + 0.0, longitude: position.longitude + 0.0 },
                accuracy_m: position.accuracy_m.map(|metres| metres + 0.0),
            });
        }
        errors.finish()?;
        Ok(fixes)
    }
}

/// Positions that may be kept, and how many may not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sifted {
    /// Those that may.
    pub fixes: Vec<Fix>,
    /// From before the consent.
    pub before_consent: i64,
    /// Of when nobody works.
    pub outside_working_hours: i64,
}

/// Keeps to the consent, which does not reach back, and to working time.
pub fn sift(fixes: Vec<Fix>, given_at: DateTime<Utc>, time: &WorkingTime) -> Sifted {
    let (since, mut sifted) = (given_at.trunc_subsecs(0), Sifted::default());
    for fix in fixes {
        if fix.at < since {
            sifted.before_consent += 1;
        } else if time.is_working(fix.at) {
            sifted.fixes.push(fix);
        } else {
            sifted.outside_working_hours += 1;
        }
    }
    sifted
}

/// Those of moments that are not known yet, each once, in the order of time; and how many were repeated.
pub fn unknown(fixes: Vec<Fix>, known: &BTreeSet<DateTime<Utc>>) -> (Vec<Fix>, i64) {
    let (mut seen, mut fresh, mut repeated) = (known.clone(), Vec::with_capacity(fixes.len()), 0);
    for fix in fixes {
        if seen.insert(fix.at) {
            fresh.push(fix);
        } else {
            repeated += 1;
        }
    }
    fresh.sort_by_key(|fix| fix.at);
    (fresh, repeated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::calendar::WorkingCalendar;

    fn now() -> DateTime<Utc> {
        // a Monday, one o'clock in Moscow
        "2026-11-23T10:00:00Z".parse().unwrap()
    }
    fn sent(at: DateTime<Utc>, latitude: f64, longitude: f64, accuracy_m: Option<f64>) -> NewPosition {
        NewPosition { at, latitude, longitude, accuracy_m }
    }
    fn minutes(minutes: i64) -> DateTime<Utc> {
        now() + Duration::minutes(minutes)
    }

    #[test]
    fn every_fault_is_told_at_its_place() {
        let batch = NewPositions {
            positions: vec![
                sent(now(), 0.0, 0.0, None),
                sent(minutes(11), 90.5, 0.0, None),
                sent(now() - Duration::days(8), 0.0, -180.5, Some(-1.0)),
                sent(now(), f64::NAN, 0.0, Some(f64::INFINITY)),
            ],
        };
        let mut named: Vec<_> = batch.checked(now()).unwrap_err().0.into_iter().map(|e| (e.pointer, e.code)).collect();
        named.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [
            ("/positions/1/at", FieldCode::InTheFuture),
            ("/positions/1/latitude", FieldCode::OutOfRange),
            ("/positions/2/accuracy_m", FieldCode::OutOfRange),
            ("/positions/2/at", FieldCode::InThePast),
            ("/positions/2/longitude", FieldCode::OutOfRange),
            ("/positions/3/accuracy_m", FieldCode::OutOfRange),
            ("/positions/3/latitude", FieldCode::OutOfRange),
        ];
        assert_eq!(named, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
        let many = NewPositions { positions: vec![sent(now(), 0.0, 0.0, None); 501] };
        assert_eq!(many.checked(now()).unwrap_err().0.first().map(|e| e.pointer.as_str()), Some("/positions"));
        assert_eq!(NewPositions::default().checked(now()).unwrap_err().0.first().map(|e| e.code), Some(FieldCode::TooShort));
    }

    #[test]
    fn what_is_just_allowed_is_allowed() {
        let edges = [sent(minutes(10), 90.0, 180.0, Some(0.0)), sent(now() - LATEST, -90.0, -180.0, Some(1_000_000.0))];
        assert_eq!(NewPositions { positions: edges.to_vec() }.checked(now()).unwrap().len(), 2);
    }

    #[test]
    fn consent_does_not_reach_back_and_working_time_is_that_of_the_person() {
        let (moscow, new_york) = ("Europe/Moscow", "America/New_York");
        let fixes: Vec<Fix> = [-30, -20, 0, 5 * 60].map(|m| Fix { at: minutes(m), coordinates: place(), accuracy_m: None }).to_vec();
        let given = minutes(-25);
        let sifted = sift(fixes.clone(), given, &WorkingTime::new(&WorkingCalendar::default(), moscow));
        assert_eq!((sifted.fixes.len(), sifted.before_consent, sifted.outside_working_hours), (2, 1, 1), "until six in the evening");
        let sifted = sift(fixes, given, &WorkingTime::new(&WorkingCalendar::default(), new_york));
        assert_eq!((sifted.fixes.len(), sifted.before_consent, sifted.outside_working_hours), (1, 1, 2), "from nine in the morning");
    }
    fn place() -> Coordinates {
        Coordinates { latitude: 55.75, longitude: 37.62 }
    }

    #[test]
    fn a_moment_is_kept_once_to_the_second() {
        let half = now() + Duration::milliseconds(500);
        let batch =
            NewPositions { positions: vec![sent(minutes(1), 1.0, 1.0, None), sent(half, 2.0, 2.0, None), sent(now(), 3.0, 3.0, None)] };
        let (fresh, repeated) = unknown(batch.checked(now()).unwrap(), &BTreeSet::new());
        assert_eq!((fresh.iter().map(|fix| fix.at).collect::<Vec<_>>(), repeated), (vec![now(), minutes(1)], 1));
        let known = fresh.iter().map(|fix| fix.at).collect();
        assert_eq!(unknown(fresh, &known), (Vec::new(), 2));
    }

    #[test]
    fn consent_is_given_and_taken_back() {
        let never = PositionConsent::default();
        assert_eq!(never.said(false, now()), None);
        let given = never.said(true, now()).unwrap();
        assert_eq!((given.given, given.given_at, given.withdrawn_at), (true, Some(now()), None));
        assert_eq!(given.said(true, minutes(1)), None, "it stands since it was given");
        let withdrawn = given.said(false, minutes(2)).unwrap();
        assert_eq!((withdrawn.given, withdrawn.given_at, withdrawn.withdrawn_at), (false, Some(now()), Some(minutes(2))));
        assert_eq!(withdrawn.said(true, minutes(3)).unwrap().given_at, Some(minutes(3)));
    }
}
