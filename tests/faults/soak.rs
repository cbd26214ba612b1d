//! The whole sweep, for as long as `SOAK_SECONDS` says.

use crate::seed::Seed;
use crate::sweep::{self, Item};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What came of it.
#[derive(Debug, Default)]
struct Count {
    runs: u64,
    faults: u64,
    violations: u64,
}

impl Count {
    fn add(&mut self, other: &Count) {
        self.runs += other.runs;
        self.faults += other.faults;
        self.violations += other.violations;
    }
}

/// One run with its number, which is all that it depends on.
fn one(items: &[Item], number: u64) -> (&Item, Count) {
    let length = items.len() as u64;
    let item = &items[(number % length) as usize];
    let run = || item.run(number / length, &mut Seed::of(number));
    let (fault, broken) = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(fault) => (fault, false),
        Err(_) => {
            println!("violation: {}, {:?}: TAPEBACKARR_SEED={number}", item.variant, item.fault);
            (true, true)
        }
    };
    (item, Count { runs: 1, faults: u64::from(fault), violations: u64::from(broken) })
}

/// Run by `make soak`. It goes on for `SOAK_SECONDS`, or with 0 until everything was tried once; `SOAK_JOBS` runs are made at
/// the same time. Ends in lines of JSON: one for each way to change tapes and each kind of fault, one for each way, and one
/// for all.
#[test]
#[ignore = "make soak SECONDS=n"]
fn soak() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seconds = setting("SOAK_SECONDS").unwrap_or(60);
    let first = Seed::of_the_day("soak").first;
    let items = sweep::all();
    println!("{} faults are known", items.len());
    let until = Instant::now() + Duration::from_secs(seconds);
    let next = AtomicU64::new(0);
    let counts: Mutex<BTreeMap<(String, &str), Count>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..setting("SOAK_JOBS").unwrap_or(2).max(1) {
            scope.spawn(|| {
                loop {
                    let round = next.fetch_add(1, Ordering::Relaxed);
                    let over = if seconds == 0 { round >= items.len() as u64 } else { Instant::now() >= until };
                    if over {
                        break;
                    }
                    let (item, count) = one(&items, first.wrapping_add(round));
                    let key = (item.hands(), item.fault.kind());
                    counts.lock().unwrap().entry(key).or_default().add(&count);
                }
            });
        }
    });
    let counts = counts.into_inner().unwrap();
    let (mut ways, mut all) = (BTreeMap::<&str, Count>::new(), Count::default());
    let figures = |Count { runs, faults, violations }: &Count| {
        format!("\"runs\":{runs},\"faults\":{faults},\"violations\":{violations}")
    };
    for ((hands, fault), count) in &counts {
        ways.entry(hands).or_default().add(count);
        all.add(count);
        println!("{{\"tapes_changed_by\":\"{hands}\",\"fault\":\"{fault}\",{}}}", figures(count));
    }
    for (hands, count) in &ways {
        println!("{{\"tapes_changed_by\":\"{hands}\",{}}}", figures(count));
    }
    println!("{{{},\"seed\":{first}}}", figures(&all));
    assert_eq!(all.violations, 0);
}
