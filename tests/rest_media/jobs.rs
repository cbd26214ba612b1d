//! Sources and jobs; and a whole run with everything that can be asked about it.

use crate::house::House;
use serde_json::{Value, json};

fn source(house: &House, files: &[(&str, &str)]) -> Value {
    let root = house.files("source", files);
    house.post("/sources", json!({"name": "src", "path": root, "exclude_patterns": ["*.tmp"]})).is(201)["id"].clone()
}

#[test]
fn sources_are_checked_before_they_are_believed() {
    let house = House::new();
    let root = house.files("source", &[("a.txt", "a"), ("b.tmp", "b"), ("d/c.txt", "cc")]);
    house.post("/sources", json!({"path": root})).about("name");
    house.post("/sources", json!({"name": "s"})).about("path");
    house.post("/sources", json!({"name": "s", "path": "relative"})).about("path");
    house.post("/sources", json!({"name": "s", "path": "/not/there"})).about("path");
    house.post("/sources", json!({"name": "s", "path": root, "source_type": "nfs"})).about("path");
    house.post("/sources", json!({"name": "s", "path": root, "source_type": "ftp"})).about("source_type");
    let message = house
        .post("/sources", json!({"name": "s", "path": root, "exclude_patterns": ["ok", "[x"]}))
        .about("exclude_patterns");
    assert!(message.contains("[x"), "{message}");
    let later = house.post("/sources", json!({"name": "later", "path": "/not/there", "allow_missing": true})).is(201);
    let shown = house.get(&format!("/sources/{}", later["id"])).is(200);
    assert_eq!(shown["warnings"].as_array().unwrap().len(), 1, "{shown}");

    let made = house.post("/sources", json!({"name": "s", "path": root, "exclude_patterns": ["*.tmp"]})).is(201);
    let path = format!("/sources/{}", made["id"]);
    let shown = house.get(&path).is(200);
    assert_eq!(shown["exclude_patterns"], json!("[\"*.tmp\"]"), "JSON text, as the old program answers");
    assert_eq!(shown["exclude"], json!(["*.tmp"]));
    let preview = house.post(&format!("{path}/preview"), json!({})).is(200);
    assert_eq!(
        (&preview["files"], &preview["bytes"], &preview["complete"]),
        (&json!(2), &json!(3), &json!(true)),
        "{preview}"
    );
    let other = house.post("/sources/preview", json!({"path": root, "include_patterns": ["d/"]})).is(200);
    assert_eq!(other["files"], json!(1), "{other}");
    house.put(&path, json!({"include_patterns": ["*.txt"], "enabled": false})).is(200);
    house.post("/jobs/preview-schedule", json!({"schedule_cron": "@daily"})).is(200);
    let audit = house.get("/logs/audit").is(200);
    let actions: Vec<&str> = audit.as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert!(actions.contains(&"update") && actions.contains(&"create"), "{actions:?}");
    assert!(!actions.iter().any(|action| action.contains("preview")), "asking is no change: {actions:?}");
    assert_eq!(house.get(&path).is(200)["include"], json!(["*.txt"]));
    house.put(&path, json!({"include_patterns": ["[x"]})).about("include_patterns");
    house.delete(&path).is(200);
    house.get(&path).fails(404, "not_found");
}

#[test]
fn folders_of_the_server_are_browsed_by_those_who_may() {
    let house = House::new();
    let files = house.files("tree", &[("b/x", "x"), ("a/y", "y"), ("a/deep/z", "z"), ("secret.txt", "s")]);
    let root = files.display();
    let shown = house.get(&format!("/sources/browse?path={root}/&source_type=local")).is(200);
    let names: Vec<&str> =
        shown["folders"].as_array().unwrap().iter().map(|folder| folder["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b"], "{shown}");
    assert_eq!((&shown["others"], &shown["total"], &shown["problem"]), (&json!(1), &json!(2), &json!(null)));
    assert!(!shown.to_string().contains("secret"), "names of files are nobody's business here: {shown}");
    assert_eq!(shown["folders"][0]["path"], json!(format!("{root}/a")));
    assert!(shown["mount"]["fs_type"].is_string());
    let second = house.get(&format!("/sources/browse?path={root}&limit=1&offset=1")).is(200);
    assert_eq!((&second["folders"][0]["name"], &second["total"]), (&json!("b"), &json!(2)));
    assert_eq!(house.get(&format!("/sources/browse?path={root}&q=B")).is(200)["total"], json!(1));
    let share = house.get(&format!("/sources/browse?path={root}&source_type=nfs")).is(200);
    assert!(share["problem"].as_str().unwrap().contains("is not mounted"), "{share}");
    assert_eq!(house.get("/sources/browse").is(200)["path"], json!("/"));
    house.get("/sources/browse?path=relative").about("path");
    house.get(&format!("/sources/browse?path={root}/a/../b")).about("path");
    house.get(&format!("/sources/browse?path={root}/nowhere")).about("path");
    house.get(&format!("/sources/browse?path={root}/secret.txt")).about("path");
}

#[test]
fn another_rule_is_tried_before_it_counts() {
    let house = House::with_tapes(&["A00001L9", "A00002L9"]);
    let source = source(&house, &[("a.txt", "a")]);
    let body = json!({"name": "j", "source_id": source, "pool_id": 1, "retention_days": 30});
    let job = house.post("/jobs", body).is(201)["id"].clone();
    assert_eq!(house.get("/jobs/history").is(200), json!([{"job_id": job, "runs": []}]));
    let last = house.get(&format!("/sources/{source}")).is(200)["last_backup_at"].clone();
    assert_eq!(last, json!(null));
    for _ in 0..3 {
        house.post(&format!("/jobs/{job}/run?wait=true"), json!({})).is(200);
    }
    let history = house.get("/jobs/history?runs=2").is(200);
    let runs = history[0]["runs"].as_array().unwrap();
    assert_eq!((runs.len(), &runs[0]["status"], &runs[0]["needs_tape"]), (2, &json!("completed"), &json!(false)));
    assert!(runs[0]["id"].as_i64() > runs[1]["id"].as_i64(), "newest first: {history}");
    house.get("/jobs/history?job_id=99").fails(404, "not_found");
    assert!(house.get("/sources").is(200)[0]["last_backup_at"].is_string());

    let same = house.post("/retention/what-if", json!({"job_id": job})).is(200);
    assert_eq!((&same["kept_now"], &same["kept_then"], &same["expiring"]), (&json!(3), &json!(3), &json!([])));
    assert_eq!(same["rule"], json!("30 days"));
    let nightly = json!({"pool_id": 1, "retention_days": 7, "schedule_cron": "0 2 * * *", "keep_monthly": 6});
    let new = house.post("/retention/what-if", nightly).is(200);
    assert!(new["forecast"]["kept"].as_i64().unwrap() >= 12, "{new}");
    let increments =
        json!({"pool_id": 1, "retention_days": 7, "schedule_cron": "0 2 * * *", "backup_type": "incremental"});
    assert_eq!(house.post("/retention/what-if", increments).is(200)["forecast"], json!(null));
    house.post("/retention/what-if", json!({})).about("pool_id");
    house.post("/retention/what-if", json!({"pool_id": 1, "retention_days": -1})).about("retention_days");
    house
        .post("/retention/what-if", json!({"pool_id": 1, "retention_days": 1, "schedule_cron": "x"}))
        .about("schedule_cron");
    let kept = house.get(&format!("/retention/preview?job_id={job}")).is(200);
    assert_eq!(kept["sets_kept"], json!(3), "nothing was changed: {kept}");
}

#[test]
fn jobs_are_checked_scheduled_and_deleted() {
    let house = House::with_library(&[]);
    let source = source(&house, &[("a", "a")]);
    let good = json!({"name": "j", "source_id": source, "pool_id": 1, "backup_type": "full", "retention_days": 30});
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        house.post("/jobs", body)
    };
    let message = with("schedule_cron", json!("0 25 * * *")).about("schedule_cron");
    assert!(message.starts_with("invalid cron expression: "), "{message}");
    assert_eq!(with("encryption_key_id", json!(3)).about("encryption_key_id"), "encryption key not found");
    with("compression", json!("rar")).about("compression");
    with("time_zone", json!("Nowhere/City")).about("time_zone");
    with("source_id", json!(99)).about("source_id");
    with("name", json!("")).about("name");
    let id = with("schedule_cron", json!("0 2 * * *")).is(201)["id"].clone();
    with("name", json!("j")).fails(409, "already_exists");
    let job = house.get(&format!("/jobs/{id}")).is(200);
    assert_eq!((&job["source_name"], &job["pool_name"]), (&json!("src"), &json!("DAILY")));
    assert!(job["next_run_at"].as_str().unwrap().ends_with("T02:00:00Z"), "{job}");
    let runs = house.get(&format!("/jobs/{id}/next-runs?count=3")).is(200);
    assert_eq!(runs["runs"].as_array().unwrap().len(), 3);
    let preview =
        house.post("/jobs/preview-schedule", json!({"schedule_cron": "@daily", "time_zone": "Europe/Berlin"})).is(200);
    assert_eq!(preview["time_zone"], json!("Europe/Berlin"));
    house.post("/jobs/preview-schedule", json!({"schedule_cron": "* *"})).about("schedule_cron");
    house.put(&format!("/jobs/{id}"), json!({"enabled": false})).is(200);
    assert_eq!(house.get(&format!("/jobs/{id}")).is(200)["next_run_at"], json!(null));
    house.put(&format!("/jobs/{id}"), json!({"encryption_key_id": 1})).about("encryption_key_id");
    house.put("/jobs/99", json!({"enabled": false})).fails(404, "not_found");

    let nothing = house.post(&format!("/jobs/{id}/run"), json!({})).about("pool_id");
    assert!(nothing.starts_with("no suitable tape found in pool: "), "{nothing}");
    house.post(&format!("/jobs/{id}/run"), json!({"use_pool": false})).about("tape_id");
    house.post("/jobs/99/run", json!({})).fails(404, "not_found");
    house.post(&format!("/jobs/{id}/cancel"), json!({})).fails(404, "not_found");
    house.post(&format!("/jobs/{id}/retry"), json!({})).fails(409, "nothing_to_retry");
    let recommended = house.get(&format!("/jobs/{id}/recommend-tape")).is(200);
    assert_eq!((&recommended["found"], &recommended["pool_name"]), (&json!(false), &json!("DAILY")));
    assert_eq!(house.get("/jobs/active").is(200), json!([]));
    assert_eq!(house.get("/jobs/resumable").is(200), json!([]));
    house.delete("/sources/1").fails(409, "in_use");
    house.delete(&format!("/jobs/{id}")).is(200);
    house.get(&format!("/jobs/{id}")).fails(404, "not_found");
}

#[test]
fn a_whole_run_is_cataloged_browsed_searched_verified_restored_and_deleted() {
    let house = House::with_tapes(&["A00001L9", "A00002L9"]);
    let source = source(&house, &[("etc/fstab", "disks"), ("etc/100%_x", "odd"), ("notes.txt", "one"), ("a.tmp", "t")]);
    let job = house
        .post(
            "/jobs",
            json!({"name": "j", "source_id": source, "pool_id": 1, "backup_type": "incremental",
        "compression": "zstd"}),
        )
        .is(201)["id"]
        .clone();
    let recommended = house.get(&format!("/jobs/{job}/recommend-tape")).is(200);
    assert_eq!(
        (&recommended["found"], &recommended["tape_label"]),
        (&json!(true), &json!("A00001L9")),
        "{recommended}"
    );
    let run = format!("/jobs/{job}/run");
    let started = house.post(&run, json!({})).is(202);
    assert_eq!(started["tape_label"], json!("A00001L9"), "{started}");
    let full = house.ended(&started);
    assert_eq!(
        (&full["status"], &full["job_name"], &full["files_processed"]),
        (&json!("completed"), &json!("j"), &json!(3)),
        "{full}"
    );
    assert!(!full["why"].as_array().unwrap().is_empty());
    std::fs::write(house.folder.path().join("source/notes.txt"), "two!").unwrap();
    std::fs::remove_file(house.folder.path().join("source/etc/fstab")).unwrap();
    house.post(&format!("{run}?wait=true"), json!({"use_pool": true})).is(200);

    let sets = house.get(&format!("/backup-sets?job_id={job}")).is(200);
    let ids: Vec<i64> = sets.as_array().unwrap().iter().map(|set| set["id"].as_i64().unwrap()).collect();
    let &[increment, first] = ids.as_slice() else { panic!("two sets: {sets}") };
    assert_eq!((&sets[0]["backup_type"], &sets[1]["backup_type"]), (&json!("incremental"), &json!("full")));
    let detail = house.get(&format!("/backup-sets/{increment}")).is(200);
    assert_eq!((&detail["chain"], &detail["tapes"]), (&json!([first]), &json!(["A00001L9"])), "{detail}");
    let files = house.get(&format!("/backup-sets/{first}/files")).is(200);
    assert_eq!(files.as_array().unwrap().len(), 3, "{files}");
    let odd = house.get(&format!("/backup-sets/{first}/files?prefix=etc/100%25_")).is(200);
    assert_eq!((odd.as_array().unwrap().len(), &odd[0]["file_path"]), (1, &json!("etc/100%_x")));
    assert_eq!(house.get(&format!("/catalog/browse/{first}?prefix=etc/1__")).is(200), json!([]), "no pattern");
    assert!(odd[0]["mod_time"].as_str().unwrap() > "2020", "{odd}");
    assert_eq!(odd[0]["tape_label"], json!("A00001L9"));

    let names = |path: &str| -> Vec<Value> {
        let tree = house.get(path).is(200);
        tree["entries"].as_array().unwrap().iter().map(|entry| entry["name"].clone()).collect()
    };
    assert_eq!(names(&format!("/catalog/tree?set_id={increment}")), [json!("etc"), json!("notes.txt")]);
    assert_eq!(names(&format!("/catalog/tree?job_id={job}&path=etc")), [json!("100%_x")], "fstab is gone by then");
    assert_eq!(names(&format!("/catalog/tree?set_id={first}&path=etc")), [json!("100%_x"), json!("fstab")]);
    house.get("/catalog/tree").about("set_id");
    house.get(&format!("/catalog/tree?job_id={job}&as_of=yesterday")).about("as_of");
    house.get(&format!("/catalog/tree?job_id={job}&as_of=2001-01-01T00:00:00Z")).fails(404, "not_found");
    let versions = house.get(&format!("/catalog/versions?path=notes.txt&job_id={job}")).is(200);
    assert_eq!(versions.as_array().unwrap().len(), 2, "{versions}");
    house.get("/catalog/search").about("q");
    let found = house.get("/catalog/search?q=notes").is(200);
    assert_eq!((found.as_array().unwrap().len(), &found[0]["file_path"]), (2, &json!("notes.txt")), "{found}");
    assert_ne!(found[0]["id"], found[1]["id"], "{found}");
    let hit = house.get("/catalog/find?q=*.txt").is(200)["hits"][0].clone();
    assert_eq!(hit["path"], json!("notes.txt"));
    let source = &house.get(&format!("/jobs/{job}")).is(200)["source_id"];
    assert_eq!((&hit["source_id"], &found[0]["source_id"]), (source, source), "{hit} {found}");
    assert_eq!(hit["source_name"], found[0]["source_name"], "{hit} {found}");
    let of_source = house.get(&format!("/catalog/versions?path=notes.txt&source_id={source}")).is(200);
    assert_eq!(of_source.as_array().unwrap().len(), 2, "{of_source}");
    house.get("/catalog/versions?path=notes.txt&source_id=99").fails(404, "not_found");

    let contents = house.get("/tapes/1/contents").is(200);
    assert_eq!(contents["parts"].as_array().unwrap().len(), 2, "{contents}");
    house.post("/tapes/1/verify?wait=true", json!({})).is(200);
    house.post(&format!("/backup-sets/{increment}/verify?wait=true"), json!({})).is(200);
    let plan = house.post("/restore/plan", json!({"job_id": job})).is(200);
    assert_eq!(plan["required_tapes"][0]["tape"]["label"], json!("A00001L9"), "{plan}");
    let dest = house.folder.path().join("back");
    house.post("/restore/run", json!({"job_id": job})).about("dest_path");
    house.post("/restore/run", json!({"dest_path": dest})).about("backup_set_id");
    house.post("/restore/run", json!({"job_id": job, "dest_path": dest, "policy": "ask"})).about("policy");
    let restored =
        house.post("/restore/run?wait=true", json!({"job_id": job, "dest_path": dest, "verify": true})).is(200);
    assert_eq!((&restored["files_restored"], &restored["verified"]), (&json!(2), &json!(true)), "{restored}");
    assert_eq!(std::fs::read_to_string(dest.join("notes.txt")).unwrap(), "two!");
    assert!(!dest.join("etc/fstab").exists());
    assert_eq!(house.get("/restore/operations").is(200)[0]["status"], json!("completed"));

    let dashboard = house.get("/dashboard").is(200);
    assert_eq!((&dashboard["total_backup_sets"], &dashboard["total_jobs"]), (&json!(2), &json!(1)), "{dashboard}");
    let message = house.delete(&format!("/backup-sets/{first}")).fails(409, "in_use");
    assert!(message.contains(&format!("set {increment}")), "{message}");
    house.post(&format!("/backup-sets/{first}/cancel"), json!({})).fails(400, "bad_request");
    house.delete(&format!("/backup-sets/{increment}")).is(200);
    let kept = house.delete(&format!("/jobs/{job}")).fails(409, "in_use");
    assert!(kept.contains("forget_sets=true"), "{kept}");
    house.delete(&format!("/jobs/{job}?forget_sets=true")).is(200);
    assert_eq!(house.get("/backup-sets").is(200), json!([]));
    assert_eq!(house.get("/catalog/search?q=notes").is(200), json!([]));
    assert_eq!(house.get("/executions?kind=backup&limit=1").is(200), json!([]), "they went with the job");
    let ended =
        |kind| house.get(&format!("/executions?status=completed&kind={kind}")).is(200).as_array().unwrap().len();
    assert_eq!((ended("verify"), ended("scrub")), (1, 1));
    house.get("/executions?status=odd").about("status");
    house.post("/executions/1/cancel", json!({})).fails(409, "not_running");
}
