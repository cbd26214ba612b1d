//! A person changes the tapes of a drive that stands alone: answering the request, or simply inserting a tape.

use crate::files;
use crate::hands::Hands;
use serde_json::{Value, json};
use std::path::PathBuf;

const TAPES: [&str; 5] = ["H00001L9", "H00002L9", "H00003L9", "H00004L9", "H00005L9"];

/// One drive, five tapes of 40 MiB on the shelf, and a job of 100 MiB in one file and more in small ones.
fn ready(options: impl FnOnce(&Hands) -> Value) -> (Hands, PathBuf, i64) {
    let hands = Hands::new(1, &TAPES, 40);
    let source = hands.server.folder("s");
    files::fill(&source);
    std::fs::write(source.join("huge"), files::noise(9, 100 << 20)).unwrap();
    std::fs::write(source.join("zz last"), files::noise(10, 1 << 20)).unwrap();
    let options = options(&hands);
    let job = hands.server.api.job("j", hands.server.api.source("s", &source), 1, options);
    (hands, source, job)
}

#[test]
fn an_operator_who_answers_by_rest_names_the_tapes_himself() {
    let (hands, source, job) = ready(|_| json!({}));
    let api = &hands.server.api;
    let started = api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let first = api.tape_change(&started);
    assert_eq!(
        (&first["reason"], &first["status"], &first["pool_name"]),
        (&json!("tape_needed"), &json!("pending"), &json!("DAILY"))
    );
    assert_eq!(first["message"], "Insert tape H00001L9 into drive D0; any other tape of pool DAILY with room will do.");
    assert_eq!(api.get("/api/v1/tape-changes?status=open").ok()[0]["id"], first["id"]);
    assert_eq!(api.get("/api/v1/dashboard").ok()["open_tape_changes"], 1);
    let event = api.get("/api/v1/events?limit=50").ok().to_string();
    assert!(event.contains("Tape Required"), "{event}");
    let attention = api.get("/api/v1/dashboard/attention").ok();
    assert_eq!(
        (&attention[0]["severity"], &attention[0]["title"]),
        (&json!("waiting"), &first["message"]),
        "{attention}"
    );
    let shown = hands.server.cli_as_admin(&["status"]);
    assert!(shown.contains(&format!("tapebackarr tape-changes complete {}", first["id"])), "{shown}");
    let answer = |request: &Value, tape: i64| {
        api.post(&format!("/api/v1/tape-changes/{}/complete", request["id"]), json!({"tape_id": tape}))
    };
    // said to be done, and it is not: it waits again, and says why
    answer(&first, 3).ok();
    let notice = api.notice(&first);
    assert!(notice.contains("H00003L9"), "{notice}");
    answer(&first, 99).fails(400, "bad_request");

    // not the one that was suggested, but as good
    let mut request = first;
    let mut order = vec![3, 5, 2, 4].into_iter();
    loop {
        let tape: i64 = order.next().expect("four tapes are enough");
        hands.change(TAPES[tape as usize - 1], 0);
        let said = answer(&request, tape);
        // it may have been noticed before it was said
        assert!(said.status == 200 || said.body["code"] == "tape_change_state", "{said:?}");
        let last = request["id"].clone();
        match hands.next_request(&started, &last) {
            Some(next) => request = next,
            None => break,
        }
        assert_eq!(request["reason"], "tape_full");
        assert_eq!(request["current_tape_id"], tape);
        answer(&request, tape).fails(409, "tape_not_suitable");
        let cartridge = hands.inside(0);
        assert_eq!(cartridge, (Some(TAPES[tape as usize - 1].to_string()), false), "it was ejected to be taken");
    }
    let run = api.complete(started);
    let set = run["result"]["backup_set_id"].clone();
    let detail = api.get(&format!("/api/v1/backup-sets/{set}")).ok();
    let members = detail["spanning"]["members"].as_array().unwrap();
    let tapes: Vec<&str> = members.iter().map(|member| member["tape_label"].as_str().unwrap()).collect();
    assert_eq!(tapes, ["H00003L9", "H00005L9", "H00002L9", "H00004L9"]);
    assert_eq!(detail["spanning"]["status"], "completed");
    let requests = api.get("/api/v1/tape-changes").ok();
    let requests = requests.as_array().unwrap();
    assert_eq!(requests.len(), 4);
    assert!(requests.iter().all(|request| request["status"] == "completed"), "{requests:#?}");
    // those behind the first belong to the set over tapes
    assert_eq!(requests[0]["spanning_set_id"], detail["spanning"]["id"]);
    api.post(&format!("/api/v1/tape-changes/{}/complete", requests[0]["id"]), json!({}))
        .fails(409, "tape_change_state");

    // what is on the tape in the drive needs nobody
    let to = hands.server.dir.path().join("part");
    api.restore(json!({"backup_set_id": set, "dest_path": to, "file_paths": ["zz last"]}));
    assert!(std::fs::read(to.join("zz last")).unwrap() == files::noise(10, 1 << 20));
    assert_eq!(api.get("/api/v1/tape-changes").ok().as_array().unwrap().len(), 4);
    assert!(source.exists());
}

#[test]
fn inserting_a_tape_is_answer_enough_for_backup_restore_and_verification() {
    let (hands, source, job) = ready(|hands| {
        let key = hands.server.api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
        json!({"compression": "zstd", "encryption_key_id": key["key"]["id"]})
    });
    let api = &hands.server.api;
    let started = api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let mut last = Value::Null;
    while let Some(request) = hands.next_request(&started, &last) {
        // the tape that is suggested
        hands.change(request["tape_label"].as_str().unwrap(), 0);
        last = request["id"].clone();
    }
    let run = api.complete(started);
    let set = run["result"]["backup_set_id"].clone();
    let parts = run["result"]["parts"].as_u64().unwrap();
    assert_eq!(parts, 4, "{run}");
    assert_eq!(run["error_code"], Value::Null);

    let read = |started: &Value| {
        let (mut last, mut asked) = (Value::Null, Vec::new());
        while let Some(request) = hands.next_request(started, &last) {
            let label = request["tape_label"].as_str().unwrap().to_string();
            // what may come before it follows
            let message = request["message"].as_str().unwrap();
            assert!(message.starts_with(&format!("Insert tape {label} into drive D0.")), "{message}");
            hands.change(&label, 0);
            asked.push(label);
            last = request["id"].clone();
        }
        asked
    };
    let to = hands.server.dir.path().join("r");
    let started = api.post("/api/v1/restore/run", json!({"backup_set_id": set, "dest_path": to})).ok();
    assert_eq!(
        read(&started),
        TAPES[..3],
        "each tape once, in the order of the set, and the last is in the drive already"
    );
    api.complete(started);
    files::assert_equal(&source, &to);
    let started = api.post(&format!("/api/v1/backup-sets/{set}/verify"), json!({})).ok();
    let asked = read(&started);
    let others: Vec<&str> = TAPES[..4].iter().copied().filter(|tape| *tape != TAPES[2]).collect();
    assert!(asked == TAPES[..4] || asked == others, "each tape once, that in the drive perhaps never: {asked:?}");
    api.complete(started);
    assert!(api.get("/api/v1/tape-changes?status=open").ok().as_array().unwrap().is_empty());
}

#[test]
fn what_does_not_fit_is_told_once_and_never_written() {
    let (hands, source, job) = ready(|_| json!({}));
    let api = &hands.server.api;
    hands.buy("FOREIGN1", 40);
    hands.buy("BLANK001", 40);
    hands.buy("OTHER001", 40);
    // a tape of another pool, and one that is not ours at all
    hands.insert("OTHER001", 0);
    let body = json!({"label": "OTHER001", "pool_id": 2, "write_label": true, "drive_id": 1});
    api.post("/api/v1/tapes?wait=true", body).ok();
    hands.eject(1);
    hands.take_out(0);
    let image = hands.server.library_dir().join("cartridges/FOREIGN1.tap");
    crate::bad_input::write_foreign(&image);

    hands.insert(TAPES[0], 0);
    let started = api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let request = api.tape_change(&started);
    assert_eq!(request["current_tape_label"], TAPES[0]);
    let log = || api.get(&format!("/api/v1/executions/{}/logs", started["execution_id"])).ok().to_string();
    for (tape, words) in [
        ("OTHER001", "not a tape of pool DAILY"),
        ("FOREIGN1", "not one of ours"),
        (TAPES[0], "filled by this run"),
        ("BLANK001", "blank: label it"),
    ] {
        let before = hands.image(tape);
        hands.change(tape, 0);
        let since = std::time::Instant::now();
        let notice = loop {
            let notice = api.notice(&request);
            if notice.contains(words) {
                break notice;
            }
            assert!(since.elapsed().as_secs() < 30, "{tape}: {notice}");
            std::thread::sleep(std::time::Duration::from_millis(30));
        };
        let row = api.get(&format!("/api/v1/executions/{}", started["execution_id"])).ok();
        assert!(row["message"].as_str().unwrap().contains(&notice), "{row}");
        assert_eq!((&row["status"], &row["phase"]), (&json!("running"), &json!("waiting")));
        std::thread::sleep(std::time::Duration::from_millis(1500));
        assert_eq!(log().matches(words).count(), 1, "told once: {}", log());
        assert!(hands.image(tape) == before, "nothing was written to {tape}");
        if tape != "BLANK001" {
            // the drive is nobody's while it waits
            hands.eject(1);
        }
    }
    let events = api.get("/api/v1/events?limit=200").ok().to_string();
    assert_eq!(events.matches("Wrong Tape").count(), 4);
    // the blank one is labelled for the pool, in the drive that is waited for: that fits
    hands.label("BLANK001", 1);
    let mut last = request["id"].clone();
    while let Some(next) = hands.next_request(&started, &last) {
        assert_eq!(api.get(&format!("/api/v1/tape-changes/{last}")).ok()["status"], "completed");
        hands.change(next["tape_label"].as_str().unwrap(), 0);
        last = next["id"].clone();
    }
    let run = api.complete(started);
    let detail = api.get(&format!("/api/v1/backup-sets/{}", run["result"]["backup_set_id"])).ok();
    assert_eq!(detail["parts"][1]["tape_label"], "BLANK001", "{detail}");
    assert!(source.exists());
}

#[test]
fn another_drive_for_the_same_tape_is_shown_and_no_line_of_the_log() {
    let hands = Hands::new(2, &TAPES[..1], 40);
    let api = &hands.server.api;
    let source = hands.server.folder("s");
    std::fs::write(source.join("a"), "a").unwrap();
    let job = api.job("j", api.source("s", &source), 1, json!({}));
    let started = api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let request = api.tape_change(&started);
    let asked_into = |drive: &str| {
        let into = format!("into drive {drive};");
        let path = format!("/api/v1/tape-changes/{}", request["id"]);
        api.wait_for(&path, |row| row["message"].as_str().is_some_and(|message| message.contains(&into)));
    };
    asked_into("D0");
    for (enabled, drive) in [(false, "D1"), (true, "D0"), (false, "D1")] {
        api.send("PUT", "/api/v1/drives/1", Some(&json!({"enabled": enabled}))).ok();
        asked_into(drive);
    }
    let id = &started["execution_id"];
    let row = api.get(&format!("/api/v1/executions/{id}")).ok();
    assert!(row["message"].as_str().is_some_and(|message| message.contains("D1")), "{row}");
    let log = api.get(&format!("/api/v1/executions/{id}/logs")).ok();
    let lines = log.as_array().unwrap().iter().filter_map(|line| line["message"].as_str());
    assert_eq!(lines.filter(|line| line.contains("Insert tape")).count(), 1, "{log}");
    api.post(&format!("/api/v1/executions/{id}/cancel"), json!({})).ok();
    assert_eq!(api.wait(id)["status"], "cancelled");
}
