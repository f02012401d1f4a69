use chrono::TimeZone;
use proptest::prelude::*;

use super::*;

fn entry(number: u64, text: &str) -> Entry {
    Entry {
        workspace_id: Uuid::from_u128(7),
        id: Uuid::from_u128(u128::from(number) + 1),
        at: Utc.timestamp_micros(1_795_000_000_000_000 + i64::try_from(number).unwrap()).unwrap(),
        record_type: "contact".into(),
        record_id: Uuid::from_u128(u128::from(number % 3)),
        action: "updated".into(),
        actor_type: "user".into(),
        actor_id: (!number.is_multiple_of(4)).then(|| Uuid::from_u128(9)),
        actor_name: "Ольга".into(),
        via: Some("session:1".into()),
        address: Some("127.0.0.1".into()),
        user_agent: None,
        request_id: (!number.is_multiple_of(3)).then(|| format!("r{number}")),
        changes: format!("{{\"comment\":{{\"after\":{},\"before\":null}}}}", serde_json::json!(text)),
        reason: None,
    }
}

fn chained(entries: impl IntoIterator<Item = Entry>) -> Vec<Link> {
    let mut head = Head::EMPTY;
    let mut links = Vec::new();
    for entry in entries {
        let sequence = head.sequence + 1;
        let hash = entry.hash(&head.hash, sequence);
        links.push(Link { entry, sequence, previous: Some(head.hash.to_vec()), hash: Some(hash.to_vec()) });
        head = Head { sequence, hash };
    }
    links
}

fn head_of(links: &[Link]) -> Head {
    links.last().map_or(Head::EMPTY, |l| Head { sequence: l.sequence, hash: l.hash.clone().unwrap().try_into().unwrap() })
}

/// As the store gives them: by number.
fn verified(mut links: Vec<Link>, known: Head) -> Option<ChainBreak> {
    links.sort_by_key(|l| l.sequence);
    let mut walk = Walk::new([known]);
    for link in &links {
        walk.step(link);
    }
    walk.finish()
}

#[test]
fn the_hash_is_of_the_canonical_form_and_stays_what_it_is() {
    // sha256(tag | 32 zero bytes | 1 as eight bytes | RFC 8785): counted outside of this program
    let mut entry = entry(0, "é");
    entry.reason = Some("\u{20ac}".into());
    let canonical = String::from_utf8(serde_json_canonicalizer::to_vec(&entry).unwrap()).unwrap();
    assert!(
        canonical.starts_with("{\"action\":\"updated\",\"actor_id\":null,\"actor_name\":\"Ольга\",\"actor_type\":\"user\""),
        "{canonical}"
    );
    assert!(canonical.ends_with("\"via\":\"session:1\",\"workspace_id\":\"00000000-0000-0000-0000-000000000007\"}"), "{canonical}");
    assert!(!canonical.contains(": ") && canonical.contains("\"reason\":\"€\""), "{canonical}");
    assert_eq!(to_hex(&entry.hash(&BEGINNING, 1)), EXPECTED);
}

const EXPECTED: &str = "88197272eb917a28aee0e4e7dd0c4a0bc6ef7b90c831d37400fce382e3bbe02c";

#[test]
fn a_sound_chain_is_sound_and_an_empty_one_too() {
    let links = chained((0..50).map(|n| entry(n, "x")));
    assert_eq!(verified(links.clone(), head_of(&links)), None);
    assert_eq!(verified(links.clone(), head_of(&links[..20])), None, "an older head still holds");
    assert_eq!(verified(Vec::new(), Head::EMPTY), None);
}

#[test]
fn each_kind_of_break_is_named_at_its_place() {
    let links = chained((0..9).map(|n| entry(n, "x")));
    let head = head_of(&links);
    let broken = |change: &dyn Fn(&mut Vec<Link>)| {
        let mut links = links.clone();
        change(&mut links);
        verified(links, head).map(|b| (b.id.map(|id| id.as_u128()), b.sequence, b.kind))
    };
    assert_eq!(broken(&|l| l[4].entry.changes.push(' ')), Some((Some(5), 5, BreakKind::Altered)));
    assert_eq!(broken(&|l| drop(l.remove(4))), Some((None, 5, BreakKind::Missing)));
    assert_eq!(broken(&|l| l[4].previous = None), Some((Some(5), 5, BreakKind::Unlinked)));
    assert_eq!(broken(&|l| l.truncate(6)), Some((None, 7, BreakKind::Truncated)));
    assert_eq!(broken(&|l| *l = chained((0..9).map(|n| entry(n, "y")))), Some((Some(9), 9, BreakKind::Replaced)));
}

/// Changes one thing of one event; what it was is certainly not what it is.
fn alter(link: &mut Link, field: usize) {
    let e = &mut link.entry;
    let longer = |text: &mut Option<String>| *text = Some(format!("{}x", text.as_deref().unwrap_or_default()));
    match field {
        0 => e.workspace_id = Uuid::from_u128(e.workspace_id.as_u128() ^ 1),
        1 => e.id = Uuid::from_u128(e.id.as_u128() ^ (1 << 100)),
        2 => e.at += chrono::Duration::microseconds(1),
        3 => e.record_type = "company".into(),
        4 => e.record_id = Uuid::from_u128(e.record_id.as_u128() ^ 1),
        5 => e.action = "archived".into(),
        6 => e.actor_type = "system".into(),
        7 => e.actor_id = e.actor_id.is_none().then(|| Uuid::from_u128(5)),
        8 => e.actor_name.push(' '),
        9 => longer(&mut e.via),
        10 => longer(&mut e.address),
        11 => longer(&mut e.user_agent),
        12 => longer(&mut e.request_id),
        13 => e.changes = e.changes.replacen('"', " \"", 1),
        14 => longer(&mut e.reason),
        15 => link.hash.as_mut().unwrap()[31] ^= 1,
        16 => link.previous.as_mut().unwrap()[0] ^= 128,
        17 => link.sequence += 1000,
        18 => link.hash = None,
        _ => link.previous = None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_tampering_goes_unnoticed_when_a_head_was_kept(
        texts in prop::collection::vec(".{0,12}", 2..40),
        kind in 0..6, field in 0_usize..20, one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(),
    ) {
        let mut links = chained(texts.iter().enumerate().map(|(n, text)| entry(n as u64, text)));
        let (head, length) = (head_of(&links), links.len());
        prop_assert_eq!(verified(links.clone(), head), None);
        let at = one.index(length);
        match kind {
            0 => alter(&mut links[at], field),
            1 => drop(links.remove(at)),
            2 => {
                // two events change places: contents only, or whole with their hashes
                let mut to = other.index(length);
                if to == at { to = (at + 1) % length }
                if field % 2 == 0 {
                    let (a, b) = (links[at].entry.clone(), links[to].entry.clone());
                    (links[at].entry, links[to].entry) = (b, a);
                } else {
                    let (a, b) = (links[at].sequence, links[to].sequence);
                    (links[at].sequence, links[to].sequence) = (b, a);
                }
            }
            3 => links.truncate(at),
            4 => {
                // an event is added to the middle with right links before it
                let previous = if at == 0 { BEGINNING } else { links[at - 1].hash.clone().unwrap().try_into().unwrap() };
                let (added, sequence) = (entry(1_000_000, "x"), links[at].sequence);
                let hash = added.hash(&previous, sequence).to_vec();
                links.insert(at, Link { entry: added, sequence, previous: Some(previous.to_vec()), hash: Some(hash) });
            }
            _ => {
                // the whole chain is reckoned anew over an altered event
                alter(&mut links[at], field % 15);
                links = chained(links.into_iter().map(|l| l.entry));
            }
        }
        prop_assert!(verified(links, head).is_some());
    }
}
