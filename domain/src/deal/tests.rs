use std::cell::Cell;

use proptest::prelude::*;
use uuid::Uuid;

use super::{
    movement::{MoveRefusalReason, check, check_beginning, legal_moves},
    *,
};
use crate::{
    actor::ActorRef,
    pipeline::{MoveRule, NewPipeline, Pipeline},
    record::Birth,
};

fn making<T>(f: impl FnOnce(&Making<'_>) -> T) -> T {
    let birth = Birth { id: Uuid::from_u128(7), at: "2026-11-22T10:00:00Z".parse().unwrap(), by: ActorRef::system() };
    let next = Cell::new(100_u128);
    let fresh_id = || {
        next.set(next.get() + 1);
        Uuid::from_u128(next.get())
    };
    f(&Making { birth: &birth, workspace: None, fresh_id: &fresh_id, asker: None })
}

fn pipeline() -> Pipeline {
    making(|making| Pipeline::make(&NewPipeline { name: Some("Sales".into()), ..NewPipeline::default() }, None, making)).unwrap()
}

fn input(pipeline: &Pipeline) -> NewDeal {
    NewDeal {
        name: Some("Concrete".into()),
        pipeline_id: Some(pipeline.id),
        stage_id: pipeline.first().map(|stage| stage.id),
        ..NewDeal::default()
    }
}

fn deal(pipeline: &Pipeline) -> Deal {
    making(|making| Deal::make(&input(pipeline), None, making)).unwrap()
}

fn rubles(amount: i64) -> MoneyInput {
    MoneyInput { amount, currency: "RUB".into() }
}

#[test]
fn an_amount_brings_its_currency_and_line_items_decide_the_amount() {
    let pipeline = pipeline();
    let plain = making(|m| Deal::make(&NewDeal { amount: Some(rubles(500)), ..input(&pipeline) }, None, m)).unwrap();
    assert_eq!((plain.currency.as_str(), plain.amount.as_ref().map(|a| a.amount)), ("RUB", Some(500)));
    let line = LineItemInput { name: Some("x".into()), price: Some(333), quantity: Some("3".into()), ..LineItemInput::default() };
    let with_lines = NewDeal { line_items: Some(vec![line]), ..plain.input() };
    let counted = making(|m| Deal::make(&with_lines, Some(&plain), m)).unwrap();
    assert_eq!(counted.amount, Some(Money { amount: 999, currency: "RUB".into() }));
    let contradicting = NewDeal { amount: Some(rubles(5)), currency: Some("USD".into()), ..input(&pipeline) };
    let errors = making(|m| Deal::make(&contradicting, None, m)).unwrap_err();
    assert_eq!((errors.0[0].pointer.as_str(), errors.0[0].code), ("/currency", FieldCode::ConflictingFields));
}

#[test]
fn a_deal_made_again_from_its_input_is_the_same() {
    let pipeline = pipeline();
    let whole = NewDeal {
        amount: Some(rubles(500)),
        line_items: Some(vec![LineItemInput {
            name: Some("x".into()),
            price: Some(10),
            tax_percent: Some("20".into()),
            ..LineItemInput::default()
        }]),
        contacts: Some(vec![DealContact { contact_id: ContactId::new(Uuid::from_u128(1)), role: Some("pays".into()) }]),
        ..input(&pipeline)
    };
    let made = making(|m| Deal::make(&whole, None, m)).unwrap();
    assert_eq!(making(|m| Deal::make(&made.input(), Some(&made), m)).unwrap(), made);
}

#[test]
fn faults_are_told_at_once() {
    let pipeline = pipeline();
    let person = DealContact { contact_id: ContactId::new(Uuid::from_u128(1)), role: None };
    let line = LineItemInput { quantity: Some("-1".into()), price: Some(money::MOST), ..LineItemInput::default() };
    let bad = NewDeal {
        name: None,
        contacts: Some(vec![person.clone(), person]),
        line_items: Some(vec![line]),
        budget: Some(MoneyInput { amount: 1, currency: "XXX".into() }),
        expected_close_on: NaiveDate::from_ymd_opt(9999, 1, 1),
        ..input(&pipeline)
    };
    let errors = making(|m| Deal::make(&bad, None, m)).unwrap_err();
    let mut pointers: Vec<&str> = errors.0.iter().map(|e| e.pointer.as_str()).collect();
    pointers.sort_unstable();
    let expected =
        ["/budget/currency", "/contacts/1/contact_id", "/expected_close_on", "/line_items/0/name", "/line_items/0/quantity", "/name"];
    assert_eq!(pointers, expected);
    let many = NewDeal { line_items: Some(vec![LineItemInput::default(); line_item::MOST_LINES + 1]), ..input(&pipeline) };
    assert_eq!(making(|m| Deal::make(&many, None, m)).unwrap_err().0[0].code, FieldCode::TooLong);
}

#[test]
fn rules_of_the_pipeline_decide_which_moves_are_legal() {
    let mut pipeline = pipeline();
    let at = |place: usize| pipeline.stages.get(place).unwrap().id;
    let [first, offer, talk, won, lost] = [at(0), at(1), at(2), at(5), at(6)];
    let here = deal(&pipeline);
    let reason = |pipeline: &Pipeline, deal: &Deal, to| check(deal, pipeline, to, false).err().map(|refusal| refusal.reason);
    assert_eq!(reason(&pipeline, &here, offer), Some(MoveRefusalReason::FieldsMissing));
    // leaving a stage out does not leave out what it asks for
    assert_eq!(reason(&pipeline, &here, talk), Some(MoveRefusalReason::FieldsMissing));
    assert_eq!(reason(&pipeline, &here, lost), None);
    let priced = Deal { amount: Some(Money { amount: 1, currency: "RUB".into() }), ..here };
    assert_eq!(reason(&pipeline, &priced, talk), None);
    pipeline.skipping = MoveRule::Nobody;
    assert_eq!(reason(&pipeline, &priced, talk), Some(MoveRefusalReason::SkippingNotAllowed));
    assert_eq!(reason(&pipeline, &priced, won), Some(MoveRefusalReason::SkippingNotAllowed));
    let later = Deal { stage_id: talk, ..priced };
    assert_eq!(reason(&pipeline, &later, first), None);
    pipeline.going_back = MoveRule::Heads;
    let refusal = check(&later, &pipeline, first, false).unwrap_err();
    assert_eq!(refusal.reason, MoveRefusalReason::GoingBackNotAllowed);
    assert_eq!(refusal.legal_moves.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["Payment", "Lost"]);
    assert!(check(&later, &pipeline, first, true).is_ok());
    let closed = Deal { stage_id: won, ..later };
    assert_eq!(reason(&pipeline, &closed, talk), Some(MoveRefusalReason::ReopeningNotAllowed));
    assert!(check(&closed, &pipeline, talk, true).is_ok());
}

#[test]
fn from_a_closed_stage_one_opens_again_and_does_not_leave_out_what_lies_between() {
    let pipeline = Pipeline { skipping: MoveRule::Nobody, ..pipeline() };
    let [first, talk, won, lost] = [0, 2, 5, 6].map(|place: usize| pipeline.stages[place].id);
    let of = |stage_id| Deal { stage_id, ..deal(&pipeline) };
    let refusal = check(&of(lost), &pipeline, won, true).unwrap_err();
    assert_eq!(refusal.reason, MoveRefusalReason::SkippingNotAllowed);
    assert!(refusal.legal_moves.iter().all(|m| m.kind == StageKind::Open) && refusal.legal_moves.len() == 5);
    assert!(check(&of(lost), &pipeline, first, true).is_ok());
    assert_eq!(check(&of(lost), &pipeline, talk, true).unwrap_err().missing_fields, [DealRequirement::Amount]);
    assert!(check(&of(won), &pipeline, lost, true).is_ok(), "what was won may fall through after all");
    let free = Pipeline { skipping: MoveRule::Heads, ..pipeline.clone() };
    assert_eq!(check(&of(lost), &free, won, true).unwrap_err().missing_fields, [DealRequirement::Amount]);
}

#[test]
fn a_deal_whose_stage_is_gone_begins_anew() {
    let pipeline = Pipeline { skipping: MoveRule::Nobody, going_back: MoveRule::Nobody, ..pipeline() };
    let astray = Deal { stage_id: StageId::new(Uuid::from_u128(1)), ..deal(&pipeline) };
    let kinds: Vec<StageKind> = legal_moves(&astray, &pipeline, false).iter().map(|m| m.kind).collect();
    assert_eq!((kinds.len(), kinds.last()), (6, Some(&StageKind::Lost)), "any open stage, and lost");
    assert!(!kinds.contains(&StageKind::Won));
    assert_eq!(check(&astray, &pipeline, pipeline.stages[5].id, false).unwrap_err().reason, MoveRefusalReason::SkippingNotAllowed);
}

#[test]
fn in_an_archived_pipeline_a_deal_may_only_end() {
    let mut pipeline = pipeline();
    pipeline.archived_at = Some(pipeline.created_at);
    let here = Deal { amount: Some(Money { amount: 1, currency: "RUB".into() }), ..deal(&pipeline) };
    let kinds: Vec<StageKind> = legal_moves(&here, &pipeline, true).iter().map(|m| m.kind).collect();
    assert_eq!(kinds, [StageKind::Won, StageKind::Lost]);
}

#[test]
fn a_deal_begins_in_a_stage_with_what_the_way_there_asks_for() {
    let pipeline = pipeline();
    let lacking = |deal: &Deal, place: usize| {
        let found = check_beginning(deal, &pipeline, &pipeline.stages[place]).err().unwrap_or_default();
        found.0.into_iter().map(|e| (e.pointer, e.code)).collect::<Vec<_>>()
    };
    let here = deal(&pipeline);
    assert!(lacking(&here, 0).is_empty());
    assert_eq!(lacking(&here, 1), [("/amount".to_owned(), FieldCode::Required)]);
    assert_eq!(lacking(&here, 3), [("/amount".to_owned(), FieldCode::Required)]);
    assert!(lacking(&Deal { amount: Some(Money { amount: 1, currency: "RUB".into() }), ..here }, 3).is_empty());
}

#[test]
fn a_deal_comes_to_a_stage_after_it_came_to_the_one_before() {
    let pipeline = pipeline();
    let here = deal(&pipeline);
    for clock in [here.stage_entered_at - chrono::Duration::seconds(5), here.stage_entered_at] {
        assert_eq!((here.moved(&pipeline.stages[5], clock).stage_entered_at - here.stage_entered_at).num_microseconds(), Some(1));
    }
    let later = here.stage_entered_at + chrono::Duration::seconds(5);
    let won = here.moved(&pipeline.stages[5], later);
    assert_eq!((won.stage_entered_at, won.closed_at), (later, Some(later)));
}

#[test]
fn null_and_an_empty_text_clear_a_field_of_a_known_line() {
    let pipeline = pipeline();
    let whole = LineItemInput {
        name: Some("x".into()),
        price: Some(100),
        code: Some("A1".into()),
        unit: Some("kg".into()),
        quantity: Some("2".into()),
        discount_percent: Some("10".into()),
        tax_included: Some(true),
        ..LineItemInput::default()
    };
    let before = making(|m| Deal::make(&NewDeal { line_items: Some(vec![whole]), ..input(&pipeline) }, None, m)).unwrap();
    let change = |fields: serde_json::Value| {
        let mut sent = serde_json::json!({"id": before.line_items[0].id});
        sent.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let line: LineItemInput = serde_json::from_value(sent).unwrap();
        making(|m| Deal::make(&NewDeal { line_items: Some(vec![line]), ..before.input() }, Some(&before), m))
    };
    assert_eq!(change(serde_json::json!({})).unwrap(), before, "what is left out stays");
    let cleared =
        change(serde_json::json!({"unit": null, "code": "", "discount_percent": null, "quantity": null, "tax_included": null})).unwrap();
    let line = &cleared.line_items[0];
    assert_eq!((line.id, &line.unit, &line.code, line.price), (before.line_items[0].id, &None, &None, 100));
    assert_eq!((line.discount_percent.as_str(), line.quantity.as_str(), line.tax_included, line.total), ("0", "1", false, 100));
    assert_eq!(change(serde_json::json!({"name": null})).unwrap_err().0[0].pointer, "/line_items/0/name");
}

#[test]
fn a_stage_is_left_forward_when_its_required_steps_are_done() {
    let mut pipeline = pipeline();
    let step = crate::pipeline::stage::ChecklistStep { id: ChecklistStepId::new(Uuid::from_u128(5)), text: "Ask".into(), required: true };
    pipeline.stages[0].checklist = vec![step.clone()];
    pipeline.stages[1].required_fields.clear();
    let here = deal(&pipeline);
    let refusal = check(&here, &pipeline, pipeline.stages[1].id, false).unwrap_err();
    assert_eq!((refusal.reason, refusal.unchecked), (MoveRefusalReason::ChecklistIncomplete, vec![step.id]));
    let done = Deal { checked: vec![step.id], ..here };
    assert!(check(&done, &pipeline, pipeline.stages[1].id, false).is_ok());
}

#[test]
fn stuck_deals_say_why() {
    use stuck::{StuckCode, reasons};
    let pipeline = pipeline();
    let now: DateTime<Utc> = "2026-11-22T10:00:00Z".parse().unwrap();
    let entered = deal(&pipeline).entering(pipeline.first().unwrap(), now);
    let codes = |deal: &Deal, at| reasons(deal, 14, at).into_iter().map(|r| r.code).collect::<Vec<_>>();
    assert_eq!(codes(&entered, now), [StuckCode::NoNextStep]);
    let planned = Deal { next_task_at: Some(now), ..entered };
    assert!(codes(&planned, now).is_empty());
    assert_eq!(codes(&planned, now + chrono::Duration::days(4)), [StuckCode::OverTimeLimit]);
    assert_eq!(codes(&planned, now + chrono::Duration::days(15)), [StuckCode::OverTimeLimit, StuckCode::Silent]);
    assert!(codes(&Deal { outcome: DealOutcome::Won, ..planned }, now + chrono::Duration::days(15)).is_empty());
}

proptest! {
    /// The amount of a deal is the sum of its rounded lines, in currencies without, with two and with three decimals alike: all is counted in
    /// whole minor units.
    #[test]
    fn the_amount_is_the_sum_of_its_rounded_lines(
        lines in proptest::collection::vec((0_i64..1_000_000_000, 0_i64..100_000_000, 0_i64..=1_000_000, 0_i64..=1_000_000, any::<bool>()), 1..40),
        currency in prop_oneof![Just("JPY"), Just("RUB"), Just("KWD")],
    ) {
        let pipeline = pipeline();
        let decimal = |n: i64, scale: u32| rust_decimal::Decimal::new(n, scale);
        let inputs: Vec<LineItemInput> = lines.iter().map(|(price, quantity, discount, tax, included)| LineItemInput {
            name: Some("x".into()),
            price: Some(*price),
            quantity: Some(decimal(*quantity, 6).to_string()),
            discount_percent: Some(decimal(*discount, 4).to_string()),
            tax_percent: Some(decimal(*tax, 4).to_string()),
            tax_included: Some(*included),
            ..LineItemInput::default()
        }).collect();
        let made = making(|m| Deal::make(&NewDeal { line_items: Some(inputs), currency: Some(currency.into()), ..input(&pipeline) }, None, m)).unwrap();
        let expected: i64 = lines.iter().map(|(price, quantity, discount, tax, included)| {
            line_item::amounts(decimal(*quantity, 6), *price, decimal(*discount, 4), decimal(*tax, 4), *included).unwrap().2
        }).sum();
        prop_assert!(made.line_items.iter().all(|line| line.net + line.tax == line.total));
        prop_assert_eq!(made.amount, Some(Money { amount: expected, currency: currency.into() }));
    }

    /// A legal move is never refused for its order, and what is not among the legal moves always is.
    #[test]
    fn legal_moves_and_refusals_agree(
        skipping in 0_usize..3, going_back in 0_usize..3, reopening in 0_usize..3, from in 0_usize..7, to in 0_usize..7, leads: bool, priced: bool,
    ) {
        let rule = |n: usize| MoveRule::ALL.get(n).copied().unwrap_or(MoveRule::Anyone);
        let pipeline = Pipeline { skipping: rule(skipping), going_back: rule(going_back), reopening: rule(reopening), ..pipeline() };
        let amount = priced.then(|| Money { amount: 1, currency: "RUB".into() });
        let here = Deal { stage_id: pipeline.stages[from].id, amount, ..deal(&pipeline) };
        let target = pipeline.stages[to].id;
        prop_assume!(from != to);
        let legal = legal_moves(&here, &pipeline, leads).into_iter().find(|m| m.stage_id == target);
        match check(&here, &pipeline, target, leads) {
            Ok(()) => prop_assert!(legal.is_some_and(|m| m.missing_fields.is_empty() && m.unchecked.is_empty())),
            Err(refusal) if refusal.reason == MoveRefusalReason::FieldsMissing => prop_assert!(legal.is_some_and(|m| m.missing_fields == refusal.missing_fields)),
            Err(_) => prop_assert!(legal.is_none()),
        }
    }
}
