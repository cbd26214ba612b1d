use super::*;
use crate::backup::filter::Filter;
use crate::backup::testing::{Memory, changes, filter, options, run, tick, tree, walk};
use crate::backup::walk::Mounts;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const ALL: fn() -> Filter = Filter::everything;

/// The state of a directory now.
fn baseline(root: &Path, filter: Filter) -> Memory {
    let mut memory = Memory::default();
    memory.apply(&run(crate::backup::engine::EngineOptions { filter, ..options(root) }).members, &[]);
    tick();
    memory
}

fn write(root: &Path, path: &str, content: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

fn sample() -> tempfile::TempDir {
    let dir = tree();
    for path in ["a/1", "a/2", "a/sub/x", "b/y", "c"] {
        write(dir.path(), path, "old");
    }
    dir
}

#[test]
fn a_full_has_everything() {
    let dir = sample();
    let (sent, deleted) = changes(dir.path(), ALL(), None);
    assert_eq!(sent, [".", "a", "a/1", "a/2", "a/sub", "a/sub/x", "b", "b/y", "c"]);
    assert!(deleted.is_empty());
}

#[test]
fn nothing_changed_is_nothing_to_send() {
    let dir = sample();
    let before = baseline(dir.path(), ALL());
    assert_eq!(changes(dir.path(), ALL(), Some(before)), (vec![], vec![]));
}

#[test]
fn new_and_changed_files_and_their_directories() {
    let dir = sample();
    let before = baseline(dir.path(), ALL());
    write(dir.path(), "a/1", "new");
    write(dir.path(), "b/0", "added");
    std::fs::set_permissions(dir.path().join("c"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let (sent, deleted) = changes(dir.path(), ALL(), Some(before));
    assert_eq!(sent, ["a/1", "b", "b/0", "c"]);
    assert!(deleted.is_empty());
}

#[test]
fn a_change_that_hides_its_time_is_seen_by_the_change_time() {
    let dir = sample();
    let before = baseline(dir.path(), ALL());
    let file = std::fs::File::options().write(true).open(dir.path().join("c")).unwrap();
    let mtime = file.metadata().unwrap().modified().unwrap();
    std::io::Write::write_all(&mut &file, b"OLD").unwrap();
    file.set_modified(mtime).unwrap();
    assert_eq!(changes(dir.path(), ALL(), Some(before)).0, ["c"]);
}

#[test]
fn deleted_paths_are_listed_one_by_one() {
    let dir = sample();
    let before = baseline(dir.path(), ALL());
    std::fs::remove_dir_all(dir.path().join("a")).unwrap();
    std::fs::remove_file(dir.path().join("c")).unwrap();
    let (sent, mut deleted) = changes(dir.path(), ALL(), Some(before));
    deleted.sort();
    assert_eq!(sent, ["."]);
    assert_eq!(deleted, ["a", "a/1", "a/2", "a/sub", "a/sub/x", "c"]);
}

#[test]
fn a_renamed_directory_is_new_there_and_gone_here() {
    let dir = sample();
    let before = baseline(dir.path(), ALL());
    std::fs::rename(dir.path().join("a/sub"), dir.path().join("b/moved")).unwrap();
    let (sent, mut deleted) = changes(dir.path(), ALL(), Some(before));
    deleted.sort();
    assert_eq!(sent, ["a", "b", "b/moved", "b/moved/x"]);
    assert_eq!(deleted, ["a/sub", "a/sub/x"]);
}

#[test]
fn a_path_that_changes_its_kind() {
    let dir = sample();
    let before = baseline(dir.path(), ALL());
    std::fs::remove_dir_all(dir.path().join("a")).unwrap();
    write(dir.path(), "a", "now a file");
    std::fs::remove_file(dir.path().join("c")).unwrap();
    write(dir.path(), "c/new", "now a directory");
    let (sent, mut deleted) = changes(dir.path(), ALL(), Some(before));
    deleted.sort();
    assert_eq!(sent, [".", "a", "c", "c/new"]);
    assert_eq!(deleted, ["a/1", "a/2", "a/sub", "a/sub/x"]);
}

#[test]
fn what_the_filter_leaves_out_now_is_gone() {
    let dir = sample();
    let before = baseline(dir.path(), ALL());
    let (sent, mut deleted) = changes(dir.path(), filter(&[], &["/a/"]), Some(before));
    deleted.sort();
    assert!(sent.is_empty());
    assert_eq!(deleted, ["a", "a/1", "a/2", "a/sub", "a/sub/x"]);
}

#[test]
fn directories_needed_above_something_come_and_go_with_it() {
    let dir = sample();
    let only = || filter(&["/a/sub/"], &[]);
    assert_eq!(changes(dir.path(), only(), None).0, [".", "a", "a/sub", "a/sub/x"]);
    let before = baseline(dir.path(), only());
    assert_eq!(changes(dir.path(), only(), Some(before.clone())), (vec![], vec![]));
    write(dir.path(), "a/other", "not wanted, but changes the directory");
    assert_eq!(changes(dir.path(), only(), Some(before.clone())).0, ["a"]);
    std::fs::remove_dir_all(dir.path().join("a/sub")).unwrap();
    let (sent, mut deleted) = changes(dir.path(), only(), Some(before));
    deleted.sort();
    assert!(sent.is_empty());
    assert_eq!(deleted, ["a", "a/sub", "a/sub/x"]);
}

#[test]
fn names_that_sort_before_the_root_itself() {
    let dir = sample();
    write(dir.path(), "!first", "x");
    write(dir.path(), "-dash", "x");
    write(dir.path(), " space", "x");
    let before = baseline(dir.path(), ALL());
    assert_eq!(changes(dir.path(), ALL(), Some(before.clone())), (vec![], vec![]));
    std::fs::remove_file(dir.path().join("-dash")).unwrap();
    let (sent, deleted) = changes(dir.path(), ALL(), Some(before));
    assert_eq!((sent, deleted), (vec![".".to_string()], vec!["-dash".to_string()]));
}

#[test]
fn names_of_one_file_are_compared_as_files() {
    let dir = sample();
    std::fs::hard_link(dir.path().join("c"), dir.path().join("d")).unwrap();
    let before = baseline(dir.path(), ALL());
    assert_eq!(changes(dir.path(), ALL(), Some(before.clone())), (vec![], vec![]));
    std::fs::hard_link(dir.path().join("c"), dir.path().join("a/0")).unwrap();
    assert_eq!(changes(dir.path(), ALL(), Some(before)).0, ["a", "a/0", "c", "d"]);
}

#[test]
fn a_file_that_must_be_sent_again_is() {
    let dir = sample();
    let mut before = baseline(dir.path(), ALL());
    before.0.get_mut(b"a".as_slice()).unwrap().get_mut(b"1".as_slice()).unwrap().ctime_ns = 0;
    assert_eq!(changes(dir.path(), ALL(), Some(before)).0, ["a/1"]);
}

#[test]
fn inode_numbers_count_only_where_they_mean_something() {
    let dir = sample();
    let mut before = baseline(dir.path(), ALL());
    before.0.get_mut(b"".as_slice()).unwrap().get_mut(b"c".as_slice()).unwrap().inode += 1;
    assert_eq!(changes(dir.path(), ALL(), Some(before.clone())).0, ["c"]);
    let (walk, _) = walk(dir.path(), ALL(), Mounts::Cross, 0);
    let mut diff = Diff::new(walk, Some(Box::new(before)), Inodes::Ignore);
    assert!(diff.next_change().unwrap().is_none());
}

#[test]
fn nothing_is_deleted_in_a_directory_that_could_not_be_listed() {
    let dir = sample();
    let before = baseline(dir.path(), ALL());
    let (walk, _) = walk(dir.path(), ALL(), Mounts::Cross, 0);
    let mut diff = Diff::new(walk, Some(Box::new(before)), Inodes::Compare);
    let (mut other, _) = crate::backup::testing::walk(dir.path(), ALL(), Mounts::Cross, 0);
    let mut first = true;
    while let Some(step) = other.step().unwrap() {
        match step {
            Step::Enter { entry, xattrs, .. } if first || entry.name == b"a" => {
                let contents = if first { Contents::Complete } else { Contents::Partial };
                first = false;
                diff.join(Step::Enter { entry, selected: true, xattrs, contents }).unwrap();
            }
            Step::Leaf(entry) if entry.name == b"2" => diff.join(Step::Leaf(entry)).unwrap(),
            Step::Leave if diff.levels.len() == 2 => {
                diff.join(Step::Leave).unwrap();
                break;
            }
            _ => {}
        }
    }
    assert!(diff.ready.is_empty() && diff.gone.is_empty(), "{:?}", diff.ready);
}
