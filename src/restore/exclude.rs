//! What is left out of what is wanted: folders of which not everything is to come back.

use crate::catalog::path;
use std::collections::HashMap;

/// Paths that are wanted and paths that are not; the nearest of them above a member decides.
#[derive(Debug, Default)]
pub struct Exclude(HashMap<String, Decision>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Wanted,
    LeftOut,
}

impl Exclude {
    /// `exclude` takes out of `wanted`, and what of `wanted` is deeper takes back.
    pub fn new(wanted: &[String], exclude: &[String]) -> Exclude {
        if exclude.is_empty() {
            return Exclude::default();
        }
        let of = |paths: &[String], decision| {
            paths.iter().map(|text| (path::normal(text).to_owned(), decision)).collect::<Vec<_>>()
        };
        Exclude(of(wanted, Decision::Wanted).into_iter().chain(of(exclude, Decision::LeftOut)).collect())
    }

    /// Whether a member is left out.
    pub fn leaves_out(&self, full: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let mut rest = if full == "." { "" } else { full };
        loop {
            if let Some(decision) = self.0.get(rest) {
                return *decision == Decision::LeftOut;
            }
            if rest.is_empty() {
                return false;
            }
            rest = path::split(rest).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_decision_above_counts() {
        let paths = |list: &[&str]| list.iter().map(|path| path.to_string()).collect::<Vec<_>>();
        let exclude = Exclude::new(&paths(&["/", "a/b/c"]), &paths(&["a/b/", "x.txt"]));
        for (path, left_out) in [
            ("a", false),
            ("a/b", true),
            ("a/b/d", true),
            ("a/b/c", false),
            ("a/b/c/e", false),
            ("a/bb", false),
            ("x.txt", true),
            ("x.txt2", false),
            (".", false),
        ] {
            assert_eq!(exclude.leaves_out(path), left_out, "{path}");
        }
        assert!(!Exclude::new(&paths(&["a"]), &[]).leaves_out("b"));
    }
}
