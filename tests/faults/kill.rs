//! The server killed at device commands and commits, with and without the drive's buffer.

use crate::house::{House, Kind, Variant};
use crate::judge;
use crate::seed::Seed;

/// What is lost with the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    Process,
    /// The drives' buffers too.
    Power,
}

/// Kills the server at the place with this number while it writes a set; false if there is no such place any more.
pub fn at(variant: Variant, place: u64, loss: Loss) -> bool {
    let mut house = House::new(variant);
    assert!(house.start());
    house.arm(place);
    let died = house.run().is_none() || house.ended().is_none();
    let hit = house.disarm();
    let what = format!("{variant}, killed at place {place} ({}), {loss:?}", hit.as_deref().unwrap_or("none"));
    if died {
        assert!(hit.is_some(), "{what}: the server died by itself");
        if loss == Loss::Power {
            house.cut_power();
        }
        assert!(house.start(), "{what}: it starts again");
        if house.api.get("/api/v1/executions?kind=backup&limit=1").ok()[0]["job_id"] != 1 {
            // killed before the request was stored: nobody was promised anything
            house.run();
        }
    }
    if !died {
        // there is no such place; but the end of a run is one too
        house.kill();
        assert!(house.start(), "{what}");
    }
    judge::holds(&mut house, &what);
    died
}

/// Places between the request and the end of the run, more or less.
pub const PLACES: u64 = 600;

#[test]
fn killed_at_some_of_all_places() {
    let mut seed = Seed::new("killed");
    for (kind, loss) in [
        (Kind::Plain, Loss::Process),
        (Kind::Encrypted, Loss::Power),
        (Kind::Plain, Loss::Power),
        (Kind::Encrypted, Loss::Process),
    ] {
        at(Variant::two_drives(kind), 1 + seed.below(PLACES), loss);
    }
}
