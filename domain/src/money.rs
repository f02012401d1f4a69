//! Money: whole minor units of a currency. Rates and quantities are decimals; every amount they lead to is rounded to the minor unit, half away
//! from zero, line by line, and sums are sums of rounded amounts.

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::invalid::{FieldCode, FieldErrors};

/// The greatest amount, minor units: what every reader of JSON takes exactly (2^53 - 1).
pub const MOST: i64 = 9_007_199_254_740_991;

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Money {
    /// Whole minor units: kopecks, cents.
    #[schema(required = true, minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    pub amount: i64,
    /// Currency, ISO 4217.
    #[schema(required = true, min_length = 3, max_length = 3)]
    pub currency: String,
}

/// An amount of money as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoneyInput {
    /// Whole minor units: kopecks, cents.
    #[validate(range(min = 0, max = 9_007_199_254_740_991_i64))]
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    pub amount: i64,
    /// Currency, ISO 4217.
    #[validate(length(min = 3, max = 3))]
    #[schema(min_length = 3, max_length = 3)]
    pub currency: String,
}

impl From<&Money> for MoneyInput {
    fn from(money: &Money) -> Self {
        Self { amount: money.amount, currency: money.currency.clone() }
    }
}

/// How many digits a currency's minor units have.
pub fn exponent(currency: &str) -> u32 {
    iso_currency::Currency::from_code(currency).and_then(iso_currency::Currency::exponent).map_or(2, u32::from)
}

/// A currency that has minor units; notes anything else at the pointer.
pub fn currency(pointer: &str, given: &str, errors: &mut FieldErrors) -> String {
    let code = given.trim().to_ascii_uppercase();
    if iso_currency::Currency::from_code(&code).and_then(iso_currency::Currency::exponent).is_none() {
        errors.add_with(pointer, FieldCode::InvalidCurrency, given);
    }
    code
}

/// Money from what was sent.
pub fn money(pointer: &str, given: Option<&MoneyInput>, errors: &mut FieldErrors) -> Option<Money> {
    let given = given?;
    if !(0..=MOST).contains(&given.amount) {
        errors.add_with(format!("{pointer}/amount"), FieldCode::OutOfRange, format!("0…{MOST}"));
    }
    Some(Money { amount: given.amount, currency: currency(&format!("{pointer}/currency"), &given.currency, errors) })
}

/// A decimal of at most `scale` places between two bounds; notes anything else at the pointer.
pub fn decimal(pointer: &str, given: &str, scale: u32, most: i64, errors: &mut FieldErrors) -> Decimal {
    let plain = given.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match Decimal::from_str_exact(given) {
        Ok(number) if plain && number.normalize().scale() <= scale && number <= Decimal::from(most) => number,
        _ => {
            errors.add_with(pointer, FieldCode::InvalidNumber, given);
            Decimal::ZERO
        }
    }
}

/// Rounds to the minor unit, half away from zero; `None` outside what can be kept.
pub fn round(exact: Decimal) -> Option<i64> {
    exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64().filter(|amount| (-MOST..=MOST).contains(amount))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_minor_unit_goes_away_from_zero() {
        for (exact, rounded) in [("0.5", 1), ("0.4999", 0), ("1.5", 2), ("2.5", 3), ("-2.5", -3)] {
            assert_eq!(round(exact.parse().unwrap()), Some(rounded), "{exact}");
        }
        assert_eq!(round(Decimal::from(MOST) + Decimal::ONE), None);
    }

    #[test]
    fn a_currency_is_one_that_is_paid_in() {
        let mut errors = FieldErrors::default();
        assert_eq!(currency("/c", "rub", &mut errors), "RUB");
        assert!(errors.is_empty());
        for bad in ["XXX", "рубль", "", "US"] {
            let mut errors = FieldErrors::default();
            currency("/c", bad, &mut errors);
            assert_eq!(errors.0.len(), 1, "{bad}");
        }
    }

    #[test]
    fn a_decimal_is_written_in_digits() {
        for (text, good) in [
            ("1.5", true),
            ("0", true),
            ("1000000000", true),
            ("1000000000.1", false),
            ("1.1234567", false),
            ("1e3", false),
            ("-1", false),
            ("", false),
            (".", false),
            ("+1", false),
        ] {
            let mut errors = FieldErrors::default();
            decimal("/q", text, 6, 1_000_000_000, &mut errors);
            assert_eq!(errors.is_empty(), good, "{text}");
        }
    }
}
