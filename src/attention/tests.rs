use super::*;
use crate::db::executions::{self, ExecutionChanges, NewExecution};
use crate::db::{self, ExecutionStatus, Severity, drive_health, testing};
use crate::db::{events, jobs, library_slots, sets, tape_changes, tapes};
use chrono::Duration;
use diesel::prelude::*;
use serde_json::json;

const LIMITS: Limits = Limits { loads: 16_000, full_writes: 200 };

fn list(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<Attention>> {
    super::list(conn, LIMITS, now)
}

fn shown(conn: &mut Conn, now: NaiveDateTime) -> Vec<(Topic, Urgency, String)> {
    let all = list(conn, now).expect("list");
    all.into_iter().map(|item| (item.topic, item.severity, item.title)).collect()
}

fn titles(conn: &mut Conn, now: NaiveDateTime) -> Vec<String> {
    shown(conn, now).into_iter().map(|(_, _, title)| title).collect()
}

fn drive(conn: &mut Conn) -> i32 {
    let new = db::drives::NewDrive {
        device_path: "/dev/nst0".into(),
        display_name: Some("Left".into()),
        ..Default::default()
    };
    db::drives::insert(conn, &new).expect("drive").id
}

fn ended(conn: &mut Conn, kind: &str, job_id: Option<i32>, status: ExecutionStatus) -> i32 {
    let title = format!("{kind} of something");
    let id = executions::insert(conn, &NewExecution { kind: kind.into(), title, job_id, ..Default::default() });
    let id = id.expect("insert").id;
    executions::claim(conn, id).expect("claim");
    let error_message = (status == ExecutionStatus::Failed).then(|| Some("the disk is on fire".into()));
    executions::finish(conn, id, status, &ExecutionChanges { error_message, ..Default::default() }).expect("finish");
    id
}

fn becomes(conn: &mut Conn, tape: i32, status: db::TapeStatus) {
    use crate::db::schema::tapes;
    let row = diesel::update(tapes::table.find(tape)).set(tapes::status.eq(status));
    assert_eq!(row.execute(conn).expect("update"), 1);
}

#[test]
fn a_new_server_needs_nothing() {
    let db = testing::database();
    assert_eq!(list(&mut db.conn(), db::now()).expect("list"), []);
}

#[test]
fn who_waits_comes_first() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let tape = testing::tape(conn, "A00001");
    let held = tapes::TapeChanges { hold_reason: Some(Some("damaged".into())), ..Default::default() };
    tapes::update(conn, tape.id, &held).expect("hold");
    let run =
        executions::insert(conn, &NewExecution { title: "Restore".into(), ..Default::default() }).expect("run").id;
    executions::claim(conn, run).expect("claim");
    let new = tape_changes::NewTapeChange {
        job_execution_id: run,
        spanning_set_id: None,
        current_tape_id: None,
        reason: db::TapeChangeReason::TapeNeeded,
        tape_id: Some(tape.id),
        pool_id: None,
        drive_id: None,
        message: "Insert tape A00001.".into(),
    };
    let change = tape_changes::open(conn, &new).expect("open").0;
    let all = list(conn, db::now()).expect("list");
    assert_eq!(all.iter().map(|item| item.topic).collect::<Vec<_>>(), [Topic::TapeChange, Topic::TapeOnHold]);
    assert_eq!((all[0].about.as_str(), all[0].link.as_str()), ("Restore", format!("/runs/{run}").as_str()));
    assert_eq!((all[0].since, all[0].tape_change_id), (Some(change.requested_at), Some(change.id)));
    assert_eq!(all[1].about, "damaged");
    tape_changes::notice(conn, change.id, Some("That is A00002.")).expect("notice");
    assert_eq!(list(conn, db::now()).expect("list")[0].about, "That is A00002.");
    executions::set_status(conn, run, ExecutionStatus::Paused).expect("pause");
    tape_changes::cancel(conn, change.id, "anna").expect("cancel");
    assert_eq!(titles(conn, db::now()), ["Restore is paused", "Tape A00001 is on hold"]);
    becomes(conn, tape.id, db::TapeStatus::Retired);
    assert_eq!(titles(conn, db::now()), ["Restore is paused"], "nobody has to look at a retired tape");
}

#[test]
fn a_job_is_shown_until_a_run_is_good() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let (job, tape) = (testing::job(conn, "it's mail"), testing::tape(conn, "A00001"));
    assert_eq!(titles(conn, db::now()), [""; 0]);
    let run = ended(conn, "backup", Some(job.id), ExecutionStatus::Failed);
    let all = list(conn, db::now()).expect("list");
    assert_eq!((all[0].title.as_str(), all[0].about.as_str()), ("it's mail failed", "the disk is on fire"));
    assert_eq!((all[0].execution_id, all[0].job_id, all[0].severity), (Some(run), Some(job.id), Urgency::Critical));
    ended(conn, "backup", Some(job.id), ExecutionStatus::Cancelled);
    assert_eq!(all.len(), titles(conn, db::now()).len(), "a cancelled run makes nothing good");
    ended(conn, "backup", Some(job.id), ExecutionStatus::Completed);
    assert_eq!(titles(conn, db::now()), [""; 0]);

    let daily = jobs::JobChanges { schedule_cron: Some("0 2 * * *".into()), ..Default::default() };
    jobs::update(conn, job.id, &daily).expect("schedule");
    let later = db::now() + Duration::days(3);
    assert_eq!(titles(conn, later), ["it's mail has no good copy at all"]);
    let set = testing::set(conn, &job, &tape, None);
    sets::complete(conn, set.id, &sets::SetChanges::default()).expect("complete");
    assert_eq!(titles(conn, db::now() + Duration::hours(20)), [""; 0]);
    let all = list(conn, later).expect("list");
    assert_eq!((all[0].title.as_str(), all[0].since), ("it's mail has no recent good copy", Some(set.start_time)));
    assert_eq!(all[0].command.as_deref(), Some(r#"tapebackarr run "it's mail""#));
    let weekly = jobs::JobChanges { schedule_cron: Some("0 2 * * SUN".into()), ..Default::default() };
    jobs::update(conn, job.id, &weekly).expect("schedule");
    assert_eq!(titles(conn, later), [""; 0], "a weekly job is not late after three days");
    let off = jobs::JobChanges { enabled: Some(false), ..Default::default() };
    jobs::update(conn, job.id, &off).expect("off");
    assert_eq!(titles(conn, later + Duration::days(100)), [""; 0]);
}

#[test]
fn a_run_that_was_left_out_is_shown_until_the_next_good_one() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let (job, tape) = (testing::job(conn, "mail"), testing::tape(conn, "A00001"));
    let event = events::NewEvent {
        event_type: db::EventType::Warning,
        category: "job".into(),
        title: "Run Missed".into(),
        message: "Job mail: missed a run; skipped.".into(),
        details: Some(json!({"job_id": job.id}).to_string()),
    };
    events::insert(conn, &event).expect("event");
    assert_eq!(shown(conn, db::now()), [(Topic::MissedRun, Urgency::Warning, "A run of mail was left out".into())]);
    assert_eq!(titles(conn, db::now() + Duration::days(8)), [""; 0]);
    std::thread::sleep(std::time::Duration::from_millis(5));
    let set = testing::set(conn, &job, &tape, None);
    sets::complete(conn, set.id, &sets::SetChanges::default()).expect("complete");
    assert_eq!(titles(conn, db::now()), [""; 0]);
}

#[test]
fn other_work_that_failed_is_shown_until_it_succeeds_or_is_old() {
    let db = testing::database();
    let conn = &mut *db.conn();
    ended(conn, "verify", None, ExecutionStatus::Failed);
    ended(conn, "drive", None, ExecutionStatus::Failed);
    assert_eq!(titles(conn, db::now()), ["verify of something failed"]);
    assert_eq!(titles(conn, db::now() + Duration::days(8)), [""; 0]);
    ended(conn, "verify", None, ExecutionStatus::Completed);
    assert_eq!(titles(conn, db::now()), [""; 0]);
}

#[test]
fn drives_say_what_they_want() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let id = drive(conn);
    let tape = testing::tape(conn, "A00001");
    let alert = |severity, message: &str| drive_health::NewAlert {
        drive_id: id,
        severity,
        category: "tape_alert".into(),
        message: message.into(),
    };
    for (severity, message) in [
        (Severity::Info, "Unsupported: x"),
        (Severity::Critical, "Clean now: x"),
        (Severity::Critical, "Hardware B: x"),
    ] {
        drive_health::raise_alert(conn, &alert(severity, message)).expect("alert");
    }
    let clean = drive_health::StatisticsChanges { cleaning_required: Some(true), ..Default::default() };
    drive_health::update_statistics(conn, id, &clean).expect("statistics");
    let broken = db::drives::DriveChanges { status: Some(db::DriveStatus::Offline), ..Default::default() };
    db::drives::update(conn, id, &broken).expect("offline");
    let worn = events::NewEvent {
        event_type: db::EventType::Warning,
        category: "drive".into(),
        title: "Media Wear".into(),
        message: "Media life: worn out.".into(),
        details: Some(json!({"drive_id": id, "flag": 7, "tape_id": tape.id}).to_string()),
    };
    events::insert(conn, &worn).expect("event");
    let wanted = [
        (Topic::Drive, Urgency::Critical, "Left does not answer".to_owned()),
        (Topic::DriveAlert, Urgency::Critical, "Left raises an alert".into()),
        (Topic::Cleaning, Urgency::Warning, "Left wants to be cleaned".into()),
        (Topic::WornTape, Urgency::Warning, "Tape A00001 is worn".into()),
    ];
    assert_eq!(shown(conn, db::now()), wanted);
    let unknown = db::drives::DriveChanges {
        status: Some(db::DriveStatus::Ready),
        unknown_tape: Some(Some(r#"{"label":"X"}"#.into())),
        ..Default::default()
    };
    db::drives::update(conn, id, &unknown).expect("unknown");
    assert!(titles(conn, db::now()).contains(&"Left holds a tape that is not in the catalog".to_owned()));
    let off = db::drives::DriveChanges { enabled: Some(false), ..Default::default() };
    db::drives::update(conn, id, &off).expect("off");
    assert_eq!(titles(conn, db::now()), ["Tape A00001 is worn"]);
}

#[test]
fn cartridges_that_nobody_knows_and_pools_without_room() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let new = db::libraries::NewLibrary { name: "Rack".into(), device_path: "/dev/sg3".into(), ..Default::default() };
    let library = db::libraries::insert(conn, &new).expect("library").id;
    let job = testing::job(conn, "mail");
    assert_eq!(titles(conn, db::now()), ["Pool DAILY has no tape that can be written"], "{}", job.name);
    let known = tapes::NewTape {
        label: "A00001".into(),
        barcode: Some("A00001L9".into()),
        pool_id: Some(job.pool_id),
        ..Default::default()
    };
    let known = tapes::insert(conn, &known).expect("tape");
    let slot = |slot_number, barcode: &str| library_slots::SeenSlot {
        slot_number,
        slot_type: db::SlotType::Storage,
        barcode: barcode.into(),
        is_empty: barcode.is_empty(),
        accessible: true,
        exception: None,
        source_slot: None,
    };
    let slots = [slot(1, "A00001L9"), slot(2, "B00001L9"), slot(3, "CLN001L1"), slot(4, "")];
    library_slots::replace(conn, library, &slots).expect("inventory");
    let all = list(conn, db::now()).expect("list");
    assert_eq!((all.len(), all[0].title.as_str()), (1, "A cartridge in Rack is not in the catalog"));
    assert!(all[0].about.starts_with("B00001L9."), "{}", all[0].about);
    becomes(conn, known.id, db::TapeStatus::Expired);
    assert_eq!(list(conn, db::now()).expect("list").len(), 1, "the pool allows reuse");
}

#[test]
fn tapes_that_lose_data_and_tapes_that_nobody_can_use_again() {
    use crate::db::tape_health::{Figures, record};
    let db = testing::database();
    let conn = &mut *db.conn();
    let (bad, old) = (testing::tape(conn, "A00001"), testing::tape(conn, "A00002"));
    let lost = Figures { tape_id: bad.id, unrecovered_read_errors: Some(2), ..Figures::default() };
    record(conn, None, &lost).expect("figures");
    let loads = Figures { tape_id: old.id, mounts: Some(19_000), ..Figures::default() };
    record(conn, None, &loads).expect("figures");
    let wanted = [
        (Topic::FailingTape, Urgency::Warning, "Tape A00001 loses data".to_owned()),
        (Topic::WornTape, Urgency::Warning, "Tape A00002 is worn".into()),
    ];
    assert_eq!(shown(conn, db::now()), wanted);
    becomes(conn, bad.id, db::TapeStatus::Retired);
    becomes(conn, old.id, db::TapeStatus::Expired);
    assert_eq!(titles(conn, db::now()), ["Tape A00002 is worn"], "retired ones are nobody's business");
    let pool = old.pool_id.expect("pool");
    let keep = db::pools::PoolChanges { allow_reuse: Some(0), ..Default::default() };
    db::pools::update(conn, pool, &keep).expect("pool");
    let all = list(conn, db::now()).expect("list");
    let item = all.iter().find(|item| item.topic == Topic::ExpiredTapes).expect("expired");
    assert_eq!((item.title.as_str(), item.severity), ("Tape A00002 of pool DAILY has expired", Urgency::Info));
    assert_eq!(item.link, format!("/tapes?pool={pool}&status=expired"));
}

#[test]
fn of_many_tapes_the_first_are_listed_and_the_others_counted() {
    let db = testing::database();
    let conn = &mut *db.conn();
    testing::many_tapes(conn, 20);
    let (_, few) = testing::statements(conn, |conn| list(conn, db::now()).expect("list"));
    testing::many_tapes(conn, 20_000);
    let (all, many) = testing::statements(conn, |conn| list(conn, db::now()).expect("list"));
    assert_eq!((all.len(), many.len()), (0, few.len()), "no statement more: {many:#?}");
    use crate::db::schema::tapes as table;
    let hold = table::hold_reason.eq("looks worn");
    diesel::update(table::table.filter(table::id.gt(1000))).set(hold).execute(conn).expect("hold");
    let all = list(conn, db::now()).expect("list");
    assert_eq!(all.len(), 21);
    assert_eq!((all[20].title.as_str(), all[20].topic), ("19000 more tapes are on hold", Topic::TapeOnHold));
}

#[test]
fn a_thousand_jobs_are_asked_about_together() {
    let db = testing::database();
    let conn = &mut *db.conn();
    testing::many_tapes(conn, 100);
    testing::many_jobs(conn, 3, 50);
    let (_, few) = testing::statements(conn, |conn| list(conn, db::now()).expect("list"));
    let db = testing::database();
    let conn = &mut *db.conn();
    testing::many_tapes(conn, 100);
    testing::many_jobs(conn, 1000, 10);
    let (all, many) = testing::statements(conn, |conn| list(conn, db::now()).expect("list"));
    assert_eq!(many.len(), few.len(), "no statement more: {many:#?}");
    let failed = all.iter().filter(|item| item.topic == Topic::FailedRun).count();
    assert_eq!(failed, 20, "of every fiftieth job the last run");
}
