//! The full-text side of the search index: groups of paths as documents, patterns as queries.
//!
//! FTS5's trigram tokenizer with `detail=none` can only say which documents contain a trigram. So a document is a whole
//! group of paths (its size is shared by all of them), a query asks for all trigrams of the pattern, and which paths
//! really match is looked up afterwards.

use super::path;

/// Most trigrams a query asks for; more make it slower and hardly more selective.
const MOST_TRIGRAMS: usize = 16;

/// Names in one document.
pub const NAMES_PER_GROUP: usize = 64;

/// The document of names of one directory: contains every trigram of every path `dir/name`.
pub fn document<'n>(dir: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    let mut text = String::with_capacity(dir.len() + 1024);
    // Behind the first path the directory's own trigrams are known; only those across the last slash depend on the name.
    let tail_at = dir.char_indices().rev().nth(1).map_or(0, |(at, _)| at);
    let mut prefix = dir;
    for name in names {
        if !text.is_empty() {
            text.push('\n');
        }
        if !prefix.is_empty() {
            text.push_str(prefix);
            text.push('/');
        }
        text.push_str(name);
        prefix = dir.get(tail_at..).unwrap_or(dir);
    }
    text
}

/// The query for documents that may contain all the `pieces`; `None` when they are all too short to ask for.
pub fn query(pieces: &[String]) -> Option<String> {
    let mut wanted: Vec<String> = Vec::new();
    for piece in pieces {
        let characters: Vec<char> = piece.chars().collect();
        for three in characters.windows(3) {
            let trigram: String = three.iter().collect();
            if !wanted.contains(&trigram) {
                wanted.push(trigram);
            }
        }
    }
    if wanted.is_empty() {
        return None;
    }
    // Spread over the whole pattern when there are too many.
    let step = wanted.len().div_ceil(MOST_TRIGRAMS);
    let quoted: Vec<String> =
        wanted.iter().step_by(step).map(|trigram| format!("\"{}\"", trigram.replace('"', "\"\""))).collect();
    Some(quoted.join(" AND "))
}

/// What a person looks for.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// What is between the wildcards, in lower case.
    pieces: Vec<String>,
    glob: Option<Vec<Token>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Char(char),
    One,
    Many,
}

impl Pattern {
    /// Without `*` and `?` a text that occurs anywhere in a path; with them a pattern for a whole path or a whole name,
    /// in which `*` is any run of characters, `/` too. Upper and lower case are the same.
    pub fn new(text: &str) -> Self {
        let lower = folded(text);
        if !lower.contains(['*', '?']) {
            return Pattern { pieces: vec![lower], glob: None };
        }
        let pieces = lower.split(['*', '?']).filter(|piece| !piece.is_empty()).map(str::to_owned).collect();
        let mut tokens = Vec::new();
        for c in lower.chars() {
            match c {
                '*' if tokens.last() == Some(&Token::Many) => {}
                '*' => tokens.push(Token::Many),
                '?' => tokens.push(Token::One),
                c => tokens.push(Token::Char(c)),
            }
        }
        Pattern { pieces, glob: Some(tokens) }
    }

    /// What the index is asked; `None`: it cannot help.
    pub fn query(&self) -> Option<String> {
        query(&self.pieces)
    }

    /// For comparing names of one directory.
    pub fn in_dir(&self, dir: &str) -> DirPattern<'_> {
        let dir = folded(dir);
        let in_dir = self.glob.is_none() && self.pieces.iter().all(|piece| dir.contains(piece.as_str()));
        let across = self.pieces.iter().any(|piece| piece.contains('/'));
        DirPattern { pattern: self, dir, in_dir, across }
    }
}

/// A pattern and what it makes of one directory, so that a name costs little.
#[derive(Debug)]
pub struct DirPattern<'p> {
    pattern: &'p Pattern,
    dir: String,
    /// The directory's path matches already.
    in_dir: bool,
    /// A match may begin in the directory's path and end in the name.
    across: bool,
}

impl DirPattern<'_> {
    /// Whether the path of `name` in this directory matches.
    pub fn matches(&self, name: &str) -> bool {
        if self.in_dir {
            return true;
        }
        let name = folded(name);
        let Some(tokens) = &self.pattern.glob else {
            let in_path = |piece: &String| {
                name.contains(piece.as_str()) || (self.across && path::join(&self.dir, &name).contains(piece.as_str()))
            };
            return self.pattern.pieces.iter().all(in_path);
        };
        // Cheap to see, and rarely so: all the pieces are there. Then the pattern decides.
        let full = path::join(&self.dir, &name);
        self.pattern.pieces.iter().all(|piece| full.contains(piece.as_str()))
            && (glob(tokens, &name) || glob(tokens, &full))
    }
}

/// Without difference of case, character by character, so that its trigrams are those of the index.
fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Iterative matching with one point of return: linear for each `*`.
fn glob(pattern: &[Token], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut read) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while read < text.len() {
        match (pattern.get(at), text.get(read)) {
            (Some(Token::Many), _) => {
                retry = Some((at + 1, read));
                at += 1;
            }
            (Some(Token::One), _) => (at, read) = (at + 1, read + 1),
            (Some(Token::Char(wanted)), Some(c)) if wanted == c => (at, read) = (at + 1, read + 1),
            _ => match retry {
                Some((behind, from)) => {
                    retry = Some((behind, from + 1));
                    (at, read) = (behind, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|token| *token == Token::Many)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_document_has_the_directory_once() {
        assert_eq!(document("src/lib", ["a.rs", "b.rs"]), "src/lib/a.rs\nib/b.rs");
        assert_eq!(document("", ["a", "b"]), "a\nb");
        assert_eq!(document("ä", ["a", "b"]), "ä/a\nä/b");
    }

    #[test]
    fn queries_ask_for_trigrams() {
        assert_eq!(query(&["pass".into()]).as_deref(), Some("\"pas\" AND \"ass\""));
        assert_eq!(query(&["a\"b".into()]).as_deref(), Some("\"a\"\"b\""));
        assert_eq!(query(&["ab".into(), "c".into()]), None);
        let long = "abcdefghijklmnopqrstuvwxyz".repeat(3);
        assert!(query(&[long]).is_some_and(|text| text.matches("AND").count() < MOST_TRIGRAMS));
    }

    #[test]
    fn patterns_match_as_people_expect() {
        for (pattern, dir, name, wanted) in [
            ("PASS", "etc", "passwd", true),
            ("tc/pa", "etc", "passwd", true),
            ("tc/px", "etc", "passwd", false),
            ("tc", "etc", "passwd", true),
            ("/", "", "top", false),
            ("*.rs", "src", "main.rs", true),
            ("*.rs", "src", "main.rsx", false),
            ("main.??", "src", "main.rs", true),
            ("src/*.rs", "src/a", "b.rs", true),
            ("a*b*c", "", "axxbxxbxc", true),
            ("a*b*c", "", "axxbxxbx", false),
            ("*", "any", "thing", true),
            ("Ä?", "", "äß", true),
            ("", "any", "thing", true),
        ] {
            assert_eq!(Pattern::new(pattern).in_dir(dir).matches(name), wanted, "{pattern} on {dir}/{name}");
        }
    }

    proptest! {
        #[test]
        fn every_trigram_of_every_path_is_in_the_document(
            dir in "[a-cé]{0,4}(/[a-cé]{1,3}){0,2}",
            names in prop::collection::vec("[a-cé.]{1,5}", 1..5),
        ) {
            let dir = dir.trim_start_matches('/');
            let text = document(dir, names.iter().map(String::as_str));
            for name in &names {
                let full: Vec<char> = path::join(dir, name).chars().collect();
                for three in full.windows(3) {
                    let trigram: String = three.iter().collect();
                    prop_assert!(text.contains(&trigram), "{trigram} of {full:?} in {text:?}");
                }
            }
        }
    }
}
