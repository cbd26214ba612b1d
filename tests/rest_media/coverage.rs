//! How many copies there are of what, and what a restore leaves out.

use crate::house::House;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Asks until everything is counted.
fn counted(house: &House) -> Value {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let coverage = house.get("/coverage").is(200);
        let stale = coverage["sources"].as_array().unwrap().iter().any(|source| source["stale"] == json!(true));
        if !stale && coverage["counting"] == json!(false) {
            return coverage;
        }
        assert!(Instant::now() < end, "{coverage}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn files(copies: &Value) -> [i64; 5] {
    ["none", "one", "more", "offsite", "verified"].map(|word| copies[word]["files"].as_i64().unwrap())
}

#[test]
fn copies_are_counted_by_the_tapes_that_hold_the_present_content() {
    let house = House::with_tapes(&["A00001L9", "A00002L9", "A00003L9"]);
    let empty = house.get("/coverage").is(200);
    assert_eq!((&empty["total"], &empty["tapes"]["with_data"]), (&Value::Null, &json!(0)), "{empty}");
    let folder = house.files("source", &[("a.txt", "same"), ("d/b.txt", "before"), ("d/c.txt", "gone")]);
    let source = house.post("/sources", json!({"name": "data", "path": folder})).is(201)["id"].clone();
    house.post("/sources", json!({"name": "never", "path": folder})).is(201);
    let weekly = house.post("/pools", json!({"name": "second"})).is(201)["id"].clone();
    house.put("/tapes/2", json!({"pool_id": weekly})).is(200);
    let job = |name: &str, pool: &Value| {
        let body = json!({"name": name, "source_id": source, "pool_id": pool, "backup_type": "incremental"});
        house.post("/jobs", body).is(201)["id"].clone()
    };
    let (first, second) = (job("first", &json!(1)), job("second", &weekly));
    let run = |job: &Value| house.post(&format!("/jobs/{job}/run?wait=true"), json!({"use_pool": true})).is(200);
    run(&first);

    let coverage = counted(&house);
    assert_eq!(files(&coverage["total"]), [0, 3, 0, 0, 0], "{coverage}");
    assert_eq!(coverage["total"]["one"]["bytes"], json!(4 + 6 + 4));
    let never = coverage["sources"].as_array().unwrap().iter().find(|source| source["name"] == "never").unwrap();
    assert_eq!((&never["last_backup_at"], &never["copies"]), (&Value::Null, &Value::Null), "{never}");

    // a second job of the same source on another tape; then one file changes, one goes
    run(&second);
    assert_eq!(files(&counted(&house)["total"]), [0, 0, 3, 0, 0]);
    std::fs::write(folder.join("d/b.txt"), "after it").unwrap();
    std::fs::remove_file(folder.join("d/c.txt")).unwrap();
    run(&first);
    let coverage = counted(&house);
    assert_eq!(files(&coverage["total"]), [0, 1, 1, 0, 0], "the new content is on one tape only: {coverage}");
    let jobs = coverage["sources"][0]["jobs"].as_array().unwrap();
    assert_eq!(jobs.iter().map(|job| files(&job["copies"])).collect::<Vec<_>>(), [[0, 2, 0, 0, 0], [1, 1, 0, 0, 0]]);

    // tapes are judged as they are now, without counting again
    let counted_at = coverage["sources"][0]["counted_at"].clone();
    house.post("/tapes/2/export", json!({"offsite_location": "Safe"})).is(200);
    let newest = coverage["sources"][0]["newest_set_id"].clone();
    house.post(&format!("/backup-sets/{newest}/verify?wait=true"), json!({})).is(200);
    let coverage = house.get("/coverage").is(200);
    assert_eq!(files(&coverage["total"]), [0, 1, 1, 1, 1], "{coverage}");
    assert_eq!(coverage["sources"][0]["counted_at"], counted_at);
    assert_eq!((&coverage["tapes"]["offsite"], &coverage["tapes"]["with_data"]), (&json!(1), &json!(2)), "{coverage}");
    let found = house.get("/catalog/find?q=a.txt").is(200)["hits"][0]["versions"].clone();
    let on: Vec<&Value> = found.as_array().unwrap().iter().map(|version| &version["tape_label"]).collect();
    assert_eq!(on, [&json!("A00002L9"), &json!("A00001L9")], "newest first: {found}");
    assert!(found[0]["place"]["text"].as_str().is_some_and(|text| !text.is_empty()), "{found}");

    // the sets of a job go: what only they held is on no tape any more
    house.delete(&format!("/jobs/{first}?forget_sets=true")).is(200);
    assert_eq!(files(&counted(&house)["total"]), [0, 3, 0, 3, 0], "the state of the other job is the newest now");
}

#[test]
fn a_restore_leaves_out_what_is_excluded() {
    let house = House::with_tapes(&["A00001L9"]);
    let folder = house.files("source", &[("a.txt", "a"), ("d/b.txt", "b"), ("d/e/c.txt", "c"), ("d/e/f.txt", "f")]);
    let source = house.post("/sources", json!({"name": "data", "path": folder})).is(201)["id"].clone();
    let body = json!({"name": "j", "source_id": source, "pool_id": 1, "backup_type": "full"});
    let job = house.post("/jobs", body).is(201)["id"].clone();
    house.post(&format!("/jobs/{job}/run?wait=true"), json!({"use_pool": true})).is(200);
    let dest = house.folder.path().join("back");
    let wanted = json!({"job_id": job, "dest_path": dest, "folder_paths": ["/"], "exclude_paths": ["d/e"],
        "file_paths": ["d/e/f.txt"]});
    let plan = house.post("/restore/plan", wanted.clone()).is(200);
    assert_eq!((&plan["file_count"], &plan["missing"]), (&json!(3), &json!([])), "{plan}");
    assert!(plan["required_tapes"][0]["estimated_seconds"].as_u64().unwrap() < 600, "{plan}");
    house.post("/restore/run?wait=true", wanted).is(200);
    for (path, there) in [("a.txt", true), ("d/b.txt", true), ("d/e/c.txt", false), ("d/e/f.txt", true)] {
        assert_eq!(dest.join(path).exists(), there, "{path}");
    }
}
