//! Strict reading of JSON: an object where a record is wanted, a string where a word is wanted. serde alone would read a
//! record from a list, by position.

use serde::{
    Deserializer,
    de::{
        Error as _, IntoDeserializer, Unexpected, Visitor,
        value::{Error, MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::Value;

/// A value to be read strictly.
#[derive(Clone, Copy)]
pub struct Strict<'de>(pub &'de Value);

/// Up to here (2⁵³) every whole number is exact as a double.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(flag) => Unexpected::Bool(*flag),
        Value::Number(number) => number.as_i64().map_or(Unexpected::Other("number"), Unexpected::Signed),
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}

impl<'de> IntoDeserializer<'de, Error> for Strict<'de> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Strict<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(natural), ..) => visitor.visit_u64(natural),
                (_, Some(whole), _) => visitor.visit_i64(whole),
                (.., Some(real)) => visitor.visit_f64(real),
                _ => Err(Error::invalid_type(Unexpected::Other("number"), &visitor)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.iter().map(Strict))),
            Value::Object(map) => visitor.visit_map(MapDeserializer::new(map.iter().map(|(key, value)| (key.as_str(), Strict(value))))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_struct<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        if self.0.is_object() { self.deserialize_any(visitor) } else { Err(Error::invalid_type(unexpected(self.0), &visitor)) }
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            other => Err(Error::invalid_type(unexpected(other), &visitor)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    // 2.0 is as whole as 2: JSON knows one kind of number, and some languages write every number with its point
    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.as_f64().filter(|real| self.0.is_f64() && real.fract() == 0.0 && real.abs() < MOST_EXACT) {
            #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and is within what is exact")]
            Some(whole) => visitor.visit_i64(whole as i64),
            None => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct
        map identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kartoteka_domain::{contact::NewContact, task::Priority};
    use serde::Deserialize;
    use serde_json::json;

    #[test]
    fn a_list_is_no_record_and_a_flag_is_no_word() {
        assert!(NewContact::deserialize(Strict(&json!(["x-1", "lead"]))).is_err());
        assert!(NewContact::deserialize(Strict(&json!({"address": []}))).is_err());
        assert!(Priority::deserialize(Strict(&json!(true))).is_err());
        assert_eq!(Priority::deserialize(Strict(&json!("high"))).unwrap(), Priority::High);
        let read =
            NewContact::deserialize(Strict(&json!({"last_name": "А", "phones": [{"value": "1"}], "address": {"city": "Київ"}}))).unwrap();
        assert_eq!(read.address.unwrap().city.as_deref(), Some("Київ"));
    }
}
