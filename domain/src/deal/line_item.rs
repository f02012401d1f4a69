//! Line items: what is offered and at what price. Each line is rounded by itself; a deal's amount is the sum of its lines.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    id::LineItemId,
    invalid::{FieldCode, FieldErrors, line},
    money,
    record::Making,
};

/// Marks ids of line items.
pub type Mark = LineItem;

/// Most line items of a deal.
pub const MOST_LINES: usize = 200;

/// One line of an offer; amounts are whole minor units of the deal's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineItem {
    /// Its id.
    #[schema(required = true)]
    pub id: LineItemId,
    /// What it is.
    #[schema(required = true)]
    pub name: String,
    /// Code of the goods, as the shop or the stock knows them.
    #[schema(required = true)]
    pub code: Option<String>,
    /// How much, a decimal of up to six places.
    #[schema(required = true, pattern = r"^\d+(\.\d{1,6})?$")]
    pub quantity: String,
    /// In what: pieces, hours, kilograms.
    #[schema(required = true)]
    pub unit: Option<String>,
    /// Price of one.
    #[schema(required = true, minimum = 0)]
    pub price: i64,
    /// Discount in percent, a decimal of up to four places.
    #[schema(required = true, pattern = r"^\d+(\.\d{1,4})?$")]
    pub discount_percent: String,
    /// Tax in percent, a decimal of up to four places.
    #[schema(required = true, pattern = r"^\d+(\.\d{1,4})?$")]
    pub tax_percent: String,
    /// Whether the price contains the tax.
    #[schema(required = true)]
    pub tax_included: bool,
    /// Amount without tax, after the discount.
    #[schema(required = true)]
    pub net: i64,
    /// The tax.
    #[schema(required = true)]
    pub tax: i64,
    /// What is to be paid: `net` and `tax`.
    #[schema(required = true)]
    pub total: i64,
}

/// Null clears as an empty text does; what is left out stays.
fn empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer).map(|given: Option<String>| Some(given.unwrap_or_default()))
}

/// Null is what a new line has.
fn unset<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Option::deserialize(deserializer).map(|given: Option<bool>| Some(given.unwrap_or_default()))
}

/// One line of an offer as it is sent. In a change, a line with a known `id` keeps what it leaves out; null or an empty text clears.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineItemInput {
    /// Id of a line that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<LineItemId>,
    /// What it is.
    #[validate(length(max = 300))]
    #[schema(max_length = 300)]
    #[serde(default, deserialize_with = "empty", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Code of the goods.
    #[validate(length(max = 100))]
    #[schema(max_length = 100)]
    #[serde(default, deserialize_with = "empty", skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// How much, a decimal of up to six places, at most a thousand million; 1 when absent.
    #[validate(length(max = 20))]
    #[schema(max_length = 20, pattern = r"^(\d+(\.\d{1,6})?)?$")]
    #[serde(default, deserialize_with = "empty", skip_serializing_if = "Option::is_none")]
    pub quantity: Option<String>,
    /// In what: pieces, hours, kilograms.
    #[validate(length(max = 30))]
    #[schema(max_length = 30)]
    #[serde(default, deserialize_with = "empty", skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Price of one, whole minor units of the deal's currency.
    #[validate(range(min = 0, max = 9_007_199_254_740_991_i64))]
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<i64>,
    /// Discount in percent, 0 to 100, a decimal of up to four places.
    #[validate(length(max = 10))]
    #[schema(max_length = 10, pattern = r"^(\d+(\.\d{1,4})?)?$")]
    #[serde(default, deserialize_with = "empty", skip_serializing_if = "Option::is_none")]
    pub discount_percent: Option<String>,
    /// Tax in percent, 0 to 100, a decimal of up to four places.
    #[validate(length(max = 10))]
    #[schema(max_length = 10, pattern = r"^(\d+(\.\d{1,4})?)?$")]
    #[serde(default, deserialize_with = "empty", skip_serializing_if = "Option::is_none")]
    pub tax_percent: Option<String>,
    /// Whether the price contains the tax.
    #[serde(default, deserialize_with = "unset", skip_serializing_if = "Option::is_none")]
    pub tax_included: Option<bool>,
}

impl From<&LineItem> for LineItemInput {
    fn from(l: &LineItem) -> Self {
        Self {
            id: Some(l.id),
            name: Some(l.name.clone()),
            code: l.code.clone(),
            quantity: Some(l.quantity.clone()),
            unit: l.unit.clone(),
            price: Some(l.price),
            discount_percent: Some(l.discount_percent.clone()),
            tax_percent: Some(l.tax_percent.clone()),
            tax_included: Some(l.tax_included),
        }
    }
}

/// Net, tax and total of a line; `None` when it is more than can be kept.
///
/// The discounted price of the whole quantity is rounded first, then the tax of that; the third amount is their difference or sum, so that
/// `net + tax = total` always.
pub fn amounts(quantity: Decimal, price: i64, discount: Decimal, tax: Decimal, tax_included: bool) -> Option<(i64, i64, i64)> {
    let hundred = Decimal::ONE_HUNDRED;
    let full = quantity.checked_mul(Decimal::from(price))?;
    let discounted = full.checked_mul(hundred - discount)?.checked_div(hundred)?;
    let rounded = money::round(discounted)?;
    if tax_included {
        let part = money::round(Decimal::from(rounded).checked_mul(tax)?.checked_div(hundred + tax)?)?;
        Some((rounded - part, part, rounded))
    } else {
        let part = money::round(Decimal::from(rounded).checked_mul(tax)?.checked_div(hundred)?)?;
        let total = rounded.checked_add(part).filter(|total| *total <= money::MOST)?;
        Some((rounded, part, total))
    }
}

/// The lines of a deal from what was sent, every fault noted.
pub fn lines(inputs: &[LineItemInput], previous: &[LineItem], making: &Making<'_>, errors: &mut FieldErrors) -> Vec<LineItem> {
    let mut lines: Vec<LineItem> = Vec::with_capacity(inputs.len());
    if inputs.len() > MOST_LINES {
        errors.add_with("/line_items", FieldCode::TooLong, MOST_LINES.to_string());
        return lines;
    }
    for (index, input) in inputs.iter().enumerate() {
        let at = |field: &str| format!("/line_items/{index}/{field}");
        let old = input.id.and_then(|id| previous.iter().find(|old| old.id == id));
        if input.id.is_some() && old.is_none() {
            errors.add(at("id"), FieldCode::ReferenceNotFound);
            continue;
        }
        if lines.iter().any(|other| Some(other.id) == input.id) {
            errors.add(at("id"), FieldCode::AlreadyTaken);
            continue;
        }
        // what a known line leaves out it keeps, what is empty is cleared
        let text = |given: &Option<String>, was: Option<&String>| match given {
            Some(given) => line(Some(given)),
            None => was.cloned(),
        };
        let name = text(&input.name, old.map(|o| &o.name)).unwrap_or_default();
        if name.is_empty() {
            errors.add(at("name"), FieldCode::Required);
        }
        let price = input.price.or(old.map(|o| o.price));
        if price.is_none() {
            errors.add(at("price"), FieldCode::Required);
        }
        let quantity_text = text(&input.quantity, old.map(|o| &o.quantity)).unwrap_or_else(|| "1".into());
        let discount_text = text(&input.discount_percent, old.map(|o| &o.discount_percent)).unwrap_or_else(|| "0".into());
        let tax_text = text(&input.tax_percent, old.map(|o| &o.tax_percent)).unwrap_or_else(|| "0".into());
        let quantity = money::decimal(&at("quantity"), &quantity_text, 6, 1_000_000_000, errors);
        let discount = money::decimal(&at("discount_percent"), &discount_text, 4, 100, errors);
        let tax = money::decimal(&at("tax_percent"), &tax_text, 4, 100, errors);
        let tax_included = input.tax_included.unwrap_or(old.is_some_and(|o| o.tax_included));
        let price = price.unwrap_or_default().max(0);
        let Some((net, tax_amount, total)) = amounts(quantity, price, discount, tax, tax_included) else {
            errors.add(at("price"), FieldCode::AmountTooLarge);
            continue;
        };
        lines.push(LineItem {
            id: old.map_or_else(|| LineItemId::new((making.fresh_id)()), |o| o.id),
            name,
            code: text(&input.code, old.and_then(|o| o.code.as_ref())),
            quantity: quantity.normalize().to_string(),
            unit: text(&input.unit, old.and_then(|o| o.unit.as_ref())),
            price,
            discount_percent: discount.normalize().to_string(),
            tax_percent: tax.normalize().to_string(),
            tax_included,
            net,
            tax: tax_amount,
            total,
        });
    }
    lines
}

/// What all lines come to; `None` when it is more than can be kept.
pub fn sum(lines: &[LineItem]) -> Option<i64> {
    lines.iter().try_fold(0_i64, |sum, line| sum.checked_add(line.total).filter(|sum| *sum <= money::MOST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_rounded_half_up_and_its_parts_add_up() {
        let d = |text: &str| text.parse::<Decimal>().unwrap();
        // 3 × 33.33 less 10 % is 89.991, with 20 % on top
        assert_eq!(amounts(d("3"), 3333, d("10"), d("20"), false), Some((8999, 1800, 10_799)));
        // 1000.00 with 20 % inside: 166.67 of it
        assert_eq!(amounts(d("1"), 100_000, d("0"), d("20"), true), Some((83_333, 16_667, 100_000)));
        assert_eq!(amounts(d("0.5"), 1, d("0"), d("0"), false), Some((1, 0, 1)));
        assert_eq!(amounts(d("1000000000"), money::MOST, d("0"), d("0"), false), None);
    }

    proptest! {
        /// Against exact arithmetic in whole numbers: price in minor units of whatever size, quantity in millionths, rates in
        /// millionths of one.
        #[test]
        fn amounts_are_the_rounded_exact_ones(
            price in 0_i64..10_000_000_000, quantity in 0_i64..1_000_000_000, discount in 0_i64..=1_000_000, tax in 0_i64..=1_000_000, included: bool,
        ) {
            let d = |n: i64, scale: u32| Decimal::new(n, scale);
            let half_up = |n: i128, by: i128| (2 * n + by) / (2 * by);
            let exact = i128::from(price) * i128::from(quantity) * i128::from(1_000_000 - discount);
            let rounded = half_up(exact, 1_000_000_000_000);
            let (net, part, total) = if included {
                let part = half_up(rounded * i128::from(tax), i128::from(1_000_000 + tax));
                (rounded - part, part, rounded)
            } else {
                let part = half_up(rounded * i128::from(tax), 1_000_000);
                (rounded, part, rounded + part)
            };
            let told = amounts(d(quantity, 6), price, d(discount, 4), d(tax, 4), included);
            if total <= i128::from(money::MOST) {
                let (a, b, c) = told.unwrap();
                prop_assert_eq!((i128::from(a), i128::from(b), i128::from(c)), (net, part, total));
            } else {
                prop_assert_eq!(told, None);
            }
        }
    }
}
