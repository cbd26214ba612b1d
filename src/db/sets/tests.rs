use super::*;
use crate::db::testing;

#[test]
fn a_set_runs_completes_and_is_the_next_parent() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let (tape, job) = (testing::tape(conn, "A00001"), testing::job(conn, "etc"));
    let full = testing::set(conn, &job, &tape, None);
    assert_eq!(latest_completed(conn, job.id).expect("none"), None);
    assert_eq!(unfinished(conn).expect("unfinished").len(), 1);
    let figures = SetChanges { file_count: Some(3), total_bytes: Some(99), ..Default::default() };
    let done = complete(conn, full.id, &figures).expect("complete");
    assert_eq!((done.status, done.file_count, done.end_time.is_some()), (SetStatus::Completed, 3, true));
    let error = fail(conn, full.id, SetStatus::Failed).expect_err("done");
    assert_eq!(error.message, format!("backup set {} is completed and cannot become failed", full.id));
    let parent = latest_completed(conn, job.id).expect("parent").expect("some");
    let child = testing::set(conn, &job, &tape, Some(parent.id));
    assert_eq!(children(conn, full.id).expect("children"), vec![child.clone()]);
    fail(conn, child.id, SetStatus::Cancelled).expect("cancel");
    assert!(delete(conn, full.id).expect_err("parent").message.contains("1 later incremental sets"));
    delete(conn, child.id).expect("child");
    delete(conn, full.id).expect("full");
}

#[test]
fn sets_are_listed_with_names() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let (tape, job) = (testing::tape(conn, "A00001"), testing::job(conn, "etc"));
    let set = testing::set(conn, &job, &tape, None);
    let other = testing::job(conn, "home");
    testing::set(conn, &other, &tape, None);
    let filter = SetFilter { job_id: Some(job.id), ..Default::default() };
    let rows = list(conn, &filter, Page::first(50)).expect("list");
    assert_eq!(rows.len(), 1);
    let row = find_listed(conn, set.id).expect("find");
    assert_eq!(
        (row.job_name.as_str(), row.tape_label.as_str(), row.pool_name.as_deref()),
        ("etc", "A00001", Some("DAILY"))
    );
    let json = serde_json::to_value(row).expect("json");
    assert!(json["start_time"].as_str().is_some_and(|time| time.ends_with('Z')), "{json}");
}
