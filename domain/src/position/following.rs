//! A meeting's end told by positions. It is a function of the set of positions alone, so that neither their order nor the batches they came in
//! matter: late ones may move an end, or take it back.

use chrono::{DateTime, Duration, Utc};

use crate::communication::{
    Channel, Communication, CommunicationStatus, Coordinates,
    meeting::{Presence, distance_m},
};

/// So long somebody must be away before he counts as gone. One position may be wrong by kilometres, and a burst of them within seconds is wrong
/// together; whoever is away at two moments two minutes apart, with nothing between that shows him there, is away.
pub const AWAY_FOR: Duration = Duration::minutes(2);

/// So long after the check-in positions are looked at. What comes later, after a night in which nothing is kept, does not tell when he left.
pub const FOLLOWED_FOR: Duration = Duration::hours(12);

/// Where somebody was.
#[derive(Debug, Clone, PartialEq)]
pub struct Fix {
    /// When.
    pub at: DateTime<Utc>,
    /// Where on the globe.
    pub coordinates: Coordinates,
    /// How far off it may be, metres.
    pub accuracy_m: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whereabouts {
    There,
    Away,
    /// So far off that it may be either.
    Unsure,
}

impl Fix {
    #[expect(clippy::cast_precision_loss, reason = "a radius is at most a few thousand kilometres")]
    fn whereabouts(&self, centre: &Coordinates, radius_m: i64) -> Whereabouts {
        let (distance, radius) = (distance_m(centre, &self.coordinates), radius_m as f64);
        if distance <= radius {
            Whereabouts::There
        } else if distance - self.accuracy_m.unwrap_or_default() > radius {
            Whereabouts::Away
        } else {
            Whereabouts::Unsure
        }
    }
}

/// The position with which somebody left: the first of those that show him away for [`AWAY_FOR`], with none between that shows him there.
pub fn leaving<'a>(centre: &Coordinates, radius_m: i64, fixes: &'a [Fix]) -> Option<&'a Fix> {
    let mut in_order: Vec<&Fix> = fixes.iter().collect();
    in_order.sort_by_key(|fix| fix.at);
    let mut first: Option<&Fix> = None;
    for fix in in_order {
        match fix.whereabouts(centre, radius_m) {
            Whereabouts::There => first = None,
            Whereabouts::Unsure => {}
            Whereabouts::Away => {
                let left = *first.get_or_insert(fix);
                if fix.at - left.at >= AWAY_FOR {
                    return Some(left);
                }
            }
        }
    }
    None
}

impl Communication {
    /// From when until when positions of whoever checked in tell of its end; `None` when nothing is to be told of it.
    pub fn followed(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        // one that is planned anew has not begun
        let goes_on = self.channel == Channel::Meeting && self.status == CommunicationStatus::Done && self.archived_at.is_none();
        let begun = self.check_in.as_ref().filter(|_| goes_on)?;
        // what somebody said himself stands
        let is_said = self.check_out.as_ref().is_some_and(|ended| !ended.by_positions);
        (!is_said).then(|| (begun.at, begun.at + FOLLOWED_FOR))
    }

    /// The meeting as these positions tell it, all that are kept of whoever checked in: it takes place where he did so, whatever was planned, and
    /// ends when he leaves. That he is far from the plan by then says nothing against him.
    #[must_use]
    pub fn followed_by(&self, fixes: &[Fix], radius_m: i64) -> Self {
        let (Some((from, until)), Some(begun)) = (self.followed(), &self.check_in) else { return self.clone() };
        let during: Vec<Fix> = fixes.iter().filter(|fix| fix.at > from && fix.at <= until).cloned().collect();
        // how long it lasted may have been said, too
        let told = self.check_out.as_ref().map(|ended| (ended.at - from).num_seconds());
        let said = self.duration_seconds.filter(|seconds| Some(*seconds) != told);
        match leaving(&begun.coordinates, radius_m, &during) {
            Some(left) => {
                let presence = Presence::of(self.planned_coordinates.as_ref(), left.coordinates.clone(), left.at);
                let check_out = Some(Presence { by_positions: true, ..presence });
                Self { duration_seconds: said.or(Some((left.at - from).num_seconds())), check_out, ..self.clone() }
            }
            None if self.check_out.is_some() => Self { check_out: None, duration_seconds: said, ..self.clone() },
            None => self.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actor::ActorRef,
        communication::{Direction, NewCommunication, meeting::Position},
        id::ContactId,
        record::{Birth, Made, Making},
    };
    use proptest::prelude::*;
    use uuid::Uuid;

    const RADIUS: i64 = 300;

    fn now() -> DateTime<Utc> {
        "2026-11-23T10:00:00Z".parse().unwrap()
    }
    fn office() -> Coordinates {
        Coordinates { latitude: 55.75, longitude: 37.62 }
    }
    /// A meeting that began where it was planned.
    fn meeting() -> Communication {
        let birth = Birth { id: Uuid::from_u128(7), at: now(), by: ActorRef::system() };
        let making = Making { birth: &birth, workspace: None, fresh_id: &Uuid::nil, asker: None };
        let input = NewCommunication {
            channel: Some(Channel::Meeting),
            direction: Some(Direction::Outbound),
            status: Some(CommunicationStatus::Planned),
            contact_id: Some(ContactId::new(Uuid::nil())),
            coordinates: Some(office()),
            ..NewCommunication::default()
        };
        let plan = Communication::make(&input, None, &making).unwrap();
        plan.check_in(&Position { coordinates: Some(office()), ..Position::default() }, RADIUS, now()).unwrap()
    }
    /// So many metres to the north after so many seconds.
    fn fix(seconds: i64, metres: f64) -> Fix {
        let coordinates = Coordinates { latitude: 55.75 + metres / 111_195.0, longitude: 37.62 };
        Fix { at: now() + Duration::seconds(seconds), coordinates, accuracy_m: Some(10.0) }
    }
    fn left(fixes: &[Fix]) -> Option<i64> {
        meeting().followed_by(fixes, RADIUS).duration_seconds
    }

    #[test]
    fn whoever_leaves_ends_the_meeting_with_the_first_position_away() {
        let fixes = [fix(600, 20.0), fix(2400, 500.0), fix(2460, 900.0), fix(2520, 1500.0)];
        let ended = meeting().followed_by(&fixes, RADIUS);
        let out = ended.check_out.clone().unwrap();
        assert_eq!(
            (ended.duration_seconds, out.at, out.coordinates, out.by_positions),
            (Some(2400), fixes[1].at, fixes[1].coordinates.clone(), true)
        );
        assert_eq!(out.distance_m, Some(500));
        assert_eq!(
            (ended.place_matches, &ended.place_mismatch, ended.occurred_at),
            (Some(true), &None, now()),
            "it was where it was planned"
        );
        assert!(ended.outcome_missing());
        assert_eq!(ended.followed_by(&fixes, RADIUS), ended);
    }

    #[test]
    fn a_duration_that_somebody_said_stands_and_a_plan_made_anew_goes_on() {
        let (away, back) = ([fix(600, 900.0), fix(900, 900.0)], [fix(600, 900.0), fix(660, 10.0), fix(900, 900.0)]);
        let ended = meeting().followed_by(&away, RADIUS);
        assert_eq!(ended.duration_seconds, Some(600));
        let said = Communication { duration_seconds: Some(77), ..ended };
        assert_eq!(said.followed_by(&away, RADIUS).duration_seconds, Some(77));
        let resumed = said.followed_by(&back, RADIUS);
        assert_eq!((resumed.check_out, resumed.duration_seconds), (None, Some(77)));
        let planned_anew = Communication { status: CommunicationStatus::Planned, ..meeting() };
        assert_eq!(planned_anew.followed_by(&away, RADIUS), planned_anew);
    }

    #[test]
    fn a_jump_of_the_phone_ends_nothing() {
        assert_eq!(left(&[fix(60, 5000.0)]), None, "one alone");
        assert_eq!(left(&[fix(60, 5000.0), fix(61, 5000.0), fix(100, 5000.0)]), None, "a burst");
        assert_eq!(left(&[fix(60, 5000.0), fix(120, 20.0), fix(200, 5000.0)]), None, "back between them");
        assert_eq!(left(&[fix(60, 5000.0), fix(120, 20.0), fix(200, 5000.0), fix(320, 5000.0)]), Some(200));
    }

    #[test]
    fn a_position_that_may_be_either_says_nothing() {
        let coarse = |seconds, metres| Fix { accuracy_m: Some(3000.0), ..fix(seconds, metres) };
        assert_eq!(left(&[coarse(60, 1000.0), coarse(300, 1000.0)]), None);
        assert_eq!(left(&[fix(60, 1000.0), coarse(120, 1000.0), fix(180, 1000.0)]), Some(60));
        let silent = |seconds| Fix { accuracy_m: None, ..fix(seconds, 310.0) };
        assert_eq!(left(&[silent(60), silent(180)]), Some(60), "a phone that tells no accuracy is believed");
    }

    #[test]
    fn what_was_before_it_or_long_after_it_says_nothing() {
        let later = FOLLOWED_FOR.num_seconds();
        assert_eq!(left(&[fix(-600, 5000.0), fix(-300, 5000.0), fix(60, 5000.0)]), None);
        assert_eq!(left(&[fix(later + 60, 5000.0), fix(later + 600, 5000.0)]), None);
        assert_eq!(left(&[fix(later - 300, 5000.0), fix(later, 5000.0)]), Some(later - 300));
    }

    #[test]
    fn a_late_position_moves_the_end_or_takes_it_back() {
        let ended = meeting().followed_by(&[fix(600, 900.0), fix(720, 900.0)], RADIUS);
        assert_eq!(ended.duration_seconds, Some(600));
        let earlier = ended.followed_by(&[fix(500, 900.0), fix(600, 900.0), fix(720, 900.0)], RADIUS);
        assert_eq!(earlier.duration_seconds, Some(500));
        let back = ended.followed_by(&[fix(600, 900.0), fix(660, 10.0), fix(720, 900.0)], RADIUS);
        assert_eq!(back, meeting());
    }

    #[test]
    fn what_somebody_said_himself_stands() {
        let here = Position { coordinates: Some(office()), at: Some(now() + Duration::minutes(30)), outcome: None, ..Position::default() };
        let said = meeting().check_out(&here, RADIUS, now() + Duration::hours(1)).unwrap();
        assert_eq!(said.followed_by(&[fix(600, 900.0), fix(720, 900.0)], RADIUS), said);
        let planned = Communication { check_in: None, ..meeting() };
        assert_eq!(planned.followed_by(&[fix(600, 900.0), fix(720, 900.0)], RADIUS), planned);
        let archived = Communication { archived_at: Some(now()), ..meeting() };
        assert_eq!(archived.followed(), None);
        let call = Communication { channel: Channel::Call, ..meeting() };
        assert_eq!(call.followed(), None);
    }

    /// Positions at moments of their own, each with the batch it comes in and its place there.
    fn walks() -> impl Strategy<Value = Vec<(Fix, usize, u32)>> {
        let far = prop_oneof![0.0..290.0_f64, 250.0..400.0, 1000.0..9000.0];
        let step = (far, proptest::option::of(0.0..500.0_f64), 0_usize..5, any::<u32>());
        proptest::collection::btree_map(0_i64..50_000, step, 0..40).prop_map(|steps| {
            let walk = |(seconds, (metres, accuracy_m, batch, place))| (Fix { accuracy_m, ..fix(seconds, metres) }, batch, place);
            steps.into_iter().map(walk).collect()
        })
    }

    proptest! {
        /// In whatever batches and order the same positions come, the meeting is the same in the end.
        #[test]
        fn order_and_batches_do_not_matter(mut walk in walks()) {
            let at_once = meeting().followed_by(&walk.iter().map(|(fix, ..)| fix.clone()).collect::<Vec<_>>(), RADIUS);
            walk.sort_by_key(|(_, batch, place)| (*batch, *place));
            let (mut kept, mut told) = (Vec::new(), meeting());
            for batch in 0..5 {
                kept.extend(walk.iter().filter(|(_, number, _)| *number == batch).map(|(fix, ..)| fix.clone()));
                told = told.followed_by(&kept, RADIUS);
            }
            prop_assert_eq!(told, at_once);
        }

        /// An end is a position away, within the time that is looked at, and nothing shows him there in the two minutes after it.
        #[test]
        fn an_end_is_what_it_says(walk in walks()) {
            let fixes: Vec<Fix> = walk.into_iter().map(|(fix, ..)| fix).collect();
            let ended = meeting().followed_by(&fixes, RADIUS);
            if let Some(out) = &ended.check_out {
                prop_assert!(out.at > now() && out.at <= now() + FOLLOWED_FOR);
                prop_assert!(fixes.iter().any(|fix| fix.at == out.at && fix.whereabouts(&office(), RADIUS) == Whereabouts::Away));
                let soon = fixes.iter().filter(|fix| fix.at > out.at && fix.at < out.at + AWAY_FOR);
                prop_assert!(soon.clone().all(|fix| fix.whereabouts(&office(), RADIUS) != Whereabouts::There));
                prop_assert_eq!(ended.duration_seconds, Some((out.at - now()).num_seconds()));
            } else {
                prop_assert_eq!(ended, meeting());
            }
        }

        /// Whoever never goes farther than the radius is there until he says otherwise.
        #[test]
        fn whoever_stays_is_there(metres in proptest::collection::vec(0.0..299.0_f64, 0..40)) {
            let fixes: Vec<Fix> = (1..).zip(metres).map(|(minute, metres)| fix(minute * 60, metres)).collect();
            prop_assert_eq!(left(&fixes), None);
        }
    }
}
