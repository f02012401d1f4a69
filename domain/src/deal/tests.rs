use std::cell::Cell;

use proptest::prelude::*;
use uuid::Uuid;

use super::{
    movement::{MoveRefusalReason, check, legal_moves},
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
