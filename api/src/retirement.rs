//! Operations on their way out. A handler says it in its own attribute, and both the document and every answer tell it:
//!
//! ```text
//! #[utoipa::path(get, path = "/v1/old", tag = "x", extensions(
//!     ("x-deprecated-since" = json!("2027-01-01")), ("x-sunset" = json!("2027-12-31")), ("x-successor" = json!("/v1/new"))))]
//! ```
//! `Deprecation` is RFC 9745's (a structured date), `Sunset` RFC 8594's (an HTTP date), the successor a `Link` of relation
//! `successor-version` (RFC 5829).

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, LINK};
use chrono::NaiveDate;
use serde_json::{Map, Value, json};

/// When an operation was, or will be, given up, and what comes instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retirement {
    since: NaiveDate,
    sunset: Option<NaiveDate>,
    successor: Option<String>,
}

impl Retirement {
    /// What a described operation says of its end; `None` while it has none in sight.
    ///
    /// # Errors
    /// The extension that cannot be read, or a sunset before the deprecation.
    pub fn of(operation: &Value) -> Result<Option<Self>, String> {
        let date = |name: &str| match operation.get(name) {
            None => Ok(None),
            Some(value) => {
                let read = value.as_str().and_then(|text| text.parse::<NaiveDate>().ok());
                read.map(Some).ok_or_else(|| format!("{name} is no date: {value}"))
            }
        };
        let (since, sunset) = (date("x-deprecated-since")?, date("x-sunset")?);
        let successor = operation.get("x-successor").and_then(Value::as_str).map(ToOwned::to_owned);
        match since {
            None if sunset.is_some() || successor.is_some() => Err("x-sunset and x-successor need x-deprecated-since".to_owned()),
            None => Ok(None),
            Some(since) if sunset.is_some_and(|sunset| sunset < since) => Err("x-sunset is before x-deprecated-since".to_owned()),
            Some(since) => Ok(Some(Self { since, sunset, successor })),
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        let mut values = vec![("Deprecation", format!("@{}", self.since.and_time(chrono::NaiveTime::MIN).and_utc().timestamp()))];
        values.extend(self.sunset.map(|day| ("Sunset", day.format("%a, %d %b %Y 00:00:00 GMT").to_string())));
        values.extend(self.successor.as_ref().map(|path| ("Link", format!("<{path}>; rel=\"successor-version\""))));
        values
    }

    /// Tells it in an answer, whatever its status.
    pub fn tell(&self, headers: &mut HeaderMap) {
        for (name, value) in self.values() {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.to_lowercase().as_bytes()), HeaderValue::from_str(&value)) {
                // there may be other links
                if name == LINK { headers.append(name, value) } else { drop(headers.insert(name, value)) }
            }
        }
    }

    /// Describes it in the document.
    pub fn describe(&self, operation: &mut Map<String, Value>) {
        operation.insert("deprecated".into(), true.into());
        for response in operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
            let Some(headers) = response.get_mut("headers").and_then(Value::as_object_mut) else { continue };
            for (name, value) in self.values() {
                let text = match name {
                    "Deprecation" => "Since when the operation is given up (RFC 9745).",
                    "Sunset" => "When it will be gone (RFC 8594).",
                    _ => "What comes instead.",
                };
                headers.insert(name.into(), json!({"description": text, "schema": {"type": "string"}, "example": value}));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn old() -> Value {
        json!({"operationId": "get_old", "x-deprecated-since": "2027-01-01", "x-sunset": "2027-12-31", "x-successor": "/v1/new", "responses": {"200": {"headers": {}}}})
    }

    #[test]
    fn the_end_is_told_by_headers_and_in_the_document() {
        let retirement = Retirement::of(&old()).unwrap().unwrap();
        let mut headers = HeaderMap::new();
        retirement.tell(&mut headers);
        assert_eq!(headers.get("deprecation").unwrap(), "@1798761600");
        assert_eq!(headers.get("sunset").unwrap(), "Fri, 31 Dec 2027 00:00:00 GMT");
        assert_eq!(headers.get("link").unwrap(), "</v1/new>; rel=\"successor-version\"");
        let mut operation = old().as_object().cloned().unwrap();
        retirement.describe(&mut operation);
        assert_eq!(operation["deprecated"], true);
        assert_eq!(operation["responses"]["200"]["headers"].as_object().unwrap().len(), 3);
    }

    #[test]
    fn a_life_without_an_end_says_nothing_and_a_wrong_one_is_an_error() {
        assert_eq!(Retirement::of(&json!({})), Ok(None));
        assert!(Retirement::of(&json!({"x-deprecated-since": "soon"})).is_err());
        assert!(Retirement::of(&json!({"x-sunset": "2027-01-01"})).is_err());
        assert!(Retirement::of(&json!({"x-deprecated-since": "2027-01-02", "x-sunset": "2027-01-01"})).is_err());
    }
}
