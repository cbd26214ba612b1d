//! What becomes of work that was interrupted, by a crash or by an orderly shutdown.

use super::Request;
use crate::Result;
use crate::db::executions::Execution;
use serde::{Deserialize, Serialize};

/// A run that was at work in so many crashes in a row is not started again by itself: perhaps it is the reason.
const MOST_CRASHES: u32 = 3;

/// Kept with an execution that runs again.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    #[serde(default)]
    crashes: u32,
}

/// How an execution that was at work when the server crashed runs again: its request, and what to keep with it. `None`: it has
/// failed. Only backups run again by themselves; everything else a person started, and may want otherwise by now.
pub fn after_a_crash(row: &Execution) -> Result<Option<(String, String)>> {
    let state: State = row.resume_state.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    if state.crashes >= MOST_CRASHES {
        return Ok(None);
    }
    let Some(request) = again(row) else { return Ok(None) };
    let state = State { crashes: state.crashes + 1 };
    Ok(Some((serde_json::to_string(&request)?, serde_json::to_string(&state)?)))
}

/// The same for an orderly shutdown.
pub fn after_a_shutdown(row: &Execution) -> Result<Option<(String, String)>> {
    let Some(request) = again(row) else { return Ok(None) };
    Ok(Some((serde_json::to_string(&request)?, serde_json::to_string(&State::default())?)))
}

/// The request with which a backup goes on.
fn again(row: &Execution) -> Option<Request> {
    match serde_json::from_str(&row.request) {
        Ok(Request::Backup(mut request)) => {
            request.resume_set = row.backup_set_id.or(request.resume_set);
            Some(Request::Backup(request))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::executions::{ExecutionChanges, NewExecution, find, insert, update};
    use crate::db::testing;
    use crate::executions::BackupRequest;

    #[test]
    fn a_backup_goes_on_with_its_set_but_not_for_ever() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let (tape, job) = (testing::tape(conn, "A00001"), testing::job(conn, "etc"));
        let set = testing::set(conn, &job, &tape, None).id;
        let request = Request::Backup(BackupRequest { job_id: job.id, tape_id: Some(3), ..BackupRequest::default() });
        let new = NewExecution { request: serde_json::to_string(&request).expect("json"), ..Default::default() };
        let id = insert(conn, &new).expect("insert").id;
        let changes = ExecutionChanges { backup_set_id: Some(Some(set)), ..Default::default() };
        update(conn, id, &changes).expect("update");
        let mut row = find(conn, id).expect("row");
        for _ in 0..MOST_CRASHES {
            let (request, state) = after_a_crash(&row).expect("sound").expect("again");
            let Ok(Request::Backup(request)) = serde_json::from_str(&request) else { panic!("{request}") };
            assert_eq!((request.resume_set, request.tape_id), (Some(set), Some(3)));
            row.resume_state = Some(state);
        }
        assert_eq!(after_a_crash(&row).expect("sound"), None);
        assert!(after_a_shutdown(&row).expect("sound").is_some());
        row.request = r#"{"kind":"inspect","drive_id":1}"#.into();
        row.resume_state = None;
        assert_eq!(after_a_crash(&row).expect("sound"), None);
    }
}
