//! What can be wrong with a schedule, in words that point at the place.

use super::FieldName;

/// Why a schedule was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not five or six fields.
    #[error(
        "expected 5 fields (minute hour day-of-month month day-of-week) or 6 (second first), or a name such as @daily; \
         found {found}: [{expression}]"
    )]
    FieldCount {
        /// Fields found.
        found: usize,
        /// The expression as given.
        expression: String,
    },
    /// A token of a field cannot be read.
    #[error("{field}: \"{token}\" at column {column}: {reason}")]
    Token {
        /// Which field.
        field: FieldName,
        /// The token.
        token: String,
        /// Where it begins in the expression, in characters from 1.
        column: usize,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// An unknown `@name`.
    #[error(
        "unknown schedule name \"{0}\"; known are @hourly, @daily (@midnight), @weekly, @monthly, @yearly (@annually) \
         and @every DURATION, such as @every 6h"
    )]
    UnknownName(String),
    /// The duration behind `@every` cannot be used.
    #[error("@every: \"{token}\": {reason}")]
    Every {
        /// The duration as given.
        token: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A date that no calendar has.
    #[error("it would never run: no month has the days it asks for: [{0}]")]
    NeverRuns(String),
    /// Far longer than any schedule.
    #[error("a schedule has at most {max} characters, this one has {found}")]
    TooLong {
        /// Characters found.
        found: usize,
        /// Characters allowed.
        max: usize,
    },
    /// A time zone in the expression, as some programs write it.
    #[error("\"{0}\" does not belong into the expression: a job has a time zone of its own, set it there")]
    ZoneInExpression(String),
    /// Not an IANA time zone.
    #[error("unknown time zone \"{name}\"{hint}; use an IANA name such as Europe/Berlin, America/New_York or UTC")]
    UnknownTimeZone {
        /// The name as given.
        name: String,
        /// ` (did you mean …?)` or nothing.
        hint: String,
    },
}

impl From<ScheduleError> for crate::Error {
    fn from(error: ScheduleError) -> Self {
        let (code, message) = match &error {
            ScheduleError::UnknownTimeZone { .. } => ("invalid_time_zone", error.to_string()),
            _ => ("invalid_schedule", format!("invalid cron expression: {error}")),
        };
        let details = match &error {
            ScheduleError::Token { field, token, column, .. } => {
                Some(serde_json::json!({ "field": field.to_string(), "token": token, "column": column }))
            }
            _ => None,
        };
        crate::Error { kind: crate::ErrorKind::BadRequest, code, message, details }
    }
}
