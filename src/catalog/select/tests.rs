//! Selections of states.

use super::*;
use crate::catalog::testing::{Catalog, file, hardlink};

fn chosen(catalog: &Catalog, chain: &[i32], wanted: &Wanted) -> (Vec<String>, Selected) {
    let conn = &mut *catalog.db.conn();
    let selected = select(conn, chain, wanted).expect("select");
    let mut paths = Vec::new();
    let mut after = None;
    loop {
        let (page, next) = members(conn, after.as_ref(), 2).expect("members");
        paths.extend(page.into_iter().map(|member| {
            let only_target = if member.reason == Reason::LinkTarget { "+" } else { "" };
            format!("{only_target}{}:{}", member.set_id, member.path)
        }));
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(i64::try_from(paths.len()).expect("count"), selected.members);
    clear(conn).expect("clear");
    (paths, selected)
}

fn paths(paths: &[&str]) -> Wanted {
    Wanted::Paths(paths.iter().map(|path| path.to_string()).collect())
}

#[test]
fn everything_of_a_state_in_the_order_of_tapes() {
    let mut catalog = Catalog::empty();
    let full = catalog.filled(None, &["./", "z", "d/", "d/a", "d/b", "d/sub/", "d/sub/x", "d-/", "d-/y"], &[]);
    let second = catalog.filled(Some(full), &["d/b", "d/n"], &["d/a", "d/sub"]);
    let (all, selected) = chosen(&catalog, &[second, full], &Wanted::All);
    let expected = ["1:.", "1:z", "1:d", "1:d-", "1:d-/y", "2:d/b", "2:d/n"];
    assert_eq!(all, expected);
    assert_eq!(selected.parts.len(), 2);
    assert_eq!((selected.parts[0].set_id, selected.parts[0].members, selected.parts[1].members), (full, 5, 2));
    assert_eq!(selected.bytes, 1 + 1 + 2 + 2);
    let (before, _) = chosen(&catalog, &[full], &Wanted::All);
    assert_eq!(before.len(), 9);
}

#[test]
fn folders_files_and_what_is_not_there() {
    let mut catalog = Catalog::empty();
    let set = catalog.filled(None, &["d/", "d/a", "d/sub/", "d/sub/x", "d-/", "d-/y", "e"], &[]);
    let (found, selected) = chosen(&catalog, &[set], &paths(&["/d/", "e", "d/a", "nope", "d-/nope"]));
    assert_eq!(found, ["1:d", "1:d/a", "1:d/sub", "1:d/sub/x", "1:e"]);
    assert_eq!(selected.missing, ["nope", "d-/nope"]);
    let (all, _) = chosen(&catalog, &[set], &paths(&["/"]));
    assert_eq!(all.len(), 7);
}

#[test]
fn what_was_below_something_that_went_stays_gone() {
    let mut catalog = Catalog::empty();
    let full = catalog.filled(None, &["d/", "d/sub/", "d/sub/deep/", "d/sub/deep/old"], &[]);
    let replaced = catalog.filled(Some(full), &["d/sub"], &[]);
    let again = catalog.filled(Some(replaced), &["d/sub/", "d/sub/new"], &[]);
    let chain = [again, replaced, full];
    let (found, _) = chosen(&catalog, &chain, &Wanted::All);
    assert_eq!(found, ["1:d", "3:d/sub", "3:d/sub/new"]);
    let (found, _) = chosen(&catalog, &chain[1..], &Wanted::All);
    assert_eq!(found, ["1:d", "2:d/sub"]);
    let (found, _) = chosen(&catalog, &chain, &paths(&["d/sub"]));
    assert_eq!(found, ["3:d/sub", "3:d/sub/new"]);
}

#[test]
fn a_hard_link_brings_its_target_of_the_same_set() {
    let mut catalog = Catalog::empty();
    let full = catalog.set(None);
    let mut target = file("d/target", 9);
    target.tar_offset = 0;
    let mut link = hardlink("e/link", "d/target");
    link.tar_offset = 4096;
    catalog.writer.insert(full, 1, &[(target, 1), (link, 2)]).expect("insert");
    catalog.complete(full);
    let (found, _) = chosen(&catalog, &[full], &paths(&["e/link"]));
    assert_eq!(found, ["+1:d/target", "1:e/link"]);
    let (found, _) = chosen(&catalog, &[full], &paths(&["e/link", "d/target"]));
    assert_eq!(found, ["1:d/target", "1:e/link"]);
    let newer = catalog.filled(Some(full), &["d/target"], &[]);
    let (found, _) = chosen(&catalog, &[newer, full], &Wanted::All);
    assert_eq!(found, ["+1:d/target", "1:e/link", "2:d/target"]);
}
