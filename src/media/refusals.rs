//! Why tapes are not chosen, in words that stay short, however many tapes there are.

use std::collections::BTreeMap;

/// A tape that is not chosen, and why.
pub type Refused<'t> = (&'t str, String);

/// Tapes that are named one by one; of more than these it is told how many there are of each kind.
const MOST_NAMED: usize = 10;

/// Which tapes are not chosen, and why: few one by one, many by reason, the commonest first.
pub fn refusals(refused: &[Refused]) -> String {
    if refused.len() <= MOST_NAMED {
        return refused.iter().map(|(label, why)| format!("{label}: {why}")).collect::<Vec<_>>().join("; ");
    }
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (label, why) in refused {
        by_reason.entry(why).or_default().push(label);
    }
    let mut reasons: Vec<(&str, Vec<&str>)> = by_reason.into_iter().collect();
    reasons.sort_by_key(|(_, labels)| std::cmp::Reverse(labels.len()));
    let shown = reasons.iter().take(MOST_NAMED);
    let mut told: Vec<String> = shown.map(|(why, labels)| format!("{}: {why}", some_of(labels))).collect();
    let left: usize = reasons.iter().skip(MOST_NAMED).map(|(_, labels)| labels.len()).sum();
    if left > 0 {
        told.push(format!("and {left} more for reasons of their own"));
    }
    told.join("; ")
}

fn some_of(labels: &[&str]) -> String {
    const FIRST: usize = 3;
    let shown = labels.iter().take(FIRST).copied().collect::<Vec<_>>().join(", ");
    match labels.len().saturating_sub(FIRST) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_named_and_many_are_counted() {
        let labels: Vec<String> = (1..=40_000).map(|number| format!("T{number}")).collect();
        let full = |label| (label, "full".to_owned());
        let mut all: Vec<Refused> = labels.iter().map(|label| full(label.as_str())).collect();
        assert_eq!(refusals(&all[..2]), "T1: full; T2: full");
        all[7].1 = "on hold: looks worn".into();
        assert_eq!(refusals(&all), "T1, T2, T3 and 39996 more: full; T8: on hold: looks worn");
        for (number, (_, why)) in all.iter_mut().enumerate() {
            *why = format!("reason {number}");
        }
        let told = refusals(&all);
        assert!(told.len() < 500 && told.ends_with("and 39990 more for reasons of their own"), "{told}");
    }
}
