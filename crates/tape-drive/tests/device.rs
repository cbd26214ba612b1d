//! The conformance suite against the device that `TAPE_DEVICE` names, with the blank cartridge in it.

use tape_drive::conformance::{self, Insertion, Keeps, Outcome, Profile, Wanted};
use tape_drive::{TapeDrive, open_drive};

#[test]
#[ignore = "overwrites the cartridge in TAPE_DEVICE"]
fn suite() {
    let device = std::env::var("TAPE_DEVICE").unwrap();
    let mut make = |wanted| -> Option<Box<dyn TapeDrive>> {
        (wanted == Wanted::Blank).then(|| {
            let mut drive = open_drive(&device).unwrap();
            for _ in 0..5 {
                match drive.rewind().and_then(|()| drive.erase()) {
                    Ok(()) => break,
                    Err(error) => println!("   {error}"),
                }
            }
            if let Err(error) = drive.rewind() {
                println!("   {error}")
            }
            drive
        })
    };
    let keeps = std::env::var("TAPE_KEEPS").ok().map_or(Keeps::Everything, |n| Keeps::BlocksUpTo(n.parse().unwrap()));
    let fill = std::env::var("TAPE_FILL").ok().map(|n| n.parse().unwrap());
    let profile = Profile { keeps, insertion: Insertion::Silent, fill_bytes: fill };
    let results = conformance::run(&mut make, &profile);
    for result in &results {
        println!("{result}");
    }
    assert!(!results.iter().any(|result| matches!(result.outcome, Outcome::Failed(_))));
}
