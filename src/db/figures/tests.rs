//! Sums over a small house.

use super::*;
use crate::db::executions::{ExecutionChanges, NewExecution};
use crate::db::{executions as rows, lost, now, sets as backup_sets, tape_changes, testing};

#[test]
fn an_empty_house_has_no_sums() {
    let db = testing::database();
    let conn = &mut *db.conn();
    assert!(tapes(conn).unwrap().is_empty() && sets(conn).unwrap().is_empty() && elements(conn).unwrap().is_empty());
    assert!(
        executions(conn).unwrap().is_empty() && changes(conn).unwrap().is_empty() && messages(conn).unwrap().is_empty()
    );
    assert!(alerts(conn).unwrap().is_empty() && job_lasts(conn).unwrap().is_empty());
    assert_eq!((oldest_pending(conn).unwrap(), uncovered_sources(conn).unwrap()), (None, 0));
    assert_eq!(database_copy(conn).unwrap(), None);
}

#[test]
fn tapes_are_summed_by_pool_and_state() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let tape = testing::tape(conn, "A00001");
    let gone = testing::tape(conn, "A00002");
    crate::db::tape_lifecycle::part_written(conn, tape.id, 3, 10, 1700).unwrap();
    lost::lose(conn, gone.id, Some("burnt")).unwrap();
    let rows = tapes(conn).unwrap();
    let sum = |of: fn(&Tapes) -> f64| rows.iter().map(of).sum::<f64>();
    assert_eq!((sum(|row| row.tapes as f64), sum(|row| row.capacity), sum(|row| row.used)), (2.0, 2000.0, 1700.0));
    assert_eq!(sum(|row| row.writable), 0.0, "one holds more than its native capacity, one is lost");
    assert_eq!((sum(|row| row.lost as f64), sum(|row| row.unverified as f64)), (1.0, 1.0));
    assert!(rows.iter().all(|row| row.pool == "DAILY" && row.verified.is_none()));
}

#[test]
fn the_lasts_of_a_job_are_those_of_its_own_runs() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let (tape, job, idle) = (testing::tape(conn, "A00001"), testing::job(conn, "etc"), testing::job(conn, "idle"));
    assert_eq!(uncovered_sources(conn).unwrap(), 2);
    let set = testing::set(conn, &job, &tape, None);
    let set = backup_sets::complete(conn, set.id, &Default::default()).unwrap();
    testing::set(conn, &job, &tape, None);
    let mut last = 0;
    for status in [ExecutionStatus::Failed, ExecutionStatus::Completed] {
        last = rows::insert(conn, &NewExecution { job_id: Some(job.id), ..Default::default() }).unwrap().id;
        rows::finish(conn, last, status, &ExecutionChanges::default()).unwrap();
    }
    rows::insert(conn, &NewExecution { job_id: Some(job.id), ..Default::default() }).unwrap();
    let lasts = job_lasts(conn).unwrap();
    assert_eq!(lasts[0], JobLasts { job_id: job.id, success: set.end_time, last_run: Some(last) });
    assert_eq!(lasts[1], JobLasts { job_id: idle.id, success: None, last_run: None });
    assert_eq!(uncovered_sources(conn).unwrap(), 1);
    let kinds = executions(conn).unwrap();
    let of = |status| kinds.iter().find(|row| row.status == status).unwrap();
    assert_eq!((of(ExecutionStatus::Failed).executions, of(ExecutionStatus::Pending).last_end), (1, None));
    assert!(of(ExecutionStatus::Completed).last_end.is_some() && oldest_pending(conn).unwrap().is_some());
}

#[test]
fn what_waits_for_people_has_an_age() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let tape = testing::tape(conn, "A00001");
    let run = rows::insert(conn, &NewExecution::default()).unwrap();
    let new = tape_changes::NewTapeChange {
        job_execution_id: run.id,
        spanning_set_id: None,
        current_tape_id: None,
        reason: TapeChangeReason::TapeNeeded,
        tape_id: Some(tape.id),
        pool_id: None,
        drive_id: None,
        message: "bring it".into(),
    };
    let (change, _) = tape_changes::open(conn, &new).unwrap();
    let open = changes(conn).unwrap();
    assert_eq!((open.len(), open[0].changes, open[0].oldest), (1, 1, change.requested_at));
    tape_changes::cancel(conn, change.id, "me").unwrap();
    assert!(changes(conn).unwrap().is_empty() && change.requested_at <= now());
}
