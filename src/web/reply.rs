//! Answers that many routes give.

use serde::Serialize;
use utoipa::ToSchema;

/// The id of what was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct Created {
    /// Its id.
    pub id: i32,
}

/// What was done, in one word.
#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    /// `updated`, `deleted` …
    pub status: &'static str,
}

impl Status {
    /// With this word.
    pub fn new(status: &'static str) -> Status {
        Status { status }
    }
}
