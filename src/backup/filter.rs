//! Which paths of a source belong to the backup.
//!
//! Excludes work as in a `.gitignore`: patterns are tried in order and the last one that matches decides; `!` takes a
//! path back in, also below an excluded folder if it comes later in the list. With include patterns, only what they
//! match, and everything below it, is selected. Folders above something selected are sent as needed.

use super::glob::{Glob, GlobError};
use crate::{Error, ErrorKind, Result};
use regex::{RegexSet, RegexSetBuilder};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::Path;
use tape_format::path_text;

/// Whether patterns tell upper from lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// `A` is not `a`.
    #[default]
    Sensitive,
    /// `A` is `a`, as on Windows shares.
    Insensitive,
}

/// The patterns as a person writes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterSpec {
    /// If there are any: only what they match is sent.
    #[serde(default)]
    pub include: Vec<String>,
    /// What they match is left out.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Upper and lower case.
    #[serde(default)]
    pub case: Case,
}

/// What an entry is to the patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A folder.
    Directory,
    /// Anything else.
    Other,
}

/// What the folders above have decided; belongs to one directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathState {
    include: Verdict,
    exclude: Verdict,
}

/// The list's decision for a path: matched or not, and by which pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    No,
    Yes { pattern: usize },
}

/// What happens to one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// It is part of the backup.
    pub selected: bool,
    /// It is a directory in which something may be selected.
    pub descend: bool,
    /// To be passed on to the entries below it.
    pub state: PathState,
}

/// A compiled list of patterns.
#[derive(Debug)]
struct Rules {
    marks: Vec<Marks>,
    whole: RegexSet,
    above: RegexSet,
    /// Which pattern an expression of `above` belongs to.
    above_of: Vec<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Marks {
    negated: bool,
    directories_only: bool,
}

/// Compiled include and exclude patterns, and paths that are left out in any case.
#[derive(Debug)]
pub struct Filter {
    include: Option<Rules>,
    exclude: Option<Rules>,
    skipped: HashSet<Vec<u8>>,
}

impl Filter {
    /// Compiles patterns; an error names the pattern and the position in it.
    pub fn new(spec: &FilterSpec) -> Result<Filter> {
        Ok(Filter {
            include: Rules::new(&spec.include, spec.case)?,
            exclude: Rules::new(&spec.exclude, spec.case)?,
            skipped: HashSet::new(),
        })
    }

    /// A filter that selects everything.
    pub fn everything() -> Filter {
        Filter { include: None, exclude: None, skipped: HashSet::new() }
    }

    /// Leaves out `paths` (absolute) that lie below `root`, whatever the patterns say.
    pub fn skip<P: AsRef<Path>>(mut self, root: &Path, paths: &[P]) -> Filter {
        use std::os::unix::ffi::OsStrExt;
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let root = real(root);
        for path in paths {
            if let Ok(relative) = real(path.as_ref()).strip_prefix(&root)
                && !relative.as_os_str().is_empty()
            {
                self.skipped.insert(relative.as_os_str().as_bytes().to_vec());
            }
        }
        self
    }

    /// Whether it leaves nothing out, so that no path needs to be shown to it.
    pub fn is_everything(&self) -> bool {
        self.include.is_none() && self.exclude.is_none() && self.skipped.is_empty()
    }

    /// What holds for the source's root.
    pub fn root(&self) -> Decision {
        let include = if self.include.is_some() { Verdict::No } else { Verdict::Yes { pattern: 0 } };
        let state = PathState { include, exclude: Verdict::No };
        Decision { selected: self.include.is_none(), descend: true, state }
    }

    /// What happens to `path`, whose directory has the state `parent`.
    pub fn decide(&self, parent: PathState, path: &[u8], kind: EntryKind) -> Decision {
        if !self.skipped.is_empty() && self.skipped.contains(path) {
            return Decision { selected: false, descend: false, state: parent };
        }
        if self.include.is_none() && self.exclude.is_none() {
            return Decision { selected: true, descend: kind == EntryKind::Directory, state: parent };
        }
        let text = path_text::to_text(path);
        let mut state = parent;
        let mut may_include = true;
        let mut may_take_back = false;
        if let Some(rules) = &self.include {
            state.include = rules.judge(parent.include, &text, kind);
            may_include = state.include != Verdict::No || rules.may_match_below(&text, |marks| !marks.negated, 0);
        }
        if let Some(rules) = &self.exclude {
            state.exclude = rules.judge(parent.exclude, &text, kind);
            if let Verdict::Yes { pattern } = state.exclude {
                may_take_back = rules.may_match_below(&text, |marks| marks.negated, pattern);
            }
        }
        let excluded = state.exclude != Verdict::No;
        Decision {
            selected: state.include != Verdict::No && !excluded,
            descend: kind == EntryKind::Directory && may_include && (!excluded || may_take_back),
            state,
        }
    }
}

impl Rules {
    fn new(patterns: &[String], case: Case) -> Result<Option<Rules>> {
        if patterns.is_empty() {
            return Ok(None);
        }
        let mut marks = Vec::new();
        let mut whole = Vec::new();
        let mut above = Vec::new();
        let mut above_of = Vec::new();
        for pattern in patterns {
            let glob = Glob::parse(pattern).map_err(invalid_pattern)?;
            marks.push(Marks { negated: glob.negated, directories_only: glob.directories_only });
            whole.push(glob.to_regex());
            if let Some(regex) = glob.above_regex() {
                above_of.push(marks.len() - 1);
                above.push(regex);
            }
        }
        let build = |regexes: &[String]| {
            RegexSetBuilder::new(regexes).case_insensitive(case == Case::Insensitive).build().map_err(|error| {
                Error::new(
                    ErrorKind::BadRequest,
                    "bad_pattern",
                    format!("the patterns are too large together: {error}"),
                )
            })
        };
        Ok(Some(Rules { marks, whole: build(&whole)?, above: build(&above)?, above_of }))
    }

    /// The decision for a path from that of its directory and the last pattern that matches the path itself.
    fn judge(&self, parent: Verdict, text: &str, kind: EntryKind) -> Verdict {
        let applies = |index: &usize| {
            self.marks.get(*index).is_some_and(|marks| !marks.directories_only || kind == EntryKind::Directory)
        };
        let Some(own) = self.whole.matches(text).into_iter().filter(applies).max() else { return parent };
        let negated = self.marks.get(own).is_some_and(|marks| marks.negated);
        match (parent, negated) {
            (Verdict::No, false) => Verdict::Yes { pattern: own },
            (Verdict::No, true) => Verdict::No,
            (Verdict::Yes { pattern }, true) if own > pattern => Verdict::No,
            (Verdict::Yes { pattern }, true) => Verdict::Yes { pattern },
            (Verdict::Yes { pattern }, false) => Verdict::Yes { pattern: pattern.max(own) },
        }
    }

    /// Whether a pattern of the wanted sort, from number `from` on, may match something below the folder.
    fn may_match_below(&self, folder: &str, wanted: impl Fn(&Marks) -> bool, from: usize) -> bool {
        self.above.matches(folder).into_iter().any(|index| {
            self.above_of
                .get(index)
                .is_some_and(|pattern| *pattern >= from && self.marks.get(*pattern).is_some_and(&wanted))
        })
    }
}

fn invalid_pattern(error: GlobError) -> Error {
    let details = serde_json::json!({ "pattern": error.pattern, "position": error.position, "reason": error.reason });
    Error::new(ErrorKind::BadRequest, "bad_pattern", error.to_string()).with_details(details)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(include: &[&str], exclude: &[&str], case: Case) -> Filter {
        let strings = |list: &[&str]| list.iter().map(|s| s.to_string()).collect();
        Filter::new(&FilterSpec { include: strings(include), exclude: strings(exclude), case }).unwrap()
    }

    /// Walks down to `path` (folders end with `/`) as the walk does; `None` if the walk never gets there.
    fn reach(filter: &Filter, path: &[u8]) -> Option<Decision> {
        let is_dir = path.ends_with(b"/");
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let mut decision = filter.root();
        for (end, _) in path.iter().enumerate().filter(|(_, b)| **b == b'/') {
            decision = filter.decide(decision.state, &path[..end], EntryKind::Directory);
            if !decision.descend {
                return None;
            }
        }
        let kind = if is_dir { EntryKind::Directory } else { EntryKind::Other };
        Some(filter.decide(decision.state, path, kind))
    }

    fn sends(filter: &Filter, path: &str) -> bool {
        reach(filter, path.as_bytes()).is_some_and(|decision| decision.selected)
    }

    #[test]
    fn no_patterns_select_everything() {
        let all = Filter::everything();
        assert!(all.root().selected && sends(&all, "a/b/c") && sends(&all, "a/"));
    }

    #[test]
    fn excludes_cover_what_is_below_and_prune() {
        let f = filter(&[], &["node_modules/", "*.tmp", "/var/cache"], Case::Sensitive);
        assert!(sends(&f, "src/main.rs"));
        assert!(!sends(&f, "a/x.tmp"));
        assert!(reach(&f, b"web/node_modules/x").is_none(), "an excluded folder is not entered");
        assert!(sends(&f, "web/node_modules"), "only folders");
        assert!(!sends(&f, "var/cache/") && sends(&f, "x/var/cache/"));
    }

    #[test]
    fn the_last_match_decides() {
        let f = filter(&[], &["*.log", "!important.log"], Case::Sensitive);
        assert!(!sends(&f, "a.log") && sends(&f, "x/important.log"));
        let f = filter(&[], &["!important.log", "*.log"], Case::Sensitive);
        assert!(!sends(&f, "x/important.log"));
    }

    #[test]
    fn a_later_exclamation_mark_reaches_below_an_excluded_folder() {
        let f = filter(&[], &["/data/", "!/data/keep/", "*.tmp"], Case::Sensitive);
        assert!(!sends(&f, "data/") && !sends(&f, "data/x"));
        assert!(reach(&f, b"data/").unwrap().descend);
        assert!(sends(&f, "data/keep/") && sends(&f, "data/keep/deep/file"));
        assert!(!sends(&f, "data/keep/a.tmp"));
        assert!(!reach(&f, b"data/other/").unwrap().descend);
        let f = filter(&[], &["!/data/keep", "/data/"], Case::Sensitive);
        assert!(reach(&f, b"data/keep").is_none());
    }

    #[test]
    fn only_files_of_a_kind_by_the_gitignore_idiom() {
        let f = filter(&[], &["*", "!*/", "!*.txt"], Case::Sensitive);
        assert!(sends(&f, "a/b/c.txt") && !sends(&f, "a/b/c.bin") && sends(&f, "a/b/"));
    }

    #[test]
    fn includes_select_only_what_they_match() {
        let f = filter(&["/home/*/Documents/", "*.pdf"], &["*.bak"], Case::Sensitive);
        assert!(!f.root().selected);
        assert!(sends(&f, "home/anna/Documents/") && sends(&f, "home/anna/Documents/x/y"));
        assert!(sends(&f, "opt/manual.pdf") && !sends(&f, "opt/manual.txt"));
        assert!(!sends(&f, "home/anna/Documents/a.bak"));
        assert!(!sends(&f, "home/") && reach(&f, b"home/").unwrap().descend);
        let anchored = filter(&["/home/*/Documents/"], &[], Case::Sensitive);
        assert!(!reach(&anchored, b"usr/").unwrap().descend, "nothing below can match");
        assert!(reach(&anchored, b"home/anna/").unwrap().descend);
        assert!(reach(&anchored, b"home/anna/Documents/deep/").unwrap().descend);
    }

    #[test]
    fn an_include_can_be_taken_out_again() {
        let f = filter(&["/a/", "!/a/b/"], &[], Case::Sensitive);
        assert!(sends(&f, "a/x") && !sends(&f, "a/b/") && !sends(&f, "a/b/c"));
    }

    #[test]
    fn case_of_letters() {
        let f = filter(&[], &["*.TMP", "/Ärger"], Case::Insensitive);
        assert!(!sends(&f, "a.tmp") && !sends(&f, "ärger"));
        let f = filter(&[], &["*.TMP"], Case::Sensitive);
        assert!(sends(&f, "a.tmp"));
    }

    #[test]
    fn paths_are_bytes() {
        let f = filter(&[], &["*.bin", "\u{10ff00}x"], Case::Sensitive);
        assert!(!reach(&f, b"d/\xff\xfe.bin").unwrap().selected);
        assert!(reach(&f, b"d/\xff\xfe.txt").unwrap().selected);
        let named = path_text::to_text(b"caf\xe9").into_owned();
        let f = filter(&[], &[&named], Case::Sensitive);
        assert!(!reach(&f, b"caf\xe9").unwrap().selected);
        assert!(reach(&f, b"caf\xe8").unwrap().selected);
    }

    #[test]
    fn skipped_paths_are_left_out_whatever_the_patterns_say() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("srv/data")).unwrap();
        let f = filter(&["srv/"], &[], Case::Sensitive)
            .skip(dir.path(), &[dir.path().join("srv/data"), dir.path().to_path_buf(), "/elsewhere".into()]);
        assert!(sends(&f, "srv/x") && !sends(&f, "srv/data/"));
        assert!(reach(&f, b"srv/data/x").is_none());
    }

    #[test]
    fn a_bad_pattern_is_named() {
        let spec = FilterSpec { exclude: vec!["ok".into(), "a[b".into()], ..FilterSpec::default() };
        let error = Filter::new(&spec).unwrap_err();
        assert_eq!((error.code, error.kind), ("bad_pattern", ErrorKind::BadRequest));
        assert!(error.message.contains("\"a[b\"") && error.message.contains("character 2"), "{}", error.message);
    }
}
