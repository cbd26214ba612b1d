//! The target in the tape lab: the kernel's own initiator and drivers, and programs that are not ours, use it.

mod asynchronous;
mod conditions;
mod dangers;
mod drives;
#[path = "../../../../tests/lab/harness.rs"]
mod harness;
#[allow(dead_code)] // other test programs use it too
mod house;
mod judges;
mod measured;
mod occasions;
mod reconnect;
mod rights;
mod tools;
mod transport;

/// What a drive can say to a host, and what a host can find: each is tried with both backends, and again with a driver that
/// writes behind the program's back.
#[test]
fn a_hundred_and_twenty_five_rows_are_tried() {
    let mut names = all_rows();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a row is there twice");
    println!("{count} rows:\n{}", names.join("\n"));
    assert!(count >= 125, "{count} rows");
}

/// Their names, each behind what it is about.
fn all_rows() -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut add = |what: &str, rows: Vec<&'static str>| names.extend(rows.iter().map(|name| format!("{what}: {name}")));
    add("write", conditions::rows().iter().map(|row| row.name).collect());
    add("filemark", dangers::filemark_rows().iter().map(|row| row.0).collect());
    add("read", dangers::read_rows().iter().map(|row| row.0).collect());
    add("occasion", occasions::ALL.iter().map(|row| row.0).collect());
    add("behind the program", asynchronous::rows().iter().map(|row| row.name).collect());
    add("transport", transport::ALL.to_vec());
    names
}
