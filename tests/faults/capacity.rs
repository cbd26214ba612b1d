//! Tapes that end anywhere: in the label, in the data, in a table of contents, in the copy of the database behind it.

use crate::files;
use crate::house::{Hands, House, Kind, Variant};
use crate::judge;
use crate::seed::Seed;
use serde_json::json;

/// What is on every tape before: the label, on the first one a set too.
const LEAST: u64 = 192 << 10;
/// Up to here it matters how long a tape is: then all of the job and the copy of the database are on the first one.
const RANGE: u64 = 2560 << 10;
/// Smaller than a block, and no divisor of one.
const STEP: u64 = 61_000;
/// So many steps are all of it.
pub const STEPS: u64 = RANGE.div_ceil(STEP);

/// Runs a small job that is followed by a copy of the database, on tapes of the length that a step stands for.
pub fn at(variant: Variant, step: u64, seed: &mut Seed) {
    let bytes = LEAST + step % STEPS * STEP + seed.below(STEP);
    let early_warning = [0, 4096, bytes / 10, 300 << 10][seed.below(4) as usize].min(bytes / 2);
    let what = format!("{variant}, tapes of {bytes} bytes, {early_warning} of them behind early warning");
    let mut house = House::new(variant);
    house.set_capacity(bytes, early_warning);
    let folder = house.folder.path().join("few");
    std::fs::create_dir_all(&folder).unwrap();
    for (number, length) in [1, 70_000, 511, 400_000, 90_000].into_iter().enumerate() {
        std::fs::write(folder.join(format!("f{number}")), files::noise(number as u64, length)).unwrap();
    }
    assert!(house.start(), "{what}");
    let mut options = json!({"database_backup": true});
    if variant.kind == Kind::Encrypted {
        options["encryption_key_id"] = json!(1);
        options["compression"] = json!("gzip");
    }
    let job = house.api.job("few", house.api.source("few", &folder), 1, options);
    house.run_job(job);
    let row = house.ended().unwrap_or_else(|| panic!("{what}: the server died"));
    house.idle(&what);
    if row["status"] == "completed" {
        judge::restored(&mut house, &row["result"]["backup_set_id"], "few", &what);
    } else {
        // a tape too short for anything is no reason to lie, or to go on for ever
        let message = row["error_message"].as_str().unwrap_or_default();
        assert!(message.len() > 10 && row["error_code"] != "internal", "{what}: {row}");
        assert!(bytes - early_warning < 1280 << 10, "{what}: there was room on nine tapes: {row}");
    }
    judge::restored(&mut house, &json!(1), "committed", &what);
    assert!(house.stop(), "{what}: an orderly end");
    judge::on_tape(&house, &what);
}

#[test]
fn tapes_end_at_some_places() {
    let mut seed = Seed::new("capacity");
    for (kind, hands) in
        [(Kind::Plain, Hands::Library), (Kind::Encrypted, Hands::TwoDrives), (Kind::Plain, Hands::TwoDrives)]
    {
        let step = seed.below(STEPS);
        at(Variant { kind, hands }, step, &mut seed);
    }
}
