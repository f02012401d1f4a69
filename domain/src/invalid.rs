//! What is wrong with an input: every fault at once, each with its place and reason.

use std::borrow::Cow;

use validator::{ValidationErrors, ValidationErrorsKind};

words! {
    /// Why one value is refused. Open to additions.
    pub enum FieldCode {
        /// A value must be given.
        Required = "required",
        /// Longer than allowed, or more items than allowed.
        TooLong = "too_long",
        /// More than is done at once: narrow it.
        TooMany = "too_many",
        /// Shorter than allowed.
        TooShort = "too_short",
        /// Outside the allowed range.
        OutOfRange = "out_of_range",
        /// Not a phone number.
        InvalidPhone = "invalid_phone",
        /// Not an e-mail address.
        InvalidEmail = "invalid_email",
        /// Not a messenger's handle, `network:handle`.
        InvalidMessenger = "invalid_messenger",
        /// Not a tax id, or its checksum is wrong.
        InvalidTaxId = "invalid_tax_id",
        /// Not an http or https address.
        InvalidUrl = "invalid_url",
        /// Not an IANA time zone.
        InvalidTimeZone = "invalid_time_zone",
        /// Not a language tag: `ru`, `pt-BR`.
        InvalidLanguage = "invalid_language",
        /// Not a key: lower snake_case, a letter first.
        InvalidKey = "invalid_key",
        /// Not a repetition rule of RFC 5545 that can be kept.
        InvalidRecurrence = "invalid_recurrence",
        /// Not a colour, `#RRGGBB`.
        InvalidColor = "invalid_color",
        /// Not an ISO 3166 country.
        InvalidCountry = "invalid_country",
        /// Not an ISO 4217 currency.
        InvalidCurrency = "invalid_currency",
        /// Not one of the allowed values.
        InvalidValue = "invalid_value",
        /// A date or time that cannot be meant.
        InvalidTime = "invalid_time",
        /// Text with characters that cannot be kept (U+0000).
        InvalidText = "invalid_text",
        /// The named record is not there.
        ReferenceNotFound = "reference_not_found",
        /// The person is deactivated.
        InactiveUser = "inactive_user",
        /// Another record has this value already.
        AlreadyTaken = "already_taken",
        /// A name the request may not carry.
        UnknownField = "unknown_field",
        /// A query parameter the operation does not know.
        UnknownParameter = "unknown_parameter",
        /// A value of another JSON type is wanted.
        WrongType = "wrong_type",
        /// The cursor does not belong to this list and order.
        InvalidCursor = "invalid_cursor",
        /// The password is too short or too common.
        WeakPassword = "weak_password",
        /// The value would lead outside what the asker may reach.
        OutsideReach = "outside_reach",
        /// The tree would contain itself.
        Cycle = "cycle",
        /// A next step, or the reason why there is none, is wanted.
        NextStepRequired = "next_step_required",
        /// What came of it, or a next step, is wanted.
        OutcomeRequired = "outcome_required",
        /// Not a decimal number within its bounds.
        InvalidNumber = "invalid_number",
        /// What it comes to is more than can be kept.
        AmountTooLarge = "amount_too_large",
        /// A pipeline has at least one open stage, one won and one lost.
        StageKinds = "stage_kinds",
        /// A stage of another pipeline.
        OtherPipeline = "other_pipeline",
        /// The deal is in this stage already.
        SameStage = "same_stage",
        /// The stage asks for a field that the deal does not have.
        FieldsMissing = "fields_missing",
        /// Deals are in the removed stage: say where they go.
        SuccessorRequired = "successor_required",
        /// Not an IP address or a network in CIDR notation.
        InvalidAddress = "invalid_address",
        /// It leads into a network that is not public.
        PrivateAddress = "private_address",
        /// Not the code of this moment.
        WrongCode = "wrong_code",
        /// A record cannot be told without this field, or the field has no shape to be masked to.
        FieldNeeded = "field_needed",
        /// The role does not show this field, or does not let it be written.
        NotPermitted = "not_permitted",
        /// A masked value sent back: it would be stored in place of the real one.
        MaskedValue = "masked_value",
        /// Not the present password.
        WrongPassword = "wrong_password",
        /// A state that only an operation of its own brings about.
        OwnOperation = "own_operation",
        /// Contradicts another field of the request.
        ConflictingFields = "conflicting_fields",
        /// Set when the record is made and not changed afterwards.
        Unchangeable = "unchangeable",
        /// A parameter that stands for one value is there twice.
        ToldTwice = "told_twice",
        /// Earlier than it may be.
        InThePast = "in_the_past",
        /// Later than it may be.
        InTheFuture = "in_the_future",
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) into the request body; empty for a query parameter.
    pub pointer: String,
    /// Name of the query parameter, when the fault is there.
    pub parameter: Option<String>,
    /// Why.
    pub code: FieldCode,
    /// What the message may name: the value, the limit.
    pub given: Option<String>,
}

/// Every fault of an input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldErrors(pub Vec<FieldError>);

impl FieldErrors {
    /// Notes a fault at a pointer.
    pub fn add(&mut self, pointer: impl Into<String>, code: FieldCode) {
        self.0.push(FieldError { pointer: pointer.into(), parameter: None, code, given: None });
    }
    /// Notes a fault and what the message may name.
    pub fn add_with(&mut self, pointer: impl Into<String>, code: FieldCode, given: impl Into<String>) {
        self.0.push(FieldError { pointer: pointer.into(), parameter: None, code, given: Some(shorten(&given.into())) });
    }
    /// A single fault.
    pub fn one(pointer: impl Into<String>, code: FieldCode) -> Self {
        let mut errors = Self::default();
        errors.add(pointer, code);
        errors
    }
    /// A single fault of a query parameter.
    pub fn parameter(name: impl Into<String>, code: FieldCode) -> Self {
        Self(vec![FieldError { pointer: String::new(), parameter: Some(name.into()), code, given: None }])
    }
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// `Ok` when nothing is wrong.
    pub fn finish(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
    /// A cleaned line that must be given; empty when it is not.
    pub fn required_line(&mut self, pointer: &str, given: Option<&str>) -> String {
        let line = given.map(crate::text::clean_line).unwrap_or_default();
        if line.is_empty() {
            self.add(pointer, FieldCode::Required);
        }
        line
    }
    /// An optional http or https address.
    pub fn url(&mut self, pointer: &str, given: Option<&str>) -> Option<String> {
        let url = line(given)?;
        if !crate::workspace::is_url(&url) {
            self.add_with(pointer, FieldCode::InvalidUrl, &url);
        }
        Some(url)
    }
    /// A time a person can mean, cut to microseconds.
    pub fn time(&mut self, pointer: &str, given: Option<chrono::DateTime<chrono::Utc>>) -> Option<chrono::DateTime<chrono::Utc>> {
        let at = given?;
        if !crate::zone::is_sane(at) {
            let code = if at.timestamp() < 0 { FieldCode::InThePast } else { FieldCode::InTheFuture };
            self.add_with(pointer, code, at.to_rfc3339());
        }
        Some(crate::zone::to_micros(at))
    }
    /// An optional IANA zone.
    pub fn zone(&mut self, pointer: &str, given: Option<&str>) -> Option<String> {
        let name = line(given)?;
        if !crate::zone::is_known(&name) {
            self.add_with(pointer, FieldCode::InvalidTimeZone, &name);
        }
        Some(name)
    }
    /// Takes over what the `validator` derive found (lengths and ranges).
    pub fn absorb(&mut self, found: Result<(), ValidationErrors>) {
        if let Err(errors) = found {
            self.walk("", &errors);
        }
    }
    fn walk(&mut self, at: &str, errors: &ValidationErrors) {
        for (field, kind) in errors.errors() {
            let here = format!("{at}/{}", pointer_token(field));
            match kind {
                ValidationErrorsKind::Struct(inner) => self.walk(&here, inner),
                ValidationErrorsKind::List(items) => {
                    for (index, inner) in items {
                        self.walk(&format!("{here}/{index}"), inner);
                    }
                }
                ValidationErrorsKind::Field(faults) => {
                    for fault in faults {
                        let bound = |name: &str| fault.params.get(name).map(ToString::to_string);
                        match fault.code.as_ref() {
                            "length" if bound("max").is_some() => {
                                self.add_with(&here, FieldCode::TooLong, bound("max").unwrap_or_default());
                            }
                            "length" => self.add(&here, FieldCode::TooShort),
                            _ => self.add_with(
                                &here,
                                FieldCode::OutOfRange,
                                format!("{}…{}", bound("min").unwrap_or_default(), bound("max").unwrap_or_default()),
                            ),
                        }
                    }
                }
            }
        }
    }
}

/// A cleaned line, or nothing when it is empty.
pub fn line(given: Option<&str>) -> Option<String> {
    given.map(crate::text::clean_line).filter(|line| !line.is_empty())
}

/// A cleaned text of several lines, or nothing when it is empty.
pub fn prose(given: Option<&str>) -> Option<String> {
    given.map(crate::text::clean).filter(|text| !text.is_empty())
}

/// Escapes one segment of a JSON Pointer.
pub fn pointer_token(segment: &str) -> Cow<'_, str> {
    let segment = segment.strip_prefix("r#").unwrap_or(segment);
    if segment.contains(['~', '/']) { segment.replace('~', "~0").replace('/', "~1").into() } else { segment.into() }
}

/// Messages repeat a value back; a huge one is cut.
fn shorten(text: &str) -> String {
    if text.chars().count() <= 80 { text.to_owned() } else { text.chars().take(79).chain(['…']).collect() }
}
