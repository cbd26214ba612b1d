//! Whoever may back up and restore, but is no administrator, gets neither to the server's keys nor to its database.

use crate::house::{Hands, House, Kind, Variant};
use serde_json::json;

#[test]
fn nothing_is_read_from_or_written_to_the_servers_own_folder() {
    let mut house = House::new(Variant { kind: Kind::Plain, hands: Hands::Library });
    assert!(house.start());
    let mut operator = json!({"username": "operator", "password": "a long pass phrase"});
    let login = operator.clone();
    operator["role"] = json!("operator");
    house.api.post("/api/v1/users", operator).ok();
    house.api.token = house.api.post("/api/v1/auth/login", login).ok()["token"].as_str().unwrap().into();
    let data = house.folder.path().join("data");
    let link = house.folder.path().join("link");
    std::os::unix::fs::symlink(&data, &link).unwrap();
    let key = std::fs::read(data.join("token.key")).unwrap();

    for (number, path) in [data.clone(), data.join("libraries"), link.clone()].iter().enumerate() {
        let job =
            house.api.job(&format!("own {number}"), house.api.source(&format!("own {number}"), path), 1, json!({}));
        let started = house.api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
        let row = house.api.wait(&started["execution_id"]);
        assert_eq!(row["error_code"], "source_unreadable", "{path:?}: {row}");
        assert!(row["error_message"].as_str().unwrap().contains("own database and keys"), "{row}");
    }

    // a set with files of the names that the server's own have
    let fake = house.folder.path().join("fake");
    std::fs::create_dir_all(fake.join("data/new")).unwrap();
    std::fs::write(fake.join("token.key"), [7; 32]).unwrap();
    std::fs::write(fake.join("data/token.key"), [7; 32]).unwrap();
    std::fs::write(fake.join("data/new/file"), "x").unwrap();
    std::fs::write(fake.join("good"), "y").unwrap();
    let job = house.api.job("fake", house.api.source("fake", &fake), 1, json!({}));
    let set = house.api.run_job(job, json!({}))["result"]["backup_set_id"].clone();
    let restore = |house: &House, to: &std::path::Path| {
        let body = json!({"backup_set_id": set, "dest_path": to, "policy": "overwrite"});
        let started = house.api.post("/api/v1/restore/run", body).ok();
        house.api.wait(&started["execution_id"])
    };
    for to in [data.clone(), data.join("made"), link.join("made")] {
        let row = restore(&house, &to);
        assert_eq!(row["error_code"], "destination_unusable", "{to:?}: {row}");
    }
    let upwards = restore(&house, &house.folder.path().join("other/../data"));
    assert_eq!(upwards["status"], "failed", "{upwards}");
    // to the folder around it: what belongs there comes, what would be in it is named
    let row = restore(&house, house.folder.path());
    assert_eq!(row["error_code"], "restore_incomplete", "{row}");
    assert!(row["result"]["errors"].to_string().contains("data/token.key"), "{row}");
    assert_eq!(std::fs::read(house.folder.path().join("good")).unwrap(), b"y");
    assert_eq!(std::fs::read(data.join("token.key")).unwrap(), key);
    assert!(!data.join("made").exists() && !data.join("new").exists());
    assert!(house.stop(), "an orderly end");
}
