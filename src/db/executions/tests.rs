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

#[test]
fn a_run_that_fails_has_begun() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let job = testing::job(conn, "etc");
    let id = insert(conn, &NewExecution { job_id: Some(job.id), ..Default::default() }).expect("insert").id;
    assert_eq!(crate::db::jobs::find(conn, job.id).expect("job").last_run_at, None);
    let row = claim(conn, id).expect("claim").expect("waits");
    finish(conn, id, ExecutionStatus::Failed, &ExecutionChanges::default()).expect("finish");
    assert_eq!(crate::db::jobs::find(conn, job.id).expect("job").last_run_at, row.start_time);
}

#[test]
fn a_list_is_filtered_and_counted_and_comes_in_pages() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let drive = crate::db::drives::NewDrive { device_path: "/dev/nst0".into(), ..Default::default() };
    let drive = crate::db::drives::insert(conn, &drive).expect("drive").id;
    let mut ids = Vec::new();
    for at in 0..5 {
        let new = NewExecution { drive_id: (at % 2 == 0).then_some(drive), ..Default::default() };
        ids.push(insert(conn, &new).expect("insert").id);
    }
    let shown = |conn: &mut Conn, filter: &ExecutionFilter, page| {
        list(conn, filter, page).expect("list").iter().map(|row| row.execution.id).collect::<Vec<_>>()
    };
    let of_drive = ExecutionFilter { drive_id: Some(drive), ..Default::default() };
    assert_eq!(shown(conn, &of_drive, Page::first(10)), [ids[4], ids[2], ids[0]]);
    assert_eq!(shown(conn, &of_drive, Page::new(Some(1), Some(1), 50)), [ids[2]]);
    assert_eq!(count(conn, &of_drive).expect("count"), 3);
    let hour = chrono::Duration::hours(1);
    let old = diesel::update(job_executions::table.find(ids[1])).set(job_executions::created_at.eq(now() - hour * 3));
    old.execute(conn).expect("older");
    let before = ExecutionFilter { until: Some(now() - hour), ..Default::default() };
    assert_eq!(shown(conn, &before, Page::first(10)), [ids[1]]);
    let since = ExecutionFilter { since: Some(now() - hour), ..Default::default() };
    assert_eq!(count(conn, &since).expect("count"), 4);
}
