//! How fast executions were, over their whole length: one bounded series per execution that moved data.

use super::Conn;
use super::schema::execution_throughput;
use crate::Result;
use diesel::prelude::*;

/// The series of an execution as it was stored; none if it moved nothing.
pub fn find(conn: &mut Conn, execution_id: i32) -> Result<Option<String>> {
    let row = execution_throughput::table.find(execution_id).select(execution_throughput::series);
    Ok(row.first(conn).optional()?)
}

/// Stores the series of an execution, in the place of an earlier state of it.
pub fn store(conn: &mut Conn, execution_id: i32, series: &str) -> Result<()> {
    diesel::insert_into(execution_throughput::table)
        .values((execution_throughput::execution_id.eq(execution_id), execution_throughput::series.eq(series)))
        .on_conflict(execution_throughput::execution_id)
        .do_update()
        .set(execution_throughput::series.eq(series))
        .execute(conn)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{ExecutionStatus, executions, testing, upkeep};

    #[test]
    fn a_series_is_kept_as_long_as_its_execution() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let mut ids = Vec::new();
        // the newest of a kind is never deleted
        for _ in 0..2 {
            ids.push(executions::insert(conn, &executions::NewExecution::default()).expect("execution").id);
        }
        assert_eq!(find(conn, ids[0]).expect("none"), None);
        store(conn, ids[0], "first").expect("store");
        store(conn, ids[0], "second").expect("again");
        assert_eq!(find(conn, ids[0]).expect("find").as_deref(), Some("second"));
        let ended = executions::ExecutionChanges::default();
        executions::finish(conn, ids[0], ExecutionStatus::Completed, &ended).expect("finish");
        let later = crate::db::now() + chrono::Duration::days(1);
        while upkeep::prune_step(conn, upkeep::Old::Executions, later).expect("prune") > 0 {}
        assert_eq!(find(conn, ids[0]).expect("gone"), None);
    }
}
