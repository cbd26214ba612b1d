//! Which files are wanted: paths, with everything below folders, and patterns.

use crate::backup::glob::Glob;
use crate::cli::exit::{CliError, CliResult};
use regex::{RegexSet, RegexSetBuilder};
use tape_format::path_text::to_text;

/// What a person asked for.
#[derive(Debug, Default)]
pub struct Wanted {
    /// As they were given, without slashes around them.
    paths: Vec<Vec<u8>>,
    patterns: Vec<String>,
    set: Option<RegexSet>,
}

impl Wanted {
    /// Each is the path of a file or a folder, or a pattern as sources have them. None: everything.
    pub fn new(given: &[String]) -> CliResult<Wanted> {
        let mut wanted = Wanted::default();
        let mut regexes = Vec::new();
        for text in given {
            let path = text.trim_start_matches("./").trim_matches('/');
            wanted.paths.push(tape_format::path_text::from_text(path).into_owned());
            let glob = Glob::parse(text).map_err(|error| CliError::usage(error.to_string()))?;
            if glob.negated {
                return Err(CliError::usage(format!("{text}: what is wanted cannot begin with '!'")));
            }
            regexes.push(glob.to_regex());
            wanted.patterns.push(text.clone());
        }
        if !regexes.is_empty() {
            let set = RegexSetBuilder::new(&regexes).build();
            wanted.set = Some(set.map_err(|error| CliError::usage(format!("a pattern is too long: {error}")))?);
        }
        Ok(wanted)
    }

    /// Whether everything is wanted.
    pub fn is_everything(&self) -> bool {
        self.set.is_none()
    }

    /// Whether a path is wanted: it matches, or a folder above it does.
    pub fn matches(&self, path: &[u8]) -> bool {
        let Some(set) = &self.set else { return true };
        let mut part = path;
        loop {
            if self.paths.iter().any(|wanted| wanted == part) || set.is_match(&to_text(part)) {
                return true;
            }
            match part.iter().rposition(|&b| b == b'/') {
                Some(slash) => part = part.get(..slash).unwrap_or_default(),
                None => return false,
            }
        }
    }

    /// Those of the patterns that match none of `paths`.
    pub fn without_match<'a>(&self, paths: &(impl Iterator<Item = &'a [u8]> + Clone)) -> Vec<&str> {
        let mut missing = Vec::new();
        for (index, pattern) in self.patterns.iter().enumerate() {
            let alone = Wanted {
                paths: self.paths.get(index).cloned().into_iter().collect(),
                patterns: Vec::new(),
                set: Glob::parse(pattern).ok().and_then(|glob| RegexSet::new([glob.to_regex()]).ok()),
            };
            if !paths.clone().any(|path| alone.matches(path)) {
                missing.push(pattern.as_str());
            }
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(given: &[&str], path: &str) -> bool {
        let given: Vec<String> = given.iter().map(|text| (*text).to_owned()).collect();
        Wanted::new(&given).unwrap().matches(path.as_bytes())
    }

    #[test]
    fn paths_folders_and_patterns() {
        assert!(matches(&[], "any/thing"));
        assert!(matches(&["docs/a.txt"], "docs/a.txt"));
        assert!(!matches(&["docs/a.txt"], "docs/a.txt2"));
        assert!(matches(&["docs"], "docs/deep/b"));
        assert!(matches(&["/docs/"], "docs/deep/b"));
        assert!(matches(&["*.tex"], "any/where/thesis.tex"));
        assert!(!matches(&["*.tex"], "any/where/thesis.txt"));
        assert!(matches(&["docs/**/b?"], "docs/x/y/b1"));
        assert!(matches(&["x", "*.o"], "a/b.o"));
    }

    #[test]
    fn a_pattern_without_a_match_is_named() {
        let wanted = Wanted::new(&["a".to_owned(), "*.x".to_owned()]).unwrap();
        let paths = [&b"a/b"[..], b"c"];
        assert_eq!(wanted.without_match(&paths.iter().copied()), ["*.x"]);
        assert!(Wanted::new(&["[".to_owned()]).is_err());
    }
}
