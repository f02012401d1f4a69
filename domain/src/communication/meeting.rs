//! Being there: where somebody was at the beginning and at the end of a meeting, held against the plan.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{Channel, Communication, CommunicationStatus, Coordinates, NextMeeting};
use crate::{
    id::CommunicationOutcomeId,
    invalid::{FieldCode, FieldErrors, line},
    record::CLOCKS_DIFFER,
    task::NewTask,
};

/// Mean radius of the Earth, metres.
const EARTH: f64 = 6_371_008.8;

/// How far from the plan somebody may be, metres, unless the workspace says otherwise.
pub const USUAL_RADIUS: i64 = 300;

/// Where somebody is now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Where on the globe.
    #[validate(nested)]
    #[schema(required = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coordinates: Option<Coordinates>,
    /// When; now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// What came of the meeting: told when leaving it.
    #[validate(length(max = 500))]
    #[schema(max_length = 500)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// What came of it, of the workspace's list; what it demands of the meeting's other fields is told by a change before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome_id: Option<CommunicationOutcomeId>,
    /// The next step that comes with another outcome of the list.
    #[validate(nested)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_task: Option<NewTask>,
    /// The next meeting that comes with another outcome of the list.
    #[validate(nested)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_meeting: Option<NextMeeting>,
}

/// Where somebody was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Presence {
    /// When.
    #[schema(required = true)]
    pub at: DateTime<Utc>,
    /// Where on the globe.
    #[schema(required = true)]
    pub coordinates: Coordinates,
    /// How far from the planned place, metres; null where no place was planned.
    #[schema(required = true)]
    pub distance_m: Option<i64>,
    /// Whether positions of the mobile application told it, instead of the person.
    #[schema(required = true)]
    #[serde(default)]
    pub by_positions: bool,
}

impl Presence {
    /// Somebody was here at this time.
    pub(crate) fn of(plan: Option<&Coordinates>, coordinates: Coordinates, at: DateTime<Utc>) -> Self {
        let distance_m = plan.map(|plan| whole_metres(distance_m(plan, &coordinates)));
        Self { at, coordinates, distance_m, by_positions: false }
    }
}

/// How far from the plan a meeting was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaceMismatch {
    /// Metres from the planned place.
    #[schema(required = true)]
    pub distance_m: i64,
    /// Metres that were allowed.
    #[schema(required = true)]
    pub radius_m: i64,
}

/// Why somebody cannot check in or out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PresenceRefused {
    /// Faults of what was sent.
    Invalid(FieldErrors),
    /// It is no meeting.
    NotAMeeting,
    /// He did so already.
    AlreadyThere,
    /// He is not there yet.
    NotThereYet,
}

/// Metres between two places along the surface, by the haversine formula.
pub fn distance_m(one: &Coordinates, other: &Coordinates) -> f64 {
    let (a, b) = (one.latitude.to_radians(), other.latitude.to_radians());
    let (latitude, longitude) = ((b - a) / 2.0, (other.longitude - one.longitude).to_radians() / 2.0);
    let chord = latitude.sin().powi(2) + a.cos() * b.cos() * longitude.sin().powi(2);
    // rounding may lead past the antipodes
    2.0 * EARTH * chord.clamp(0.0, 1.0).sqrt().asin()
}

#[expect(clippy::cast_possible_truncation, reason = "half the way round the Earth fits")]
fn whole_metres(distance: f64) -> i64 {
    distance.round() as i64
}

impl Position {
    fn checked(
        &self,
        of: &Communication,
        earliest: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(Coordinates, DateTime<Utc>), FieldErrors> {
        let mut errors = FieldErrors::default();
        errors.absorb(self.validate());
        let at = errors.time("/at", self.at).unwrap_or(now);
        if at > now + CLOCKS_DIFFER {
            errors.add_with("/at", FieldCode::InTheFuture, at.to_rfc3339());
        }
        if earliest.is_some_and(|earliest| at < earliest) {
            errors.add_with("/at", FieldCode::InThePast, at.to_rfc3339());
        }
        of.check_steps(self.outcome_id.or(of.outcome_id), self.next_task.is_some(), self.next_meeting.as_ref(), now, &mut errors);
        match &self.coordinates {
            None => errors.add("/coordinates", FieldCode::Required),
            // no number at all passes every comparison
            Some(c) if c.latitude.is_nan() || c.longitude.is_nan() => errors.add("/coordinates", FieldCode::OutOfRange),
            Some(_) => {}
        }
        errors.finish()?;
        let Some(c) = &self.coordinates else { return Err(FieldErrors::one("/coordinates", FieldCode::Required)) };
        // one zero: -0.0 is not what every database answers
        Ok((Coordinates { latitude: c.latitude + 0.0, longitude: c.longitude + 0.0 }, at))
    }
}

impl Communication {
    fn meeting(&self) -> Result<(), PresenceRefused> {
        if self.channel == Channel::Meeting { Ok(()) } else { Err(PresenceRefused::NotAMeeting) }
    }

    /// Somebody was here at this time: how far from the plan, and whether that is too far.
    fn present(mut self, coordinates: Coordinates, at: DateTime<Utc>, radius_m: i64) -> (Self, Presence) {
        let presence = Presence::of(self.planned_coordinates.as_ref(), coordinates, at);
        if let Some(distance_m) = presence.distance_m {
            let fits = distance_m <= radius_m;
            self.place_matches = Some(fits && self.place_matches != Some(false));
            if !fits && self.place_mismatch.is_none() {
                self.place_mismatch = Some(PlaceMismatch { distance_m, radius_m });
            }
        }
        (self, presence)
    }

    /// The meeting begins: it takes place here and now, whatever was planned.
    pub fn check_in(&self, position: &Position, radius_m: i64, now: DateTime<Utc>) -> Result<Self, PresenceRefused> {
        let (coordinates, at) = position.checked(self, None, now).map_err(PresenceRefused::Invalid)?;
        self.meeting()?;
        if self.check_in.is_some() {
            return Err(PresenceRefused::AlreadyThere);
        }
        let (begun, presence) = self.clone().present(coordinates.clone(), at, radius_m);
        Ok(Self {
            status: CommunicationStatus::Done,
            occurred_at: at,
            duration_seconds: None,
            coordinates: Some(coordinates),
            // the plan's words are no longer where it is, when it is elsewhere
            place: if begun.place_matches == Some(false) { None } else { begun.place.clone() },
            check_in: Some(presence),
            outcome: line(position.outcome.as_deref()).or_else(|| begun.outcome.clone()),
            outcome_id: position.outcome_id.or(begun.outcome_id),
            ..begun
        })
    }

    /// The meeting ends: it lasted from the check-in until now.
    pub fn check_out(&self, position: &Position, radius_m: i64, now: DateTime<Utc>) -> Result<Self, PresenceRefused> {
        let earliest = self.check_in.as_ref().map(|begun| begun.at);
        let (coordinates, at) = position.checked(self, earliest, now).map_err(PresenceRefused::Invalid)?;
        self.meeting()?;
        let Some(begun) = &self.check_in else { return Err(PresenceRefused::NotThereYet) };
        if self.check_out.is_some() {
            return Err(PresenceRefused::AlreadyThere);
        }
        let duration = (at - begun.at).num_seconds();
        if duration > 604_800 {
            return Err(PresenceRefused::Invalid(FieldErrors::one("/at", FieldCode::InTheFuture)));
        }
        let (ended, presence) = self.clone().present(coordinates, at, radius_m);
        let outcome = line(position.outcome.as_deref()).or_else(|| ended.outcome.clone());
        let outcome_id = position.outcome_id.or(ended.outcome_id);
        Ok(Self { duration_seconds: Some(duration), check_out: Some(presence), outcome, outcome_id, ..ended })
    }

    /// Held against the plan where nobody checked in: by where it is said to have taken place.
    #[must_use]
    pub fn held_against_the_plan(self, radius_m: i64) -> Self {
        if self.check_in.is_some() {
            return self;
        }
        let fresh = Self { place_matches: None, place_mismatch: None, ..self };
        match (fresh.status, fresh.coordinates.clone()) {
            (CommunicationStatus::Done, Some(coordinates)) => {
                let at = fresh.occurred_at;
                fresh.present(coordinates, at, radius_m).0
            }
            _ => fresh,
        }
    }
}

/// What the head of somebody who met elsewhere is asked to look at.
pub fn mismatch_title(language: &str) -> &'static str {
    match language.get(..2) {
        Some("ru") => "Встреча не в запланированном месте",
        Some("uk") => "Зустріч не в запланованому місці",
        _ => "Meeting away from the planned place",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actor::ActorRef,
        communication::{Direction, NewCommunication},
        id::ContactId,
        record::{Birth, Made, Making},
    };
    use chrono::Duration;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn place(latitude: f64, longitude: f64) -> Coordinates {
        Coordinates { latitude, longitude }
    }
    fn now() -> DateTime<Utc> {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }
    fn here(latitude: f64, longitude: f64) -> Position {
        Position { coordinates: Some(place(latitude, longitude)), ..Position::default() }
    }
    fn meeting(plan: Option<Coordinates>) -> Communication {
        let birth = Birth { id: Uuid::from_u128(7), at: now(), by: ActorRef::system() };
        let making = Making { birth: &birth, workspace: None, fresh_id: &Uuid::nil, asker: None };
        let input = NewCommunication {
            channel: Some(Channel::Meeting),
            direction: Some(Direction::Outbound),
            status: Some(CommunicationStatus::Planned),
            contact_id: Some(ContactId::new(Uuid::nil())),
            coordinates: plan,
            place: Some("офис клиента".into()),
            ..NewCommunication::default()
        };
        Communication::make(&input, None, &making).unwrap()
    }

    #[test]
    fn distances_are_those_of_the_globe() {
        // Moscow to Saint Petersburg, to the antipodes, over the date line
        assert!((distance_m(&place(55.7558, 37.6173), &place(59.9343, 30.3351)) - 634_000.0).abs() < 2_000.0);
        assert!((distance_m(&place(0.0, 0.0), &place(0.0, 180.0)) - std::f64::consts::PI * EARTH).abs() < 1.0);
        assert!(distance_m(&place(0.0, 179.999), &place(0.0, -179.999)) < 250.0);
        assert!(distance_m(&place(90.0, 0.0), &place(90.0, 120.0)) < 0.001);
    }

    proptest! {
        #[test]
        fn a_distance_is_one(a in -90.0..90.0_f64, b in -180.0..180.0_f64, c in -90.0..90.0_f64, d in -180.0..180.0_f64) {
            let (one, other) = (place(a, b), place(c, d));
            let distance = distance_m(&one, &other);
            prop_assert!((0.0..=std::f64::consts::PI * EARTH + 1.0).contains(&distance));
            prop_assert!((distance - distance_m(&other, &one)).abs() < 1e-3);
            prop_assert!(distance_m(&one, &one) < 1e-3);
        }
    }

    #[test]
    fn a_meeting_where_it_was_planned_matches_and_lasts_from_check_in_to_check_out() {
        let begun = meeting(Some(place(55.75, 37.62))).check_in(&here(55.7505, 37.6205), 300, now()).unwrap();
        assert_eq!((begun.place_matches, &begun.place_mismatch, begun.status), (Some(true), &None, CommunicationStatus::Done));
        assert_eq!(begun.place.as_deref(), Some("офис клиента"));
        let ended = begun.check_out(&here(55.75, 37.62), 300, now() + Duration::minutes(40)).unwrap();
        assert_eq!((ended.duration_seconds, ended.occurred_at), (Some(2400), now()));
        assert_eq!(ended.check_out(&here(0.0, 0.0), 300, now()), Err(PresenceRefused::AlreadyThere));
        assert_eq!(ended.check_in(&here(0.0, 0.0), 300, now()), Err(PresenceRefused::AlreadyThere));
    }

    #[test]
    fn a_meeting_elsewhere_is_noted_with_the_distance_and_the_first_one_stays() {
        let begun = meeting(Some(place(55.75, 37.62))).check_in(&here(55.76, 37.62), 300, now()).unwrap();
        assert_eq!(begun.place_mismatch, Some(PlaceMismatch { distance_m: 1112, radius_m: 300 }));
        assert_eq!((begun.place_matches, &begun.place, &begun.planned_place), (Some(false), &None, &Some("офис клиента".into())));
        let ended = begun.check_out(&here(55.80, 37.62), 300, now()).unwrap();
        assert_eq!((ended.place_matches, ended.place_mismatch), (Some(false), Some(PlaceMismatch { distance_m: 1112, radius_m: 300 })));
    }

    #[test]
    fn a_meeting_nobody_checked_in_to_is_held_against_the_plan_by_what_is_said_of_it() {
        let said =
            |coordinates, status| Communication { status, coordinates, ..meeting(Some(place(55.75, 37.62))) }.held_against_the_plan(300);
        let (done, planned) = (CommunicationStatus::Done, CommunicationStatus::Planned);
        let far = said(Some(place(56.75, 37.62)), done);
        assert_eq!((far.place_matches, &far.place_mismatch), (Some(false), &Some(PlaceMismatch { distance_m: 111_195, radius_m: 300 })));
        assert_eq!(said(Some(place(55.75, 37.62)), done).place_matches, Some(true));
        assert_eq!(said(None, done).place_matches, None);
        assert_eq!(said(Some(place(55.75, 37.62)), planned).place_matches, None);
        let mended = Communication { coordinates: Some(place(55.75, 37.62)), ..far }.held_against_the_plan(300);
        assert_eq!((mended.place_matches, mended.place_mismatch), (Some(true), None));
        // what was recorded on the spot is not changed by what is said afterwards
        let come = meeting(Some(place(55.75, 37.62))).check_in(&here(55.76, 37.62), 300, now()).unwrap();
        let said = Communication { coordinates: Some(place(55.75, 37.62)), ..come.clone() }.held_against_the_plan(300);
        assert_eq!((said.place_matches, said.place_mismatch), (come.place_matches, come.place_mismatch));
    }

    #[test]
    fn what_came_of_it_is_told_when_leaving() {
        let begun = meeting(None).check_in(&here(0.0, 0.0), 300, now()).unwrap();
        let told = Position { outcome: Some(" подписали ".into()), ..here(0.0, 0.0) };
        assert_eq!(begun.check_out(&told, 300, now()).unwrap().outcome.as_deref(), Some("подписали"));
        let known = Communication { outcome: Some("перенесли".into()), ..begun };
        assert_eq!(known.check_out(&here(0.0, 0.0), 300, now()).unwrap().outcome.as_deref(), Some("перенесли"));
    }

    #[test]
    fn without_a_planned_place_there_is_nothing_to_match() {
        let begun = meeting(None).check_in(&here(55.76, 37.62), 300, now()).unwrap();
        assert_eq!((begun.place_matches, begun.place_mismatch), (None, None));
    }

    #[test]
    fn nobody_is_off_the_globe_in_the_future_or_gone_before_he_came() {
        let meeting = meeting(None);
        let refused = |position: &Position| match meeting.check_in(position, 300, now()) {
            Err(PresenceRefused::Invalid(errors)) => errors.0.into_iter().map(|e| e.pointer).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(&here(90.5, 0.0)), ["/coordinates/latitude"]);
        assert_eq!(refused(&here(0.0, -180.5)), ["/coordinates/longitude"]);
        assert_eq!(refused(&here(f64::NAN, 0.0)), ["/coordinates"]);
        assert_eq!(refused(&Position::default()), ["/coordinates"]);
        assert_eq!(refused(&Position { at: Some(now() + Duration::hours(1)), ..here(0.0, 0.0) }), ["/at"]);
        assert_eq!(meeting.check_out(&here(0.0, 0.0), 300, now()), Err(PresenceRefused::NotThereYet));
        let begun = meeting.check_in(&here(0.0, 0.0), 300, now()).unwrap();
        let early = Position { at: Some(now() - Duration::minutes(1)), ..here(0.0, 0.0) };
        assert!(matches!(begun.check_out(&early, 300, now()), Err(PresenceRefused::Invalid(_))));
        let call = Communication { channel: Channel::Call, ..meeting };
        assert_eq!(call.check_in(&here(0.0, 0.0), 300, now()), Err(PresenceRefused::NotAMeeting));
    }
}
