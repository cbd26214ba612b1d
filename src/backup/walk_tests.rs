use super::*;
use crate::backup::testing::{filter, text, tree, walk, warned};
use std::os::unix::net::UnixListener;

/// The steps as text: `d` and `-d` (needed only), `f`, `<` for leaving.
fn steps(root: &Path, filter: Filter, mounts: Mounts, threads: usize) -> (Vec<String>, Vec<(WarningKind, String)>) {
    let (mut walk, reporter) = walk(root, filter, mounts, threads);
    let mut steps = Vec::new();
    while let Some(step) = walk.step().unwrap() {
        steps.push(match step {
            Step::Enter { entry, selected: true, .. } => format!("d {}", text(&entry.path())),
            Step::Enter { entry, .. } => format!("-d {}", text(&entry.path())),
            Step::Leaf(entry) => format!("f {}", text(&entry.path())),
            Step::Unknown { name } => format!("? {}", text(&name)),
            Step::Leave => "<".to_string(),
        });
    }
    walk.finish();
    (steps, warned(&reporter.summary()))
}

#[test]
fn everything_comes_once_and_in_order() {
    let dir = tree();
    for path in ["a/x", "a.b", "a/y/z", "-c", "b", "B"] {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"").unwrap();
    }
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    std::os::unix::fs::symlink(".", dir.path().join("a/loop")).unwrap();
    let wanted = [
        "d .", "f -c", "f B", "d a", "f a/loop", "f a/x", "d a/y", "f a/y/z", "<", "<", "f a.b", "f b", "d empty", "<",
        "<",
    ];
    for threads in [0, 1, 4] {
        let (steps, warnings) = steps(dir.path(), Filter::everything(), Mounts::Cross, threads);
        assert_eq!(steps, wanted);
        assert!(warnings.is_empty());
    }
}

#[test]
fn directories_above_something_wanted_are_needed_only() {
    let dir = tree();
    for path in ["a/b/want/x", "a/b/not", "c/d", "e/x.pdf"] {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"").unwrap();
    }
    let (steps, _) = steps(dir.path(), filter(&["/a/*/want/", "/e/*.pdf"], &[]), Mounts::Cross, 2);
    assert_eq!(
        steps,
        ["-d .", "-d a", "-d a/b", "d a/b/want", "f a/b/want/x", "<", "<", "<", "-d e", "f e/x.pdf", "<", "<"]
    );
}

#[test]
fn a_wide_and_a_deep_tree_are_walked_completely() {
    let dir = tree();
    for number in 0..100 {
        let path = dir.path().join(format!("{:02}/{:02}", number / 10, number));
        std::fs::create_dir_all(&path).unwrap();
        for file in 0..5 {
            std::fs::write(path.join(format!("{file}")), b"").unwrap();
        }
    }
    let wide = dir.path().join("wide");
    std::fs::create_dir(&wide).unwrap();
    for number in 0..3000 {
        std::fs::write(wide.join(format!("{number:04}")), b"").unwrap();
        if number % 500 == 0 {
            std::fs::create_dir(wide.join(format!("{number:04}.d"))).unwrap();
        }
    }
    let deep = dir.path().join("z/".repeat(300));
    std::fs::create_dir_all(&deep).unwrap();
    for threads in [0, 4] {
        let (steps, warnings) = steps(dir.path(), Filter::everything(), Mounts::Stay, threads);
        let files: Vec<_> = steps.iter().filter(|step| step.starts_with("f ")).collect();
        let dirs = steps.iter().filter(|step| step.starts_with("d ")).count();
        assert_eq!((files.len(), dirs), (3500, 1 + 10 + 100 + 1 + 6 + 300));
        assert!(files.is_sorted());
        assert_eq!(steps.iter().filter(|step| *step == "<").count(), dirs);
        assert!(warnings.is_empty());
    }
}

#[test]
fn sockets_are_left_out_and_told() {
    let dir = tree();
    let _socket = UnixListener::bind(dir.path().join("s")).unwrap();
    let (steps, warnings) = steps(dir.path(), Filter::everything(), Mounts::Cross, 1);
    assert_eq!(steps, ["d .", "<"]);
    assert_eq!(warnings, [(WarningKind::Socket, "s".to_string())]);
}

#[test]
fn other_file_systems_are_left_out_on_request() {
    let below_dev = |steps: &[String]| steps.iter().filter(|step| step.contains(" dev/")).count();
    let root = Path::new("/");
    let (stay, warnings) = steps(root, filter(&["/dev/"], &[]), Mounts::Stay, 1);
    assert!(stay.contains(&"d dev".to_string()));
    assert_eq!(below_dev(&stay), 0);
    assert_eq!(warnings, [(WarningKind::OtherFileSystem, "dev".to_string())]);
    let (cross, _) = steps(root, filter(&["/dev/"], &["/dev/*/**"]), Mounts::Cross, 1);
    assert!(below_dev(&cross) > 3);
}

#[test]
fn file_systems_of_the_kernel_are_never_entered() {
    let (steps, warnings) = steps(Path::new("/"), filter(&["/proc/"], &[]), Mounts::Cross, 1);
    assert_eq!(steps, ["-d .", "d proc", "<", "<"]);
    assert_eq!(warnings, [(WarningKind::OtherFileSystem, "proc".to_string())]);
}

#[test]
fn a_root_that_cannot_be_read_is_an_error() {
    let dir = tree();
    let file = dir.path().join("file");
    std::fs::write(&file, b"").unwrap();
    for path in [file, dir.path().join("nowhere")] {
        let options = WalkOptions {
            filter: Arc::new(Filter::everything()),
            mounts: Mounts::Cross,
            scan_threads: 0,
            reporter: Arc::new(Reporter::new(None)),
            clocks: Arc::default(),
            counters: Arc::default(),
            stop: Stop::new(Arc::default()),
        };
        let error = Walk::new(&path, options).err().unwrap();
        assert_eq!(error.code, "source_unreadable");
        assert!(error.message.contains(&path.display().to_string()));
    }
}
