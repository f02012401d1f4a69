//! A call as the set of its events says it is. Every part is a function of the set alone (an earliest, a latest, whether there is one), never
//! of the order in which events came.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{CallEvent, CallEventKind as Kind};
use crate::{
    communication::{CommunicationStatus, Direction},
    id::UserId,
};

/// A colleague, as an exchange names him.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Agent {
    /// By his id.
    pub user_id: Option<UserId>,
    /// By his extension.
    pub extension: Option<String>,
}

impl Agent {
    fn is_named(&self) -> bool {
        self.user_id.is_some() || self.extension.is_some()
    }
}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Who began it.
    pub direction: Direction,
    /// The number that calls.
    pub from: String,
    /// The number that is called.
    pub to: String,
    /// Planned while it rings.
    pub status: CommunicationStatus,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When somebody picked up.
    pub answered_at: Option<DateTime<Utc>>,
    /// How long people talked, seconds.
    pub duration_seconds: Option<i64>,
    /// Who talked, after the last transfer; of an outbound call who called.
    pub agent: Option<Agent>,
    /// Address of the recording.
    pub recording_url: Option<String>,
    /// What was said.
    pub transcript: Option<String>,
}

impl Call {
    /// The call behind these events.
    pub(super) fn of(events: &BTreeSet<CallEvent>) -> Option<Self> {
        let first = events.first()?;
        let of = |kind: Kind| events.iter().filter(move |event| event.event == kind);
        let answered_at = of(Kind::Answered).next().map(|event| event.occurred_at);
        let finished_at = of(Kind::Finished).next_back().map(|event| event.occurred_at);
        let told = of(Kind::Finished).chain(of(Kind::Recorded)).filter_map(|event| event.duration_seconds).max();
        let status = if answered_at.is_some() {
            CommunicationStatus::Done
        } else if of(Kind::Missed).next().is_some() {
            // what is recorded of it is a message left behind
            CommunicationStatus::Missed
        } else if finished_at.is_some() && told.unwrap_or(0) == 0 {
            CommunicationStatus::Missed
        } else if finished_at.is_some() || of(Kind::Recorded).next().is_some() {
            CommunicationStatus::Done
        } else {
            CommunicationStatus::Planned
        };
        let measured = || Some((finished_at? - answered_at?).num_seconds().clamp(0, 604_800));
        let named = |kind: Kind| of(kind).rev().map(|event| &event.agent).find(|agent| agent.is_named()).cloned();
        let talked = || named(Kind::Answered).or_else(|| named(Kind::Finished)).or_else(|| named(Kind::Recorded));
        let agent = match (status, first.direction) {
            (CommunicationStatus::Done, Direction::Inbound) => talked(),
            (CommunicationStatus::Done, Direction::Outbound) => talked().or_else(|| named(Kind::Ringing)),
            (_, Direction::Outbound) => events.iter().map(|event| &event.agent).find(|agent| agent.is_named()).cloned(),
            // who did not pick up did not talk
            (_, Direction::Inbound) => None,
        };
        Some(Self {
            direction: first.direction,
            from: first.from.clone(),
            to: first.to.clone(),
            status,
            started_at: first.occurred_at,
            answered_at,
            duration_seconds: if status == CommunicationStatus::Done { told.or_else(measured) } else { None },
            agent,
            recording_url: events.iter().rev().find_map(|event| event.recording_url.clone()),
            transcript: events.iter().rev().find_map(|event| event.transcript.clone()),
        })
    }

    /// When one of ours reacted, if it is a talk.
    pub fn responded_at(&self) -> DateTime<Utc> {
        self.answered_at.unwrap_or(self.started_at)
    }

    /// The number of the other side.
    pub fn other_number(&self) -> &str {
        match self.direction {
            Direction::Inbound => &self.from,
            Direction::Outbound => &self.to,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telephony::CallLog;
    use proptest::prelude::*;

    fn event(second: i64, kind: Kind, extension: &str, more: impl FnOnce(&mut CallEvent)) -> CallEvent {
        let start: DateTime<Utc> = "2026-11-22T10:00:00Z".parse().unwrap();
        let mut event = CallEvent {
            occurred_at: start + chrono::Duration::seconds(second),
            sequence: None,
            event: kind,
            direction: Direction::Inbound,
            from: "+79123456789".into(),
            to: "+74951234567".into(),
            agent: Agent { user_id: None, extension: Some(extension.to_owned()).filter(|e| !e.is_empty()) },
            duration_seconds: None,
            recording_url: None,
            transcript: None,
        };
        more(&mut event);
        event
    }
    fn plain(second: i64, kind: Kind, extension: &str) -> CallEvent {
        event(second, kind, extension, |_| {})
    }

    /// Calls as exchanges tell them.
    fn typical() -> Vec<(&'static str, Vec<CallEvent>)> {
        let recorded = |second, extension| event(second, Kind::Recorded, extension, |e| e.recording_url = Some("https://pbx/1.mp3".into()));
        let lasting = |second, extension, seconds| event(second, Kind::Finished, extension, move |e| e.duration_seconds = Some(seconds));
        let outbound = |mut e: CallEvent| {
            e.direction = Direction::Outbound;
            e
        };
        vec![
            ("answered", vec![plain(0, Kind::Ringing, "101"), plain(5, Kind::Answered, "101"), lasting(65, "101", 60), recorded(70, "")]),
            ("missed", vec![plain(0, Kind::Ringing, "101"), plain(0, Kind::Ringing, "102"), plain(20, Kind::Missed, "")]),
            (
                "nobody at the first, the second picks up",
                vec![
                    plain(0, Kind::Ringing, "101"),
                    plain(10, Kind::Missed, "101"),
                    plain(11, Kind::Ringing, "102"),
                    plain(15, Kind::Answered, "102"),
                    plain(75, Kind::Finished, "102"),
                ],
            ),
            (
                "transferred",
                vec![
                    plain(0, Kind::Ringing, ""),
                    plain(3, Kind::Answered, "101"),
                    plain(30, Kind::Answered, "105"),
                    plain(90, Kind::Finished, "105"),
                ],
            ),
            ("a message is left", vec![plain(0, Kind::Ringing, "101"), plain(20, Kind::Missed, ""), recorded(60, "")]),
            ("only its end is told", vec![lasting(60, "101", 42)]),
            ("hung up at once", vec![plain(0, Kind::Ringing, "101"), lasting(3, "", 0)]),
            ("no answer out there", vec![outbound(plain(0, Kind::Ringing, "101")), outbound(plain(30, Kind::Missed, ""))]),
            (
                "outbound",
                vec![outbound(plain(0, Kind::Ringing, "101")), outbound(plain(9, Kind::Answered, "")), outbound(lasting(29, "", 20))],
            ),
            (
                "transcribed later",
                vec![
                    plain(5, Kind::Answered, "101"),
                    lasting(65, "101", 60),
                    recorded(70, ""),
                    event(200, Kind::Recorded, "", |e| e.transcript = Some("Добрый день".into())),
                ],
            ),
            (
                "everything at once",
                vec![
                    plain(0, Kind::Ringing, "1"),
                    plain(0, Kind::Answered, "1"),
                    plain(0, Kind::Finished, "1"),
                    plain(0, Kind::Missed, "2"),
                ],
            ),
        ]
    }

    fn permutations<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
        if all.is_empty() {
            return vec![Vec::new()];
        }
        (0..all.len())
            .flat_map(|at| {
                let mut rest = all.to_vec();
                let one = rest.remove(at);
                permutations(&rest).into_iter().map(move |mut tail| {
                    tail.insert(0, one.clone());
                    tail
                })
            })
            .collect()
    }

    fn told(events: impl IntoIterator<Item = CallEvent>) -> CallLog {
        let mut log = CallLog::default();
        for event in events {
            log.join(event);
        }
        log
    }

    #[test]
    fn every_order_of_every_typical_call_with_every_event_twice_makes_the_same_call() {
        for (name, events) in typical() {
            let expected = told(events.clone());
            for order in permutations(&events) {
                assert_eq!(told(order.clone()), expected, "{name}");
                // each event again after any of the later ones
                for (at, again) in order.iter().enumerate() {
                    for place in at..order.len() {
                        let mut twice = order.clone();
                        twice.insert(place + 1, again.clone());
                        assert_eq!(told(twice).call(), expected.call(), "{name}");
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_order_with_any_repeats_makes_the_same_call(which in 0_usize..11, picks in proptest::collection::vec(any::<prop::sample::Index>(), 0..40), seed in any::<u64>()) {
            let (name, events) = typical().remove(which);
            let mut sent = events.clone();
            sent.extend(picks.iter().map(|pick| pick.get(&events).clone()));
            // a shuffle by the seed
            sent.sort_by_key(|e| {
                use std::hash::{Hash, Hasher};
                let mut hasher = std::collections::hash_map::DefaultHasher::new();
                (seed, format!("{e:?}")).hash(&mut hasher);
                hasher.finish()
            });
            prop_assert_eq!(told(sent).call(), told(events).call(), "{}", name);
        }

        /// The set of events is a semilattice: joining is idempotent, commutative and associative.
        #[test]
        fn joining_is_idempotent_commutative_and_associative(a in 0_usize..11, b in 0_usize..11, c in 0_usize..11) {
            let of = |which: usize| typical().remove(which).1;
            let (a, b, c) = (of(a), of(b), of(c));
            let join = |parts: &[&Vec<CallEvent>]| told(parts.iter().flat_map(|part| part.iter().cloned()));
            prop_assert_eq!(join(&[&a, &a]), join(&[&a]));
            prop_assert_eq!(join(&[&a, &b]).call(), join(&[&b, &a]).call());
            prop_assert_eq!(join(&[&a, &b, &c]), join(&[&b, &c, &a]));
        }
    }

    #[test]
    fn calls_are_understood() {
        let expected = [
            ("answered", CommunicationStatus::Done, Some(60), Some("101")),
            ("missed", CommunicationStatus::Missed, None, None),
            ("nobody at the first, the second picks up", CommunicationStatus::Done, Some(60), Some("102")),
            ("transferred", CommunicationStatus::Done, Some(87), Some("105")),
            ("a message is left", CommunicationStatus::Missed, None, None),
            ("only its end is told", CommunicationStatus::Done, Some(42), Some("101")),
            ("hung up at once", CommunicationStatus::Missed, None, None),
            ("no answer out there", CommunicationStatus::Missed, None, Some("101")),
            ("outbound", CommunicationStatus::Done, Some(20), Some("101")),
            ("transcribed later", CommunicationStatus::Done, Some(60), Some("101")),
            ("everything at once", CommunicationStatus::Done, Some(0), Some("1")),
        ];
        for ((name, events), (same, status, duration, extension)) in typical().into_iter().zip(expected) {
            let call = told(events).call().unwrap();
            assert_eq!(name, same);
            assert_eq!((call.status, call.duration_seconds), (status, duration), "{name}");
            assert_eq!(call.agent.and_then(|agent| agent.extension).as_deref(), extension, "{name}");
        }
        assert_eq!(CallLog::default().call(), None);
    }

    #[test]
    fn a_log_does_not_grow_without_end() {
        let log = told((0..1000).map(|second| plain(second, Kind::Ringing, "101")));
        assert!(!log.admits(&plain(2000, Kind::Ringing, "101")) && log.admits(&plain(0, Kind::Ringing, "101")));
        let long = |second| event(second, Kind::Recorded, "", |e| e.transcript = Some("а".repeat(1_000_000)));
        let log = told([long(0), long(1)]);
        assert!(!log.admits(&long(2)) && log.admits(&long(1)) && log.admits(&plain(3, Kind::Finished, "")));
    }
}
