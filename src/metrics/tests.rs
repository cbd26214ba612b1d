//! What is collected of a house, and whether what is shipped with the program fits.

use super::families::*;
use super::*;
use crate::actors::jobs::Moved;
use crate::config::Sources;
use crate::db::executions::{ExecutionChanges, NewExecution};
use crate::db::testing::{self, TestDatabase};
use crate::db::{self, ExecutionStatus, Severity, drive_health, drives, executions, sets};
use crate::executions::Progress;
use regex::Regex;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn ground(db: &TestDatabase, actors: Option<(Vec<DriveSnapshot>, AtWork)>) -> Ground {
    let folder = db.path.parent().unwrap();
    let settings = [
        ("data_dir", json!(folder)),
        ("database.path", json!(db.path)),
        ("auth.jwt_secret", json!("x".repeat(32))),
        ("auth.bcrypt_cost", json!(4)),
        // of many tapes none is worn
        ("maintenance.warn_mounts", json!(0)),
    ];
    let config = Sources::with(settings).unwrap().resolve(&BTreeMap::new()).unwrap();
    let auth = Auth::open(&config).unwrap();
    Ground {
        config: Arc::new(config),
        pool: db.pool.clone(),
        auth: Arc::new(auth),
        certificate_ends: None,
        started: now(),
        stopping: false,
        actors,
    }
}

#[test]
fn a_house_is_told_in_figures() {
    let db = testing::database();
    let hostile = "nightly \"quoted\"\\\nsecond line";
    let (drive, job, set) = {
        let conn = &mut *db.conn();
        let (full, empty) = (testing::tape(conn, "A00001"), testing::tape(conn, "A00002"));
        let job = testing::job(conn, hostile);
        let set = testing::set(conn, &job, &full, None);
        let figures = sets::SetChanges { file_count: Some(7), total_bytes: Some(5000), ..Default::default() };
        let set = sets::complete(conn, set.id, &figures).unwrap();
        db::tape_lifecycle::part_written(conn, full.id, 3, 10, 400).unwrap();
        db::tapes::update(
            conn,
            empty.id,
            &db::tapes::TapeChanges { hold_reason: Some(Some("odd".into())), ..Default::default() },
        )
        .unwrap();
        for (status, files) in [(ExecutionStatus::Completed, 7), (ExecutionStatus::Failed, 3)] {
            let new = NewExecution { job_id: Some(job.id), ..Default::default() };
            let id = executions::insert(conn, &new).unwrap().id;
            executions::claim(conn, id).unwrap();
            let changes = ExecutionChanges { files_processed: Some(files), ..Default::default() };
            executions::finish(conn, id, status, &changes).unwrap();
        }
        executions::insert(conn, &NewExecution { kind: "restore".into(), ..Default::default() }).unwrap();
        let new =
            drives::NewDrive { device_path: "/dev/sg1".into(), display_name: Some("D".into()), ..Default::default() };
        let drive = drives::insert(conn, &new).unwrap();
        let (category, message) = ("tape_alert".into(), "torn".into());
        let alert = drive_health::NewAlert { drive_id: drive.id, severity: Severity::Critical, category, message };
        drive_health::raise_alert(conn, &alert).unwrap();
        let told = drive_health::StatisticsChanges { total_bytes_written: Some(12_345), ..Default::default() };
        drive_health::update_statistics(conn, drive.id, &told).unwrap();
        (drive, job, set)
    };
    let seen = DriveSnapshot { drive_id: drive.id, execution_id: Some(2), ..Default::default() };
    let progress = Progress::default();
    progress.set_tape(Default::default(), "/dev/sg1".into());
    progress.set_phase("streaming", "");
    progress.buffer_percent.store(40, std::sync::atomic::Ordering::Relaxed);
    let moved = Moved { content_bytes: 77, starved_seconds: 1.5, ..Default::default() };
    let work = AtWork { running: vec![progress.view(2)], moved: BTreeMap::from([("/dev/sg1".into(), moved)]) };
    let page = collect(&ground(&db, Some((vec![seen], work))));

    let (id, of_drive) = (job.id.to_string(), [drive.id.to_string()]);
    let (of_job, of_drive) = ([id.as_str(), hostile], [of_drive[0].as_str(), "D"]);
    let get = |family: &Family, labels: &[&str]| page.get(family, labels);
    for section in ["database", "drives", "stock", "work"] {
        assert_eq!(get(&SECTION_UP, &[section]), Some(1.0), "{section}");
    }
    assert_eq!(get(&DRIVE_STATE, &[of_drive[0], "D", "busy"]), Some(1.0));
    assert_eq!(get(&DRIVE_STATE, &[of_drive[0], "D", "error"]), Some(0.0));
    assert_eq!(get(&DRIVE_ALERTS, &[of_drive[0], "D", "critical"]), Some(1.0));
    assert_eq!(get(&DRIVE_WRITTEN, &of_drive), Some(12_345.0));
    assert_eq!((get(&STREAM_CONTENT, &of_drive), get(&STREAM_STARVED, &of_drive)), (Some(77.0), Some(1.5)));
    assert_eq!((get(&STREAM_TAPE, &of_drive), get(&STREAM_BUFFER, &of_drive)), (Some(0.0), Some(0.4)));
    assert_eq!(get(&EXECUTION_PHASE, &["streaming"]), Some(1.0));
    assert_eq!(get(&TAPES, &["DAILY", "blank"]), Some(2.0));
    assert_eq!((get(&POOL_CAPACITY, &["DAILY"]), get(&POOL_USED, &["DAILY"])), (Some(2000.0), Some(400.0)));
    assert_eq!(get(&POOL_WRITABLE, &["DAILY"]), Some(600.0), "not on the tape on hold");
    assert_eq!((get(&TAPES_HELD, &["DAILY"]), get(&TAPES_HELD, &["WEEKLY"])), (Some(1.0), Some(0.0)));
    assert_eq!(get(&TAPES_UNVERIFIED, &["DAILY"]), Some(1.0));
    assert_eq!(get(&SETS_CONTENT, &["completed"]), Some(5000.0));
    assert_eq!(get(&JOB_SUCCESS, &of_job), set.end_time.map(super::page::unix));
    assert_eq!(get(&JOB_OUTCOME, &[&id, hostile, "failed"]), Some(1.0));
    assert_eq!(get(&JOB_OUTCOME, &[&id, hostile, "completed"]), Some(0.0));
    assert_eq!(get(&JOB_FILES, &of_job), Some(3.0), "of the last run");
    assert_eq!(get(&EXECUTIONS, &["backup", "failed"]), Some(1.0));
    assert_eq!(get(&EXECUTIONS, &["restore", "pending"]), Some(1.0));
    assert!(get(&EXECUTION_END, &["restore", "pending"]).is_none() && get(&QUEUE_AGE, &[]).is_some());
    assert_eq!(get(&CHANGES_AGE, &[]), Some(0.0));
    assert_eq!(get(&ATTENTION, &["failed_run", "critical"]), Some(1.0));
    assert!(get(&DATABASE_SIZE, &[]) > Some(10_000.0) && get(&DISK_FREE, &["data"]) > Some(0.0));
    assert!(get(&CERTIFICATE, &[]).is_none(), "no TLS");
    let text = text(page, &Http::default()).unwrap();
    assert!(text.contains(r#"job_name="nightly \"quoted\"\\\nsecond line""#), "{text}");
}

#[test]
fn what_cannot_be_collected_is_left_out_and_said_to_be() {
    let db = testing::database();
    diesel::connection::SimpleConnection::batch_execute(&mut *db.conn(), "DROP TABLE notification_outbox").unwrap();
    let page = collect(&ground(&db, None));
    let up = |section| page.get(&SECTION_UP, &[section]);
    assert_eq!((up("drives"), up("work"), up("stock")), (Some(0.0), Some(0.0), Some(1.0)));
    assert_eq!(page.get(&QUEUE_AGE, &[]), None, "a section is there as a whole or not at all");
    assert_eq!(page.get(&POOL_CAPACITY, &["DAILY"]), Some(0.0));
}

#[test]
fn many_tapes_are_no_more_questions_and_little_time() {
    let db = testing::database();
    let ground = ground(&db, Some(Default::default()));
    let asked = || {
        let conn = &mut *db.conn();
        let limits = Limits::from(&ground.config.maintenance);
        let mut page = Page::default();
        let ask = |conn: &mut Conn| {
            stock::collect(conn, &mut page).unwrap();
            work::collect(conn, &mut page, limits, now()).unwrap();
        };
        testing::statements(conn, ask).1.len()
    };
    testing::many_tapes(&mut db.conn(), 20);
    let few = asked();
    testing::many_tapes(&mut db.conn(), 100_000);
    assert_eq!(asked(), few);
    let page = collect(&ground);
    let tapes: f64 = ["expired", "active", "exported", "blank", "full"]
        .iter()
        .filter_map(|status| page.get(&TAPES, &["DAILY", status]))
        .sum();
    assert_eq!(tapes, 100_020.0);
    let seconds = page.get(&COLLECTED, &[]).unwrap();
    assert!(seconds < 5.0, "Prometheus asks every few seconds: {seconds}");
}

#[test]
fn executions_are_counted_from_their_index() {
    #[derive(diesel::QueryableByName)]
    struct Step {
        #[diesel(sql_type = diesel::sql_types::Text)]
        detail: String,
    }
    let db = testing::database();
    let conn = &mut *db.conn();
    let (_, asked) = testing::statements(conn, |conn| db::figures::executions(conn).unwrap());
    let steps: Vec<Step> =
        diesel::RunQueryDsl::load(diesel::sql_query(format!("EXPLAIN QUERY PLAN {}", asked[0])), conn).unwrap();
    assert!(steps.iter().all(|step| step.detail.contains("COVERING INDEX idx_executions_kind")), "{}", steps[0].detail);
}

/// Name of each sample that is told, and its labels.
fn told() -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut told: BTreeMap<String, BTreeSet<&str>> =
        ALL.iter().map(|family| (family.sample(), family.labels.iter().copied().collect())).collect();
    for (name, kind, labels) in http::NAMES {
        let labels: BTreeSet<&str> = labels.iter().copied().collect();
        if kind == "histogram" {
            told.insert(format!("{name}_sum"), labels.clone());
            told.insert(format!("{name}_count"), labels.clone());
            told.insert(format!("{name}_bucket"), labels.into_iter().chain(["le"]).collect());
        } else {
            told.insert(name.to_owned(), labels);
        }
    }
    told
}

/// The labels of all that an expression asks for. Panics where it asks for what is not told, or selects by a label that is not
/// there.
fn asked_for(expression: &str) -> BTreeSet<&'static str> {
    let told = told();
    let mut labels = BTreeSet::from(["instance", "job"]);
    let name = Regex::new(r"(tapebackarr_\w+)(?:\{([^}]*)\})?").unwrap();
    let label = Regex::new(r"(\w+)\s*(?:=~|!~|!=|=)").unwrap();
    let mut any = false;
    for found in name.captures_iter(expression) {
        let known = told.get(&found[1]).unwrap_or_else(|| panic!("{} is not told: {expression}", &found[1]));
        let selected = found.get(2).map_or("", |selected| selected.as_str());
        for label in label.captures_iter(selected) {
            let there = known.contains(&label[1]) || &label[1] == "instance";
            assert!(there, "{} has no label {}: {expression}", &found[1], &label[1]);
        }
        labels.extend(known);
        any = true;
    }
    assert!(any || expression.starts_with("up{"), "{expression} asks for nothing of ours");
    labels
}

fn shipped(file: &str) -> String {
    std::fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn the_dashboard_shows_only_what_is_told() {
    let dashboard: Value = serde_json::from_str(&shipped("config/grafana/tapebackarr.json")).unwrap();
    let legend = Regex::new(r"\{\{(\w+)\}\}").unwrap();
    let (mut ids, mut expressions) = (BTreeSet::new(), 0);
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "two panels have the same id: {panel}");
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap();
            let labels = asked_for(expression);
            let text = target["legendFormat"].as_str().unwrap_or_default();
            for found in legend.captures_iter(text) {
                assert!(labels.contains(&found[1]), "{expression} has no label for {text}");
            }
            assert!(expression.contains("instance=~\"$instance\""), "of which server? {expression}");
            expressions += 1;
        }
    }
    assert!(expressions > 40, "{expressions}");
}

/// The alert rules: name and lines of each.
fn rules() -> Vec<(String, String)> {
    let text = shipped("config/prometheus/alerts.yml");
    let blocks = text.split("      - alert: ").skip(1);
    blocks.map(|block| (block.lines().next().unwrap().to_owned(), block.to_owned())).collect()
}

#[test]
fn alerts_ask_only_for_what_is_told_and_say_what_to_do() {
    let used = Regex::new(r"\$labels\.(\w+)").unwrap();
    let command = Regex::new(r"`(tapebackarr [^`]*)`").unwrap();
    let filled = Regex::new(r"\{\{[^}]*\}\}|\b[A-Z]+\b").unwrap();
    let (mut names, mut commands) = (BTreeSet::new(), 0);
    for (name, block) in rules() {
        assert!(name.starts_with("TapeBackarr") && names.insert(name.clone()), "{name}");
        let (expression, rest) = block.split_once("expr: ").unwrap().1.split_once("        labels:").unwrap();
        let labels = asked_for(expression.trim_start_matches(">-").trim());
        let severity = rest.split_once("severity: ").unwrap().1.lines().next().unwrap();
        assert!(["critical", "warning", "info"].contains(&severity), "{name}: {severity}");
        for field in ["summary: \"", "description: \""] {
            assert!(rest.contains(field), "{name} has no {field}");
        }
        for found in used.captures_iter(rest) {
            assert!(labels.contains(&found[1]), "{name}: there is no label {}", &found[1]);
        }
        for found in command.captures_iter(rest) {
            let line = filled.replace_all(&found[1], "1");
            crate::cli::tests::parses(&line).unwrap_or_else(|error| panic!("{name}: {line}: {error}"));
            commands += 1;
        }
    }
    assert!(names.len() > 20 && commands > 20, "{} {commands}", names.len());
}

/// Prometheus itself checks the rules, and when they fire, where it is installed.
#[test]
fn prometheus_takes_the_rules() {
    let checks = [["check", "rules", "config/prometheus/alerts.yml"], ["test", "rules", "tests/alerts/rules.yml"]];
    for arguments in checks {
        let promtool =
            std::process::Command::new("promtool").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        match promtool {
            Ok(checked) => {
                let (said, complained) = (&checked.stdout, &checked.stderr);
                let said = [said.as_slice(), complained].map(String::from_utf8_lossy).concat();
                assert!(checked.status.success(), "{said}");
            }
            Err(error) => eprintln!("not checked, promtool (package prometheus) is not here: {error}"),
        }
    }
}

/// The table of `docs/monitoring.md`, from the code.
fn table() -> String {
    let row = |name: &str, labels: &[&str], help: &str| {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{name}` | {} | {help} |\n", labels.join(" "))
    };
    let mut rows: String = ALL.iter().map(|family| row(&family.sample(), family.labels, family.help)).collect();
    let mut text = String::new();
    let http = Http::default();
    // what has no samples is not told
    http.answered("GET", "/health", 200, Duration::ZERO);
    http.write(&mut text).unwrap();
    for (name, _, labels) in http::NAMES {
        let begin = format!("# HELP {} ", name.strip_suffix("_total").unwrap_or(name));
        let help = text.lines().find_map(|line| line.strip_prefix(&begin)).unwrap();
        rows += &row(name, labels, help.trim_end_matches('.'));
    }
    rows
}

#[test]
fn the_documentation_has_every_metric() {
    let text = shipped("docs/monitoring.md");
    let table = table();
    assert!(text.contains(&table), "the table of docs/monitoring.md has to be:\n{table}");
}
