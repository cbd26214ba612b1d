//! Sets that their runs left unfinished, because the database could not be written when they ended.

use super::resume;
use crate::Result;
use crate::db::executions::Execution;
use crate::db::{self, Conn, ExecutionStatus, SetStatus};

/// What became of a set that a run left unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Another run can go on with it.
    Resumable,
    /// The catalog is to forget it.
    ForCatalog(i32),
}

/// The set of a run that ends as `status`, and could not end its set itself because the database could not be written. None
/// if the set has its end.
pub fn end_set(conn: &mut Conn, run: &Execution, status: ExecutionStatus) -> Result<Option<Left>> {
    let set = match (status, run.backup_set_id) {
        (ExecutionStatus::Failed | ExecutionStatus::Cancelled, Some(id)) => db::sets::find(conn, id)?,
        _ => return Ok(None),
    };
    if !matches!(set.status, SetStatus::Running | SetStatus::Pending) {
        return Ok(None);
    }
    let cancelled = status == ExecutionStatus::Cancelled;
    let left = match run.kind == "backup" && !cancelled && resume::is_worth(conn, set.id)? {
        true => Left::Resumable,
        false => {
            resume::forget_parts(conn, set.id)?;
            Left::ForCatalog(set.id)
        }
    };
    db::sets::fail(conn, set.id, if cancelled { SetStatus::Cancelled } else { SetStatus::Failed })?;
    Ok(Some(left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::executions::{self, ExecutionChanges, NewExecution};
    use crate::db::{checkpoints, testing};

    /// A run of this kind, and the set that it was writing.
    fn run(conn: &mut Conn, kind: &str) -> (Execution, i32) {
        let (job, tape) = (testing::job(conn, kind), testing::tape(conn, kind));
        let set = testing::set(conn, &job, &tape, None);
        checkpoints::begin(conn, set.id, "", &serde_json::to_string(&resume::Place::default()).unwrap()).unwrap();
        let run = executions::insert(conn, &NewExecution { kind: kind.into(), ..NewExecution::default() }).unwrap();
        let changes = ExecutionChanges { backup_set_id: Some(Some(set.id)), ..ExecutionChanges::default() };
        executions::update(conn, run.id, &changes).unwrap();
        (executions::find(conn, run.id).unwrap(), set.id)
    }

    #[test]
    fn a_set_ends_with_its_run() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let (backup, set) = run(conn, "backup");
        assert_eq!(end_set(conn, &backup, ExecutionStatus::Completed).unwrap(), None);
        assert_eq!(end_set(conn, &backup, ExecutionStatus::Failed).unwrap(), Some(Left::ForCatalog(set)));
        assert_eq!(db::sets::find(conn, set).unwrap().status, SetStatus::Failed);
        assert_eq!(end_set(conn, &backup, ExecutionStatus::Failed).unwrap(), None, "it has its end");

        let (copy, set) = run(conn, "copy");
        assert_eq!(end_set(conn, &copy, ExecutionStatus::Cancelled).unwrap(), Some(Left::ForCatalog(set)));
        assert_eq!(db::sets::find(conn, set).unwrap().status, SetStatus::Cancelled);
        assert!(checkpoints::find(conn, set).unwrap().is_none());
    }

    #[test]
    fn what_is_on_tape_can_be_gone_on_with() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let (backup, set) = run(conn, "backup");
        let place = resume::Place { tar_end: 1 << 20, ..Default::default() };
        checkpoints::part_ends(conn, set, Some(&serde_json::to_string(&place).unwrap())).unwrap();
        assert_eq!(end_set(conn, &backup, ExecutionStatus::Failed).unwrap(), Some(Left::Resumable));
        assert!(checkpoints::find(conn, set).unwrap().is_some());
    }
}
