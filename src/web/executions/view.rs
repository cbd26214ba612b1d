//! An execution as people and programs see it: its row, and while it works its live figures.

use crate::db::executions::{Execution, ExecutionListed};
use crate::db::tape_changes::TapeChangeListed;
use crate::executions::{ProgressView, Stages};
use serde::Serialize;
use utoipa::ToSchema;

/// An execution.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExecutionView {
    #[serde(flatten)]
    row: ExecutionListed,
    /// Bytes per second over the last minute.
    write_speed: u64,
    /// Bytes on tape, after compression and encryption.
    bytes_written: Option<u64>,
    /// Fill of the buffer before the drive in percent, while it works.
    buffer_percent: Option<u64>,
    /// Seconds until it is done, if that can be told.
    estimated_seconds_remaining: Option<u64>,
    /// The file it is at.
    current_path: Option<String>,
    /// What a person has to do so that it can go on.
    tape_change: Option<TapeChangeListed>,
    /// Where the time of a backup goes (while it works) or went, stage by stage.
    stages: Option<Stages>,
    /// All live figures, while it works.
    progress: Option<ProgressView>,
}

/// An execution, and what helps with it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExecutionDetail {
    #[serde(flatten)]
    pub view: ExecutionView,
    /// The drive it uses, as people call it.
    pub drive_name: Option<String>,
    /// Who asked for it; none: the clock.
    pub user_name: Option<String>,
    /// After a failure: what to do.
    pub advice: Option<&'static str>,
    /// Asks for the same again on the command line; several lines are several commands.
    pub command: Option<String>,
}

/// The stages in the result of a backup.
fn stages_of(result: &str) -> Option<Stages> {
    #[derive(serde::Deserialize)]
    struct Outcome {
        stages: Option<Stages>,
    }
    // other kinds of work have other results
    serde_json::from_str::<Outcome>(result).ok()?.stages
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl ExecutionView {
    /// The row with live figures laid over it.
    pub fn new(
        mut row: ExecutionListed,
        live: Option<ProgressView>,
        tape_change: Option<TapeChangeListed>,
    ) -> ExecutionView {
        if let Some(live) = &live {
            let execution: &mut Execution = &mut row.execution;
            execution.files_total = signed(live.total_files);
            execution.bytes_total = signed(live.total_bytes);
            execution.files_processed = signed(live.file_count);
            execution.bytes_processed = signed(live.bytes_processed);
            execution.warning_count = signed(live.warning_count);
            if !live.phase.is_empty() {
                execution.phase.clone_from(&live.phase);
                execution.message.clone_from(&live.message);
            }
        }
        let stages = match &live {
            Some(live) => live.stages.clone(),
            None => row.execution.result.as_deref().and_then(stages_of),
        };
        ExecutionView {
            stages,
            write_speed: live.as_ref().map_or(0, |live| live.write_speed),
            bytes_written: live.as_ref().map(|live| live.bytes_written),
            buffer_percent: live.as_ref().map(|live| live.buffer_percent),
            estimated_seconds_remaining: live.as_ref().and_then(|live| live.estimated_seconds_remaining),
            current_path: live.as_ref().map(|live| live.current_path.clone()).filter(|path| !path.is_empty()),
            tape_change,
            progress: live,
            row,
        }
    }
}
