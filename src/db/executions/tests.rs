use super::*;
use crate::db::testing;

#[test]
fn an_execution_is_claimed_once_and_ends_once() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let job = testing::job(conn, "etc");
    let new = NewExecution { job_id: Some(job.id), request: r#"{"use_pool":true}"#.into(), ..Default::default() };
    let id = insert(conn, &new).expect("insert").id;
    assert_eq!(pending(conn).expect("queue").len(), 1);
    assert!(claim(conn, id).expect("claim").is_some());
    assert_eq!(claim(conn, id).expect("second claim"), None);
    let progress = ExecutionChanges { phase: Some("streaming".into()), files_processed: Some(5), ..Default::default() };
    update(conn, id, &progress).expect("update");
    let rows = active(conn).expect("active");
    assert_eq!((rows.len(), rows[0].job_name.as_deref()), (1, Some("etc")));
    assert_eq!(serde_json::to_value(&rows[0]).expect("json")["request"]["use_pool"], true);
    let done = finish(conn, id, ExecutionStatus::Completed, &ExecutionChanges::default()).expect("finish");
    assert_eq!((done.files_processed, done.end_time.is_some()), (5, true));
    let error = finish(conn, id, ExecutionStatus::Failed, &ExecutionChanges::default()).expect_err("twice");
    assert_eq!(error.code, "execution_state");
    assert!(active(conn).expect("active").is_empty());
}

#[test]
fn after_a_crash_some_run_again_and_waiting_ones_wait() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(insert(conn, &NewExecution::default()).expect("insert").id);
    }
    for id in &ids[..3] {
        claim(conn, *id).expect("claim");
    }
    set_status(conn, ids[2], ExecutionStatus::Paused).expect("pause");
    let resumes = |_: &mut Conn, row: &Execution| Ok((row.id == ids[1]).then(|| ("{}".into(), "1".into())));
    let (failed, again) = reconcile(conn, "the server stopped", resumes).expect("reconcile");
    assert_eq!(failed.iter().map(|row| row.id).collect::<Vec<_>>(), [ids[0]]);
    assert_eq!(again.iter().map(|row| (row.id, row.status)).collect::<Vec<_>>(), [(ids[1], ExecutionStatus::Pending)]);
    assert_eq!(find(conn, ids[2]).expect("paused").status, ExecutionStatus::Paused);
    assert_eq!(pending(conn).expect("queue").iter().map(|row| row.id).collect::<Vec<_>>(), [ids[1], ids[3]]);
    assert!(claim(conn, ids[1]).expect("claim").is_some_and(|row| row.end_time.is_none()));
}
