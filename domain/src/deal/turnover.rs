//! Turnover: what clients bought, by their deals that were won.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    invalid::{FieldCode, FieldErrors},
    money::{self, Money},
};

/// The fields of a deal a turnover tells of: whoever may not see one of them is told of none.
pub const TOLD: &[&str] = &["amount", "currency", "line_items", "outcome", "closed_at", "contacts", "contact_id"];

params! {
    /// What is told of a client.
    pub struct OverviewParams {
        /// Deals won before this are not counted in the turnover; all are when absent.
        turnover_since: crate::list::Moment,
    }
}

/// What clients bought: deals that were won.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Turnover {
    /// Since when it is counted; null: since ever.
    #[schema(required = true)]
    pub since: Option<DateTime<Utc>>,
    /// How many deals were won.
    #[schema(required = true)]
    pub deals: i64,
    /// What they came to, per currency.
    #[schema(required = true)]
    pub sums: Vec<Money>,
    /// When the last of them was won.
    #[schema(required = true)]
    pub last_won_at: Option<DateTime<Utc>>,
}

/// How much a client must have bought: retail and wholesale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TurnoverCondition {
    /// In which currency, ISO 4217. What was bought in others does not count.
    #[validate(length(min = 3, max = 3))]
    #[schema(min_length = 3, max_length = 3, pattern = "^[A-Za-z]{3}$")]
    pub currency: String,
    /// At least so much, in minor units.
    #[serde(default)]
    #[validate(range(min = 0, max = 9_007_199_254_740_991_i64))]
    #[schema(required = true, minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    pub at_least: Option<i64>,
    /// Less than so much, in minor units.
    #[serde(default)]
    #[validate(range(min = 1, max = 9_007_199_254_740_991_i64))]
    #[schema(required = true, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub less_than: Option<i64>,
}

impl TurnoverCondition {
    /// The condition with its currency as ISO 4217 writes it. Refused when nothing can fulfil it, or everything does.
    pub fn checked(&self, pointer: &str, errors: &mut FieldErrors) -> Self {
        let currency = money::currency(&format!("{pointer}/currency"), &self.currency, errors);
        match (self.at_least, self.less_than) {
            (None, None) => errors.add(format!("{pointer}/at_least"), FieldCode::Required),
            (Some(least), Some(most)) if least >= most => errors.add(format!("{pointer}/less_than"), FieldCode::ConflictingFields),
            _ => {}
        }
        Self { currency, ..self.clone() }
    }
    /// Whether who bought so much fulfils it. Who never bought anything has a turnover of nothing.
    pub fn fits(&self, turnover: &Turnover) -> bool {
        let sum = turnover.sums.iter().find(|sum| sum.currency == self.currency).map_or(0, |sum| sum.amount);
        self.at_least.is_none_or(|least| sum >= least) && self.less_than.is_none_or(|most| sum < most)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bought(amount: i64, currency: &str) -> Turnover {
        Turnover { deals: 1, sums: vec![Money { amount, currency: currency.into() }], ..Turnover::default() }
    }
    fn condition(at_least: Option<i64>, less_than: Option<i64>) -> TurnoverCondition {
        TurnoverCondition { currency: "EUR".into(), at_least, less_than }
    }

    #[test]
    fn other_currencies_do_not_count() {
        let wholesale = condition(Some(100), None);
        assert!(wholesale.fits(&bought(100, "EUR")) && !wholesale.fits(&bought(100, "USD")));
        assert!(condition(None, Some(100)).fits(&bought(100, "USD")));
    }

    #[test]
    fn a_condition_says_something() {
        let faults = |condition: TurnoverCondition| {
            let mut errors = FieldErrors::default();
            condition.checked("/turnover", &mut errors);
            errors.0.into_iter().map(|error| (error.pointer, error.code)).collect::<Vec<_>>()
        };
        assert_eq!(faults(condition(None, None)), [("/turnover/at_least".to_owned(), FieldCode::Required)]);
        assert_eq!(faults(condition(Some(5), Some(5))), [("/turnover/less_than".to_owned(), FieldCode::ConflictingFields)]);
        assert_eq!(faults(TurnoverCondition { currency: "ABC".into(), ..condition(Some(5), None) }).len(), 1);
        assert!(faults(condition(Some(5), Some(6))).is_empty());
    }

    proptest! {
        #[test]
        fn retail_and_wholesale_part_all_clients(border in 1_i64..1_000_000, sum in 0_i64..2_000_000) {
            let (retail, wholesale) = (condition(None, Some(border)), condition(Some(border), None));
            prop_assert!(retail.fits(&bought(sum, "EUR")) != wholesale.fits(&bought(sum, "EUR")));
        }
    }
}
