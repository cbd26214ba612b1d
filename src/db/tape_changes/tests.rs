use super::*;
use crate::db::executions::{self, ExecutionChanges, NewExecution};
use crate::db::{ExecutionStatus, testing};

fn execution(conn: &mut Conn) -> i32 {
    let id = executions::insert(conn, &NewExecution::default()).expect("insert").id;
    executions::claim(conn, id).expect("claim");
    id
}

fn any_of_pool(execution: i32) -> NewTapeChange {
    NewTapeChange {
        job_execution_id: execution,
        spanning_set_id: None,
        current_tape_id: None,
        reason: TapeChangeReason::TapeFull,
        tape_id: None,
        pool_id: Some(1),
        drive_id: None,
        message: "Insert a tape of pool DAILY.".into(),
    }
}

#[test]
fn an_execution_that_comes_back_with_the_same_need_finds_its_request() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let (run, tape) = (execution(conn), testing::tape(conn, "A00001"));
    let (first, opened) = open(conn, &any_of_pool(run)).expect("open");
    assert_eq!((opened, first.status), (Opened::New, TapeChangeStatus::Pending));
    let suggestion = NewTapeChange { tape_id: Some(tape.id), message: "Insert A00001.".into(), ..any_of_pool(run) };
    let (again, opened) = open(conn, &suggestion).expect("again");
    assert_eq!((again.id, opened, again.requested_at), (first.id, Opened::Known, first.requested_at));
    assert_eq!((again.message.as_str(), again.tape_id), ("Insert A00001.", Some(tape.id)));

    let only = NewTapeChange { pool_id: None, ..suggestion };
    let (other, opened) = open(conn, &only).expect("another need");
    assert_eq!(opened, Opened::New);
    assert_eq!(find(conn, first.id).expect("first").status, TapeChangeStatus::Cancelled);
    let listed = open_of(conn, &[run]).expect("open").remove(&run).expect("one");
    assert_eq!((listed.change.id, listed.tape_label.as_deref()), (other.id, Some("A00001")));
    assert_eq!(count_open(conn).expect("count"), 1);
}

#[test]
fn an_answer_is_written_down_and_one_that_helps_nobody_is_refused() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let (run, tape) = (execution(conn), testing::tape(conn, "A00001"));
    let (row, _) = open(conn, &any_of_pool(run)).expect("open");
    let said = acknowledge(conn, row.id, Some(tape.id), "anna").expect("acknowledge");
    assert_eq!((said.status, said.new_tape_id), (TapeChangeStatus::Acknowledged, Some(tape.id)));
    assert!(said.acknowledged_at.is_some());
    // it was not true: the request waits again, and says what is wrong
    let back = notice(conn, row.id, Some("the drive is empty")).expect("notice");
    assert_eq!(
        (back.status, back.new_tape_id, back.notice.as_deref()),
        (TapeChangeStatus::Pending, None, Some("the drive is empty"))
    );
    complete(conn, row.id, Some(tape.id), "tape inserted").expect("complete");
    let done = find_listed(conn, row.id).expect("done");
    assert_eq!((done.change.status, done.new_tape_label.as_deref()), (TapeChangeStatus::Completed, Some("A00001")));
    assert!(done.change.resolved_at.is_some());
    assert_eq!(done.pool_name.as_deref(), Some("DAILY"));
    for refused in [acknowledge(conn, row.id, None, "anna"), cancel(conn, row.id, "anna")] {
        assert_eq!(refused.expect_err("ended").code, "tape_change_state");
    }
    give_up(conn, row.id, "late").expect("ended ones stay as they are");
    assert_eq!(find(conn, row.id).expect("row").status, TapeChangeStatus::Completed);
    assert_eq!(find(conn, 99).expect_err("none").message, "tape change request 99 not found");
}

#[test]
fn requests_end_with_their_execution_and_those_of_dead_ones_at_a_start() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let (ended, waiting, dead) = (execution(conn), execution(conn), execution(conn));
    let ids: Vec<i32> = [ended, waiting, dead].map(|run| open(conn, &any_of_pool(run)).expect("open").0.id).to_vec();
    executions::finish(conn, ended, ExecutionStatus::Failed, &ExecutionChanges::default()).expect("finish");
    assert_eq!(
        find(conn, ids[0]).expect("row").status,
        TapeChangeStatus::Cancelled,
        "finished executions close theirs"
    );
    // a crash: one will be taken up again, the other will not
    executions::set_status(conn, dead, ExecutionStatus::Failed).expect("dead");
    let again = |_: &mut Conn, _: &executions::Execution| Ok(Some(("{}".to_owned(), "{}".to_owned())));
    let (_, again) = executions::reconcile(conn, "the server stopped", again).expect("reconcile");
    assert_eq!(again.iter().map(|row| row.id).collect::<Vec<_>>(), [waiting]);
    assert_eq!(cancel_orphans(conn).expect("orphans"), 1);
    let status = |conn: &mut Conn, id| find(conn, id).expect("row").status;
    assert_eq!(status(conn, ids[1]), TapeChangeStatus::Pending);
    assert_eq!(status(conn, ids[2]), TapeChangeStatus::Cancelled);
    let filter = TapeChangeFilter { statuses: Some(OPEN.to_vec()), ..TapeChangeFilter::default() };
    assert_eq!(list(conn, &filter, Page::first(9)).expect("list").len(), 1);
    let filter = TapeChangeFilter { execution_id: Some(dead), ..TapeChangeFilter::default() };
    assert_eq!(list(conn, &filter, Page::first(9)).expect("list").len(), 1);
}

#[test]
fn a_request_does_not_keep_its_tapes_from_being_deleted() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let (run, tape) = (execution(conn), testing::tape(conn, "A00001"));
    let new = NewTapeChange { tape_id: Some(tape.id), current_tape_id: Some(tape.id), ..any_of_pool(run) };
    let (row, _) = open(conn, &new).expect("open");
    crate::db::tapes::delete(conn, tape.id).expect("delete");
    let row = find(conn, row.id).expect("row");
    assert_eq!((row.tape_id, row.current_tape_id), (None, None));
}
