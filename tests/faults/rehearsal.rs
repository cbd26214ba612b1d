//! What a run passes when nothing goes wrong: it says at which places a server can be killed, and how many commands can fail.

use crate::breakpoints::Breakpoint;
use crate::house::{House, Variant};
use crate::messages::Messages;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// What was passed.
#[derive(Debug)]
pub struct Rehearsal {
    /// Places, and how often.
    pub places: BTreeMap<String, u64>,
    /// Commands of the drive that has the most, from the start of the server on.
    pub commands: u64,
    /// Commands of the changer.
    pub moves: u64,
}

/// The rehearsal of a variant, which is made the first time.
pub fn of(variant: Variant) -> Arc<Rehearsal> {
    static ALL: Mutex<Option<HashMap<Variant, Arc<Rehearsal>>>> = Mutex::new(None);
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.get_or_insert_default().entry(variant).or_insert_with(|| Arc::new(run(variant))).clone()
}

fn run(variant: Variant) -> Rehearsal {
    let mut house = House::new(variant);
    house.keep_trace();
    assert!(house.start());
    rehearse(&mut house, variant, &json!({}))
}

/// In a house that is up and keeps a trace; `how` the run is asked for.
pub fn rehearse(house: &mut House, variant: Variant, how: &Value) -> Rehearsal {
    let messages = Messages::subscribe(house);
    let before = house.trace().len();
    house.run_with(1, how.clone());
    let row = house.ended().expect("nothing goes wrong");
    assert_eq!(row["status"], "completed", "{row}");
    messages.arrived(house, "nothing goes wrong");
    Rehearsal::of_trace(&house.trace(), before, variant)
}

impl Rehearsal {
    /// What is in a trace, of which the first lines were `before` the work.
    pub fn of_trace(trace: &[String], before: usize, variant: Variant) -> Rehearsal {
        let count = |what: &str| trace.iter().filter(|line| line.starts_with(what)).count() as u64;
        let mut places: BTreeMap<String, u64> = BTreeMap::new();
        for place in &trace[before..] {
            *places.entry(place.clone()).or_default() += 1;
        }
        // of two drives one has somewhat more than the other
        let drives = if variant.drives() == 1 { 5 } else { 3 };
        Rehearsal {
            places,
            commands: count("before a command of a drive: ") * drives / 5,
            moves: count("before a command of a changer: "),
        }
    }

    /// Every passing of every place: the first of each, then the last of each, one in the middle of each, and then all others.
    pub fn breakpoints(&self) -> Vec<Breakpoint> {
        let mut all = Vec::new();
        let mut add = |place: &String, nth: u64| {
            let new = Breakpoint { place: place.clone(), nth };
            if !all.contains(&new) {
                all.push(new);
            }
        };
        for pick in [|_: u64| 1, |times: u64| times, |times: u64| times.div_ceil(2)] {
            self.places.iter().for_each(|(place, times)| add(place, pick(*times)));
        }
        for (place, times) in &self.places {
            (1..=*times).for_each(|nth| add(place, nth));
        }
        all
    }
}
