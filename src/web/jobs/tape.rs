//! Which tape a job's next run goes to.

use crate::Result;
use crate::app::App;
use crate::db::jobs::Job;
use crate::db::tapes::{self, Tape};
use crate::db::{Conn, TapeStatus, jobs, pools};
use crate::executions::Taken;
use crate::media::choose::Choice;
use crate::media::facts::Facts;
use crate::web::query;
use actix_web::{get, web};
use serde::Serialize;
use utoipa::ToSchema;

/// What the choice of a tape came to.
pub enum Outlook {
    /// This tape, for these reasons.
    Tape(Box<Tape>, Vec<String>),
    /// Suitable tapes are in use.
    Wait(String),
    /// No tape can be written.
    Nothing(String),
}

/// Which tape a run of this job would go to now.
pub fn outlook(conn: &mut Conn, job: &Job, taken: &Taken) -> Result<Outlook> {
    Ok(match Facts::read(conn, job.pool_id, None, taken)?.choose(None, &[]) {
        Choice::Use { tape, why, .. } => Outlook::Tape(Box::new(tapes::find(conn, tape)?), why),
        Choice::Fetch { tape, what } => Outlook::Tape(Box::new(tapes::find(conn, tape)?), vec![what]),
        Choice::Wait(reason) => Outlook::Wait(reason),
        Choice::None(reason) | Choice::NoDrive(reason) => Outlook::Nothing(reason),
    })
}

/// The tape that a job's next run goes to.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Recommendation {
    /// Whether there is one.
    found: bool,
    /// The tape.
    #[serde(skip_serializing_if = "Option::is_none")]
    tape_id: Option<i32>,
    /// Its label.
    #[serde(skip_serializing_if = "Option::is_none")]
    tape_label: Option<String>,
    /// Its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    tape_status: Option<TapeStatus>,
    /// Its native capacity.
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity_bytes: Option<i64>,
    /// Bytes on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    used_bytes: Option<i64>,
    /// The pool of the job.
    pool_id: i32,
    /// Its name.
    pool_name: String,
    /// One sentence.
    message: String,
    /// Why this tape.
    why: Vec<String>,
}

/// Which tape the next run of a job would go to, and why.
#[utoipa::path(operation_id = "recommend_tape", tag = "jobs", params(("id" = i32, Path)),
    responses((status = 200, body = Recommendation), (status = 404)))]
#[get("/jobs/{id}/recommend-tape")]
pub async fn recommend_tape(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Recommendation>> {
    let taken = app.services.drives.reservations.taken();
    let recommendation = query(&app.services.db, move |conn| {
        let job = jobs::find(conn, *id)?;
        let pool = pools::find(conn, job.pool_id)?;
        let base = Recommendation { pool_id: pool.id, pool_name: pool.name, ..Recommendation::default() };
        Ok(match outlook(conn, &job, &taken)? {
            Outlook::Tape(tape, why) => Recommendation {
                found: true,
                tape_id: Some(tape.id),
                tape_status: Some(tape.status),
                capacity_bytes: Some(tape.capacity_bytes),
                used_bytes: Some(tape.used_bytes),
                message: why.first().cloned().unwrap_or_default(),
                tape_label: Some(tape.label),
                why,
                ..base
            },
            Outlook::Wait(reason) | Outlook::Nothing(reason) => Recommendation { message: reason, ..base },
        })
    });
    recommendation.await.map(web::Json)
}
