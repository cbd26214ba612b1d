use super::*;
use proptest::prelude::*;
use regex::Regex;

fn matches(pattern: &str, path: &str) -> bool {
    Regex::new(&Glob::parse(pattern).unwrap().to_regex()).unwrap().is_match(path)
}

fn above(pattern: &str, path: &str) -> bool {
    let glob = Glob::parse(pattern).unwrap();
    glob.above_regex().is_some_and(|regex| Regex::new(&regex).unwrap().is_match(path))
}

#[test]
fn a_bare_name_matches_at_every_depth() {
    for path in ["a.tmp", "x/a.tmp", "x/y/a.tmp", ".tmp"] {
        assert!(matches("*.tmp", path), "{path}");
    }
    assert!(!matches("*.tmp", "a.tmp/b"));
    assert!(!matches("cache", "caches"));
    assert!(matches("new\nline", "x/new\nline"));
    assert!(matches("*", "a\nb"));
}

#[test]
fn a_slash_anchors() {
    assert!(matches("/var/log", "var/log"));
    assert!(!matches("/var/log", "x/var/log"));
    assert!(matches("var/log", "var/log"));
    assert!(!matches("var/log", "x/var/log"));
    assert!(matches("./a", "a"));
    assert!(!matches("./a", "b/a"));
    assert!(matches("/a", "a"));
    assert!(!matches("/a", "b/a"));
}

#[test]
fn two_stars_cross_folders_and_one_does_not() {
    assert!(matches("a/**/b", "a/b"));
    assert!(matches("a/**/b", "a/x/y/b"));
    assert!(!matches("a/**/b", "ab"));
    assert!(matches("a/**", "a/x"));
    assert!(matches("a/**", "a/x/y"));
    assert!(!matches("a/**", "a"));
    assert!(matches("**/b", "b"));
    assert!(matches("**/b", "x/b"));
    assert!(matches("**", "x/y"));
    assert!(!matches("a/*", "a/x/y"));
    assert!(matches("a**b", "axxb"));
    assert!(!matches("/a**b", "ax/xb"));
}

#[test]
fn characters_classes_and_alternatives() {
    assert!(matches("?.txt", "é.txt"));
    assert!(!matches("/a?b", "a/b"));
    assert!(matches("[a-c]x", "bx"));
    assert!(!matches("[!a-c]x", "bx"));
    assert!(matches("[^a-c]x", "dx"));
    assert!(!matches("/a[!x]b", "a/b"));
    assert!(!matches("/a[.-0]b", "a/b"));
    assert!(matches("[]]x", "]x"));
    assert!(matches("[a-]x", "-x"));
    assert!(matches("[[:digit:]_]x", "7x"));
    assert!(matches("[[:digit:]_]x", "_x"));
    assert!(matches(r"[\]]x", "]x"));
    assert!(matches("*.{jpg,png}", "a.png"));
    assert!(matches("{a,b/c}/d", "b/c/d"));
    assert!(matches("x{,y{1,2}}", "x"));
    assert!(matches("x{,y{1,2}}", "xy2"));
    assert!(!matches("x{,y{1,2}}", "xy3"));
    assert!(matches(r"\*", "*"));
    assert!(!matches(r"\*", "x"));
    assert!(matches(r"\!a", "!a"));
    assert!(matches("a+b(c)|d", "a+b(c)|d"));
}

#[test]
fn marks_are_taken_off() {
    let glob = Glob::parse("!/a/b/").unwrap();
    assert!(glob.negated && glob.directories_only);
    assert!(Regex::new(&glob.to_regex()).unwrap().is_match("a/b"));
}

#[test]
fn folders_above_a_match_are_known() {
    assert!(above("/a/b*/c", "a"));
    assert!(above("/a/b*/c", "a/bx"));
    assert!(!above("/a/b*/c", "a/x"));
    assert!(!above("/a/b*/c", "a/b/c"));
    assert!(above("*.txt", "any/where"));
    assert!(above("/a/**/c", "a"));
    assert!(above("/a/**/c", "a/x/y"));
    assert!(!above("/a/**/c", "b"));
    assert!(!above("/a", "a"));
    assert!(above("{a/b,c/d}", "c"));
}

#[test]
fn errors_name_pattern_and_position() {
    for (pattern, position) in [
        ("", 1),
        ("!", 2),
        ("/", 1),
        ("a[b", 2),
        ("!x{a,b", 3),
        ("a}", 2),
        ("ab\\", 3),
        ("a//b", 3),
        ("a/../b", 3),
        ("a/./b", 3),
        ("[z-a]", 2),
        ("[[:nope:]]", 2),
        ("a\0", 2),
    ] {
        let error = Glob::parse(pattern).unwrap_err();
        assert_eq!((error.pattern.as_str(), error.position), (pattern, position), "{error}");
        assert!(error.to_string().contains(&format!("at character {position}")), "{error}");
    }
    let many = "{a,b,c,d,e,f,g,h,i,j}".repeat(4);
    assert!(Glob::parse(&many).unwrap_err().to_string().contains("1000"));
}

proptest! {
    #[test]
    fn what_is_accepted_compiles(pattern in r"[a\*\?\[\]!\^\-/\{\},\\:é. ]{0,12}") {
        if let Ok(glob) = Glob::parse(&pattern) {
            Regex::new(&glob.to_regex()).unwrap();
            if let Some(above) = glob.above_regex() {
                Regex::new(&above).unwrap();
            }
        }
    }

    #[test]
    fn an_escaped_name_matches_itself_only(name in "[^/\0]{1,8}", other in "[^/\0]{1,8}") {
        prop_assume!(name != "." && name != "..");
        let escaped: String = name.chars().flat_map(|c| ['\\', c]).collect();
        prop_assert!(matches(&escaped, &name));
        prop_assert_eq!(matches(&escaped, &other), name == other);
    }
}
