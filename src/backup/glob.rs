//! One include or exclude pattern: its syntax, its errors, and what it means as regular expressions.
//!
//! Syntax: `*` and `?` stay within a name, `**` crosses folders, `[a-z]`, `[!a-z]`, `[[:digit:]]`, `{a,b}`, `\` takes
//! the next character as it is. A leading `!` turns the pattern round. A trailing `/` matches folders only. A pattern
//! with a `/` at its beginning or in its middle is anchored at the source's root; any other one matches at every depth.

use std::fmt;

/// Most alternatives that the braces of one pattern may expand to.
const MAX_ALTERNATIVES: usize = 1000;

/// Why a pattern is not valid, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlobError {
    /// The pattern as it was given.
    pub pattern: String,
    /// Where, counted in characters from 1.
    pub position: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

impl fmt::Display for GlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pattern \"{}\" is not valid at character {}: {}", self.pattern, self.position, self.reason)
    }
}

impl std::error::Error for GlobError {}

/// One level of a path in a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// `**`: any number of levels.
    AnyDepth,
    /// A regular expression for one name.
    Name(String),
}

/// A pattern that was understood.
#[derive(Debug, Clone)]
pub struct Glob {
    /// It began with `!`.
    pub negated: bool,
    /// It ended with `/`.
    pub directories_only: bool,
    alternatives: Vec<Vec<Segment>>,
}

impl Glob {
    /// Parses a pattern.
    pub fn parse(pattern: &str) -> Result<Glob, GlobError> {
        let error =
            |position: usize, reason| GlobError { pattern: pattern.to_string(), position: position + 1, reason };
        let chars: Vec<char> = pattern.chars().collect();
        let negated = chars.first() == Some(&'!');
        let start = usize::from(negated);
        let mut body = chars.get(start..).unwrap_or_default().to_vec();
        if body.is_empty() {
            return Err(error(start, "there is nothing to match"));
        }
        check(&body).map_err(|(at, reason)| error(start + at, reason))?;
        let directories_only = body.last() == Some(&'/');
        if directories_only {
            body.pop();
        }
        let mut anchored = body.first() == Some(&'/');
        if anchored {
            body.remove(0);
        } else if body.starts_with(&['.', '/']) {
            anchored = true;
            body.drain(..2);
        }
        if body.is_empty() {
            return Err(error(start, "the source's root itself cannot be matched"));
        }
        let expanded = expand(&body).ok_or_else(|| error(start, "its braces stand for more than 1000 patterns"))?;
        let alternatives = expanded.iter().map(|one| segments(one, anchored)).collect();
        Ok(Glob { negated, directories_only, alternatives })
    }

    /// A regular expression for the whole of a path that matches.
    pub fn to_regex(&self) -> String {
        let all: Vec<String> = self.alternatives.iter().map(|segments| regex_of(segments)).collect();
        format!("(?s)^(?:{})$", all.join("|"))
    }

    /// A regular expression for the folders above anything that could match; `None` if that is no folder but the root.
    pub fn above_regex(&self) -> Option<String> {
        let mut all = Vec::new();
        for segments in &self.alternatives {
            for length in 1..=segments.len() {
                let part = segments.get(..length).unwrap_or_default();
                if part.last() == Some(&Segment::AnyDepth) {
                    all.push(format!("{}.*", names_of(part)));
                    break;
                }
                if length < segments.len() {
                    all.push(regex_of(part));
                }
            }
        }
        (!all.is_empty()).then(|| format!("(?s)^(?:{})$", all.join("|")))
    }
}

/// Finds what is malformed: unclosed classes and braces, dangling escapes, levels that no path has.
fn check(body: &[char]) -> Result<(), (usize, &'static str)> {
    let mut open_braces = Vec::new();
    let mut level_start = 0;
    let mut at = 0;
    while let Some(&c) = body.get(at) {
        match c {
            '\0' => return Err((at, "a path cannot contain a NUL")),
            '\\' if at + 1 == body.len() => {
                return Err((at, "a backslash takes the next character, and there is none"));
            }
            '\\' => at += 1,
            '[' => at = class_end(body, at)?,
            '{' => open_braces.push(at),
            '}' if open_braces.pop().is_none() => return Err((at, "there is no `{` for this `}`")),
            '/' => {
                check_level(body, level_start, at)?;
                level_start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    if let Some(&brace) = open_braces.last() {
        return Err((brace, "this `{` is not closed"));
    }
    if level_start < body.len() {
        check_level(body, level_start, body.len())?;
    }
    Ok(())
}

fn check_level(body: &[char], from: usize, to: usize) -> Result<(), (usize, &'static str)> {
    match body.get(from..to).unwrap_or_default() {
        [] if from > 0 => Err((from, "a path has no empty names: `//` matches nothing")),
        ['.'] if from > 0 => Err((from, "`.` is in no path of a backup")),
        ['.', '.'] => Err((from, "`..` is in no path of a backup")),
        _ => Ok(()),
    }
}

/// Where the class that opens at `open` closes; checks its ranges.
fn class_end(body: &[char], open: usize) -> Result<usize, (usize, &'static str)> {
    let unclosed = (open, "this `[` is not closed");
    let mut at = open + 1;
    if matches!(body.get(at), Some('!' | '^')) {
        at += 1;
    }
    let first = at;
    loop {
        match body.get(at) {
            None => return Err(unclosed),
            Some(']') if at > first => return Ok(at),
            Some('[') if body.get(at + 1) == Some(&':') => {
                let rest = body.get(at + 2..).unwrap_or_default();
                let length = rest.windows(2).position(|pair| pair == [':', ']']).ok_or(unclosed)?;
                let name: String = rest.iter().take(length).collect();
                if !CLASSES.contains(&name.as_str()) {
                    return Err((at, "there is no such class of characters"));
                }
                at += 2 + length + 2;
                continue;
            }
            Some(_) => {}
        }
        let (low, after) = class_char(body, at).ok_or(unclosed)?;
        if body.get(after) == Some(&'-') && body.get(after + 1).is_some_and(|c| *c != ']') {
            let (high, end) = class_char(body, after + 1).ok_or(unclosed)?;
            if high < low {
                return Err((at, "the range runs backwards"));
            }
            at = end;
        } else {
            at = after;
        }
    }
}

const CLASSES: [&str; 12] =
    ["alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit"];

/// The character at `at` of a class, and where the next one begins.
fn class_char(body: &[char], at: usize) -> Option<(char, usize)> {
    match body.get(at)? {
        '\\' => Some((*body.get(at + 1)?, at + 2)),
        c => Some((*c, at + 1)),
    }
}

/// The pattern without braces, once for each alternative; `None` if there are too many.
fn expand(body: &[char]) -> Option<Vec<Vec<char>>> {
    let mut at = 0;
    while let Some(c) = body.get(at) {
        match c {
            '\\' => at += 1,
            '[' => at = class_end(body, at).ok()?,
            '{' => return expand_brace(body, at),
            _ => {}
        }
        at += 1;
    }
    Some(vec![body.to_vec()])
}

fn expand_brace(body: &[char], open: usize) -> Option<Vec<Vec<char>>> {
    let mut choices = vec![Vec::new()];
    let mut depth = 0;
    let mut at = open;
    loop {
        let c = *body.get(at)?;
        let end = match c {
            '\\' => at + 2,
            '[' => class_end(body, at).ok()? + 1,
            _ => at + 1,
        };
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if c == ',' && depth == 1 {
            choices.push(Vec::new());
        } else if at > open {
            choices.last_mut()?.extend_from_slice(body.get(at..end)?);
        }
        at = end;
    }
    let mut all = Vec::new();
    for choice in choices {
        let mut one = body.get(..open)?.to_vec();
        one.extend(choice);
        one.extend_from_slice(body.get(at + 1..)?);
        all.extend(expand(&one)?);
        if all.len() > MAX_ALTERNATIVES {
            return None;
        }
    }
    Some(all)
}

/// The levels of one alternative; a pattern of one level that is not anchored matches at any depth.
fn segments(body: &[char], anchored: bool) -> Vec<Segment> {
    let mut levels = vec![Vec::new()];
    let mut at = 0;
    while let Some(&c) = body.get(at) {
        let end = match c {
            '\\' => at + 2,
            '[' => class_end(body, at).map_or(at, |close| close) + 1,
            _ => at + 1,
        };
        if c == '/' {
            levels.push(Vec::new());
        } else if let Some(level) = levels.last_mut() {
            level.extend_from_slice(body.get(at..end).unwrap_or_default());
        }
        at = end;
    }
    let mut segments: Vec<Segment> = Vec::new();
    if !anchored && levels.len() == 1 {
        segments.push(Segment::AnyDepth);
    }
    for level in levels {
        if level == ['*', '*'] {
            if segments.last() != Some(&Segment::AnyDepth) {
                segments.push(Segment::AnyDepth);
            }
        } else {
            segments.push(Segment::Name(name_regex(&level)));
        }
    }
    segments
}

/// The regular expression of segments, of which the last may be `**` (then at least one level).
fn regex_of(segments: &[Segment]) -> String {
    match segments.split_last() {
        Some((Segment::AnyDepth, before)) => format!("{}.+", names_of(before)),
        Some((Segment::Name(name), before)) => format!("{}{name}", names_of(before)),
        None => String::new(),
    }
}

/// The regular expression of folders with the `/` behind each.
fn names_of(segments: &[Segment]) -> String {
    segments
        .iter()
        .map(|segment| match segment {
            Segment::AnyDepth => "(?:.*/)?".to_string(),
            Segment::Name(name) => format!("{name}/"),
        })
        .collect()
}

fn name_regex(level: &[char]) -> String {
    let mut regex = String::new();
    let mut at = 0;
    while let Some(&c) = level.get(at) {
        match c {
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str("[^/]"),
            '\\' => {
                at += 1;
                push_literal(&mut regex, level.get(at).copied().unwrap_or('\\'));
            }
            '[' => {
                let close = class_end(level, at).unwrap_or(level.len());
                push_class(&mut regex, level.get(at + 1..close).unwrap_or_default());
                at = close;
            }
            c => push_literal(&mut regex, c),
        }
        at += 1;
    }
    regex
}

fn push_class(regex: &mut String, class: &[char]) {
    let (negated, class) = match class.split_first() {
        Some(('!' | '^', rest)) => (true, rest),
        _ => (false, class),
    };
    regex.push_str(if negated { "[^/" } else { "[[" });
    let mut at = 0;
    while let Some(&c) = class.get(at) {
        if c == '[' && class.get(at + 1) == Some(&':') {
            let rest = class.get(at + 2..).unwrap_or_default();
            let length = rest.iter().position(|c| *c == ':').unwrap_or(rest.len());
            regex.push_str("[:");
            regex.extend(rest.iter().take(length));
            regex.push_str(":]");
            at += 2 + length + 2;
            continue;
        }
        let Some((low, after)) = class_char(class, at) else { break };
        push_literal(regex, low);
        at = after;
        if class.get(at) == Some(&'-')
            && let Some((high, end)) = class_char(class, at + 1)
        {
            regex.push('-');
            push_literal(regex, high);
            at = end;
        }
    }
    regex.push_str(if negated { "]" } else { "]&&[^/]]" });
}

fn push_literal(regex: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || !c.is_ascii() {
        regex.push(c);
    } else {
        regex.push_str(&format!("\\x{{{:x}}}", u32::from(c)));
    }
}

#[cfg(test)]
#[path = "glob_tests.rs"]
mod tests;
