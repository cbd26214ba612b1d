//! Paths of the catalog: a directory and a name, as text.

/// Directory and name of a path; the root of a source (`.`) is the name `.` in the directory ``.
pub fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Directory and name as a path.
pub fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

/// A path as people write it, as the catalog does: without leading `./` and `/`, without trailing `/`; the root as ``.
pub fn normal(path: &str) -> &str {
    let mut path = path.trim_start_matches('/');
    while let Some(rest) = path.strip_prefix("./") {
        path = rest.trim_start_matches('/');
    }
    let path = path.trim_end_matches('/');
    if path == "." { "" } else { path }
}

/// The directories above a path, from the top, with the name that leads on: `a/b/c` → (``, `a`), (`a`, `b`),
/// (`a/b`, `c`). Nothing for the root.
pub fn steps(path: &str) -> impl Iterator<Item = (&str, &str)> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain((!path.is_empty()).then_some(path.len()));
    ends.filter_map(|end| path.get(..end)).map(split)
}

/// The smallest text behind all paths below `dir` in byte order, to be used with `dir` + `/` as the lower end.
pub fn end_of_subtree(dir: &str) -> String {
    // '0' is the character behind '/'.
    format!("{dir}0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_joined_and_made_normal() {
        assert_eq!(split("a/b/c"), ("a/b", "c"));
        assert_eq!(split("."), ("", "."));
        assert_eq!(join("", "a"), "a");
        assert_eq!(join("a", "b"), "a/b");
        for (given, wanted) in
            [("/", ""), (".", ""), ("./", ""), ("/a/b/", "a/b"), ("./a", "a"), (".a", ".a"), ("", "")]
        {
            assert_eq!(normal(given), wanted, "{given}");
        }
    }

    #[test]
    fn steps_lead_from_the_root() {
        assert_eq!(steps("a/b/c").collect::<Vec<_>>(), [("", "a"), ("a", "b"), ("a/b", "c")]);
        assert_eq!(steps("").count(), 0);
    }

    #[test]
    fn a_subtree_is_a_range() {
        let end = end_of_subtree("a");
        for (path, inside) in
            [("a/", true), ("a/b/c", true), ("a/\u{10FFFF}", true), ("a-b", false), ("ab", false), ("b", false)]
        {
            assert_eq!(path >= "a/" && path < end.as_str(), inside, "{path}");
        }
    }
}
