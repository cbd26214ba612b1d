//! Fields of requests: what is wrong with one is said with its name.

use crate::db::Direction;
use crate::{Error, Result};
use serde::{Deserialize, Deserializer};
use std::str::FromStr;

/// Longest name of anything, in characters.
pub const MAX_NAME: usize = 200;

/// 400 about one field; `details.field` names it.
pub fn invalid(field: &str, message: impl Into<String>) -> Error {
    Error::bad_request(message).with_details(serde_json::json!({"field": field}))
}

/// Says in an error which field it is about.
pub fn about(field: &'static str) -> impl Fn(Error) -> Error {
    move |mut error| {
        let details = error.details.get_or_insert_with(|| serde_json::json!({}));
        if let Some(details) = details.as_object_mut() {
            details.insert("field".into(), field.into());
        }
        error
    }
}

/// A name: trimmed, not empty, not too long, without control characters.
pub fn name(field: &'static str, value: Option<&str>) -> Result<String> {
    let value = value.map(str::trim).unwrap_or_default();
    if value.is_empty() {
        return Err(invalid(field, format!("{field} is required")));
    }
    if value.chars().count() > MAX_NAME {
        return Err(invalid(field, format!("{field} is longer than {MAX_NAME} characters")));
    }
    if value.chars().any(char::is_control) {
        return Err(invalid(field, format!("{field} contains control characters")));
    }
    Ok(value.to_string())
}

/// A word of an enumeration.
pub fn word<T: FromStr<Err = Error>>(field: &'static str, value: &str) -> Result<T> {
    value.parse::<T>().map_err(|error| invalid(field, format!("{field}: {error}")))
}

/// A word of an enumeration, if it was given.
pub fn optional_word<T: FromStr<Err = Error>>(field: &'static str, value: Option<&str>) -> Result<Option<T>> {
    value.filter(|value| !value.is_empty()).map(|value| word(field, value)).transpose()
}

/// By what a list is sorted: a word, with a `-` before it the largest first; without one `otherwise`.
pub fn sorting<T: FromStr<Err = Error>>(
    field: &'static str,
    text: Option<&str>,
    otherwise: T,
) -> Result<(T, Direction)> {
    let text = text.unwrap_or_default();
    let (text, direction) = match text.strip_prefix('-') {
        Some(rest) => (rest, Direction::Falling),
        None => (text, Direction::Rising),
    };
    Ok((optional_word(field, Some(text))?.unwrap_or(otherwise), direction))
}

/// Days of retention: 0 means for ever.
pub fn days(field: &'static str, value: i32) -> Result<i32> {
    match value {
        0..=36_500 => Ok(value),
        _ => Err(invalid(field, format!("{field} must be between 0 (for ever) and 36500, not {value}"))),
    }
}

/// How many sets a rule keeps: 0 means that it keeps none.
pub fn sets_kept(field: &'static str, value: i32) -> Result<i32> {
    match value {
        0..=10_000 => Ok(value),
        _ => Err(invalid(field, format!("{field} must be between 0 (the rule is off) and 10000, not {value}"))),
    }
}

/// Text that may be left out; an empty one counts as none.
pub fn text(value: Option<String>) -> Option<String> {
    value.map(|value| value.trim().to_string()).filter(|value| !value.is_empty())
}

/// For `#[serde(default, deserialize_with = "given")]` on an `Option<Option<T>>`: a field that is absent stays as it
/// is, one that is null is cleared.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A row that a request refers to: 400 about the field instead of 404, since the path was right.
pub fn existing<T>(field: &'static str, row: Result<T>) -> Result<T> {
    row.map_err(|error| match error.code {
        "not_found" => invalid(field, error.message),
        _ => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::TapeStatus;

    #[test]
    fn what_is_wrong_is_said_with_the_name_of_the_field() {
        let error = name("label", Some("  ")).expect_err("empty");
        assert_eq!(
            (error.message.as_str(), &error.details.expect("details")["field"]),
            ("label is required", &"label".into())
        );
        assert_eq!(name("label", Some(" A1 ")).expect("name"), "A1");
        assert!(name("label", Some("a\nb")).is_err());
        let error = word::<TapeStatus>("status", "gone").expect_err("no word");
        assert!(error.message.starts_with("status: 'gone' is none of: blank"), "{error}");
        assert_eq!(existing::<()>("pool_id", Err(Error::not_found("pool 7"))).expect_err("none").code, "bad_request");
    }

    #[test]
    fn absent_and_null_are_told_apart() {
        #[derive(Deserialize)]
        struct Change {
            #[serde(default, deserialize_with = "given")]
            barcode: Option<Option<String>>,
        }
        let read = |text: &str| serde_json::from_str::<Change>(text).expect("json").barcode;
        assert_eq!(read("{}"), None);
        assert_eq!(read(r#"{"barcode":null}"#), Some(None));
        assert_eq!(read(r#"{"barcode":"A"}"#), Some(Some("A".into())));
    }
}
