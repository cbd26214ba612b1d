use super::*;
use crate::catalog::explain::assert_no_scan;
use crate::catalog::testing::Catalog;
use crate::catalog::{browse, lookup, search};

const PATHS: [&str; 11] = ["a", "b/", "b/1", "b/12", "b/c/", "b/c/1", "b/c/d/1", "b-/1", "bc", "x/1", "x/ü/1"];

fn paths(catalog: &Catalog, set: i32, wish: &Wish<'_>, page: Page) -> Vec<String> {
    let rows = of_set(&mut catalog.db.conn(), set, wish, page).expect("files");
    rows.into_iter().map(|row| row.file_path).collect()
}

#[test]
fn a_prefix_is_compared_letter_by_letter() {
    let mut catalog = Catalog::empty();
    let _other = catalog.filled(None, &["b/other", "b/c/other", "0/1"], &[]);
    let set = catalog.filled(None, &PATHS, &["b/gone"]);
    for prefix in ["", "/", "a", "b", "b/", "b/1", "b/c", "b/c/", "b/c/d", "b-", "x/", "x/ü", "%", "absent/x"] {
        for members in [Members::Files, Members::All] {
            let wish = Wish { prefix, after: None, members };
            let mut wanted: Vec<&str> = PATHS
                .iter()
                .filter(|path| path.starts_with(prefix.trim_start_matches('/')))
                .filter(|path| members == Members::All || !path.ends_with('/'))
                .map(|path| path.trim_end_matches('/'))
                // a directory itself does not begin with its own name and a slash
                .filter(|path| path.starts_with(prefix.trim_start_matches('/')))
                .collect();
            let mut found = paths(&catalog, set, &wish, Page::first(100));
            // in pages, by offset and by the last path
            for size in [1, 2, 3] {
                let (mut by_offset, mut by_path) = (Vec::new(), Vec::<String>::new());
                loop {
                    let page = Page { limit: size, offset: by_offset.len() as i64 };
                    let next = paths(&catalog, set, &wish, page);
                    let after = by_path.last().cloned();
                    by_path.extend(paths(&catalog, set, &Wish { after: after.as_deref(), ..wish }, Page::first(size)));
                    by_offset.extend(next.clone());
                    if next.is_empty() {
                        break;
                    }
                }
                assert_eq!((&by_offset, &by_path), (&found, &found), "{prefix:?} in pages of {size}");
            }
            wanted.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, wanted, "{prefix:?} {members:?}");
        }
    }
}

#[test]
fn the_end_of_a_range_is_behind_all_that_begin_with_it() {
    assert_eq!(successor("ab").as_deref(), Some("ac"));
    assert_eq!(successor("a\u{10ffff}").as_deref(), Some("b"));
    assert_eq!(successor("\u{d7ff}").as_deref(), Some("\u{e000}"), "not what is no character");
    assert_eq!(successor("\u{10ffff}"), None);
    assert_eq!(successor(""), None);
}

/// Whatever a page shows: rows are looked up, and no table of files is gone through for it.
#[test]
fn no_page_goes_through_all_files() {
    let mut catalog = Catalog::empty();
    let full = catalog.filled(None, &PATHS, &[]);
    let set = catalog.filled(Some(full), &["b/1", "new"], &["b/12"]);
    catalog.writer.index(set).expect("index");
    let conn = &mut *catalog.db.conn();
    for prefix in ["", "b/1"] {
        for after in [None, Some("b/1")] {
            let wish = Wish { prefix, after, members: Members::Files };
            assert_no_scan(conn, |conn| of_set(conn, set, &wish, Page::first(2)).expect("files"));
        }
    }
    for chain in [&[set, full] as &[i32], &[full]] {
        for dir in ["", "b", "b/c"] {
            assert_no_scan(conn, |conn| browse::list(conn, chain, dir, Page::first(2)).expect("list"));
        }
        assert_no_scan(conn, |conn| browse::find(conn, chain, "b/c/1").expect("find"));
    }
    for text in ["b/1", "zzzz", "*.txt", "1", "n?w"] {
        assert_no_scan(conn, |conn| search::search(conn, text, None, 2).expect("search"));
    }
    assert_no_scan(conn, |conn| lookup::versions(conn, "b/1", 5).expect("versions"));
}
