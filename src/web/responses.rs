//! Small answers that many routes share.

use serde::Serialize;

/// How many rows fit in all: the header of lists that are answered in pages.
pub const TOTAL: &str = "x-total-count";

/// `{"status": "deleted"}`
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Status {
    /// One word: what was done.
    pub status: &'static str,
}

impl Status {
    /// With this word.
    pub fn new(status: &'static str) -> Status {
        Status { status }
    }
}

/// `{"message": "…"}`
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Message {
    /// One sentence: what was done.
    pub message: String,
}

impl Message {
    /// With this sentence.
    pub fn new(message: impl Into<String>) -> Message {
        Message { message: message.into() }
    }
}

/// `{"id": 7}`
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Created {
    /// The id of what was made.
    pub id: i32,
}
