//! All of it, for as long as `SOAK_SECONDS` says.

use crate::device;
use crate::house::Kind;
use crate::kill::{self, Loss};
use crate::seed::Seed;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Run by `make soak`. Ends in one line of JSON.
#[test]
#[ignore = "make soak SECONDS=n"]
fn soak() {
    let seconds = std::env::var("SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut seed = Seed::new("soak");
    let (mut runs, mut faults, mut violations) = (0u64, 0u64, 0u64);
    while Instant::now() < until {
        let kind = if seed.below(2) == 0 { Kind::Plain } else { Kind::Encrypted };
        let loss = if seed.below(2) == 0 { Loss::Process } else { Loss::Power };
        let run = catch_unwind(AssertUnwindSafe(|| match seed.below(4) {
            0 => {
                device::one(kind, &mut seed);
                true
            }
            1 => {
                device::several(kind, &mut seed);
                true
            }
            _ => kill::at(kind, 1 + seed.below(kill::PLACES), loss),
        }));
        runs += 1;
        match run {
            Ok(fault) => faults += u64::from(fault),
            Err(_) => violations += 1,
        }
    }
    println!("{{\"runs\":{runs},\"faults\":{faults},\"violations\":{violations},\"seed\":{}}}", seed.first);
    assert_eq!(violations, 0);
}
