//! Archives that try to write outside of the destination, or to leave something dangerous in it.

use super::tests::*;
use super::*;
use crate::restore::archive::Outcome;
use std::os::unix::fs::{MetadataExt, symlink};

fn failed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(_))
}

/// The folder around the destination with a file that nobody may touch.
fn guarded() -> (Place, std::path::PathBuf) {
    let mut place = Place::new();
    place.policy = ExistingPolicy::Overwrite;
    let secret = place.outside().join("secret");
    std::fs::write(&secret, "untouched").unwrap();
    (place, secret)
}

fn assert_untouched(place: &Place, secret: &std::path::Path) {
    assert_eq!(std::fs::read_to_string(secret).unwrap(), "untouched");
    let meta = std::fs::metadata(secret).unwrap();
    assert_eq!(meta.nlink(), 1, "it got another name");
    let names: Vec<_> = std::fs::read_dir(place.outside()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "something was made outside: {names:?}");
}

#[test]
fn paths_that_lead_out_are_refused_and_the_rest_is_restored() {
    let (place, secret) = guarded();
    let absolute = place.outside().join("absolute");
    let names = ["../up", "a/../../up", "..", "a/..", absolute.to_str().unwrap(), "//up"];
    for kind in [MemberKind::File, MemberKind::Directory, MemberKind::Symlink, MemberKind::Fifo, MemberKind::Hardlink] {
        for name in names {
            let mut extractor = place.extractor();
            let hostile = Member { link: Some(b"good".to_vec()), ..member(name, kind.clone()) };
            let result = extractor.extract(name.as_bytes(), &hostile, None, &mut &b""[..]);
            assert!(
                matches!(&result, Err(Failed::Member(why)) if why.contains("refused")),
                "{name} {kind:?}: {result:?}"
            );
        }
    }
    let mut extractor = place.extractor();
    for name in [&b"a\0b"[..], b"", &[b'x'; 300]] {
        let result = extractor.extract(name, &member("x", MemberKind::File), None, &mut &b""[..]);
        assert!(matches!(result, Err(Failed::Member(_))));
    }
    let seen = place.extract(&pack(&[file("../secret", b"x"), file("good", b"y")]));
    assert!(failed(&seen[0].1) && restored(&seen[1].1), "{seen:?}");
    assert_untouched(&place, &secret);
}

/// Somebody who may restore to `/` must not replace the server's own keys by that.
#[test]
fn nothing_is_written_in_the_servers_own_folder() {
    let place = Place::new();
    let own = place.at("var/lib/own");
    std::fs::create_dir_all(own.join("deep")).unwrap();
    std::fs::write(own.join("token.key"), "mine").unwrap();
    let mut extractor = place.extractor();
    extractor.keep_out_of(&own).unwrap();
    for kind in [MemberKind::File, MemberKind::Directory, MemberKind::Symlink, MemberKind::Fifo] {
        for name in ["var/lib/own/token.key", "var/lib/own/new", "var/lib/own/deep/new", "var/lib/own/made/new"] {
            let hostile = Member { link: Some(b"good".to_vec()), ..member(name, kind.clone()) };
            let result = extractor.extract(name.as_bytes(), &hostile, None, &mut &b""[..]);
            let refused = matches!(&result, Err(Failed::Member(why)) if why.contains("server's own"));
            assert!(refused, "{name} {kind:?}: {result:?}");
        }
    }
    let result = extractor.extract(b"var/lib/other", &member("var/lib/other", MemberKind::File), None, &mut &b""[..]);
    assert!(matches!(result, Ok(Placed::Restored { .. })), "{result:?}");
    extractor.finish();
    assert_eq!(std::fs::read_to_string(own.join("token.key")).unwrap(), "mine");
    let names = std::fs::read_dir(&own).unwrap().count() + std::fs::read_dir(own.join("deep")).unwrap().count();
    assert_eq!(names, 2, "nothing was made there");
}

#[test]
fn a_file_below_a_symbolic_link_of_the_archive_is_refused() {
    let (place, secret) = guarded();
    let outside = place.outside();
    let seen = place.extract(&pack(&[
        bare(link("d", MemberKind::Symlink, outside.to_str().unwrap())),
        file("d/secret", b"overwritten"),
        file("d/new", b"x"),
        bare(member("d/dir", MemberKind::Directory)),
        bare(link("up", MemberKind::Symlink, "..")),
        file("up/secret", b"overwritten"),
        bare(link("here", MemberKind::Symlink, ".")),
        bare(link("here2", MemberKind::Symlink, "here/..")),
        file("here2/secret", b"overwritten"),
    ]));
    let refused: Vec<_> = seen.iter().filter(|(_, outcome)| failed(outcome)).map(|(path, _)| path.as_str()).collect();
    assert_eq!(refused, ["d/secret", "d/new", "d/dir", "up/secret", "here2/secret"]);
    assert_untouched(&place, &secret);
}

#[test]
fn a_link_planted_while_its_directory_is_open_is_not_followed() {
    let (place, secret) = guarded();
    let seen = place.extract(&pack(&[
        bare(member("d", MemberKind::Directory)),
        // the directory is empty, so it may be replaced; it was just used
        bare(member("d/x", MemberKind::Directory)),
        bare(link("d/x", MemberKind::Symlink, place.outside().to_str().unwrap())),
        file("d/x/secret", b"overwritten"),
        file("d/x/new", b"overwritten"),
    ]));
    assert!(failed(&seen[3].1) && failed(&seen[4].1), "{seen:?}");
    assert_untouched(&place, &secret);
}

#[test]
fn a_link_that_has_the_name_of_a_file_is_replaced_and_not_written_through() {
    let (place, secret) = guarded();
    symlink(&secret, place.at("there")).unwrap();
    let seen = place.extract(&pack(&[
        bare(link("f", MemberKind::Symlink, secret.to_str().unwrap())),
        file("f", b"overwritten"),
        file("there", b"overwritten"),
        bare(link("dir", MemberKind::Symlink, place.outside().to_str().unwrap())),
        bare(Member { mode: 0o777, ..member("dir", MemberKind::Directory) }),
        file("dir/secret", b"inside"),
    ]));
    assert!(seen.iter().all(|(_, outcome)| restored(outcome)), "{seen:?}");
    assert!(place.at("dir").symlink_metadata().unwrap().is_dir());
    assert_eq!(std::fs::read_to_string(place.at("dir/secret")).unwrap(), "inside");
    assert_untouched(&place, &secret);
}

#[test]
fn a_directory_that_became_a_link_does_not_pass_its_mode_on() {
    let (place, secret) = guarded();
    let before = std::fs::metadata(place.outside()).unwrap().mode();
    place.extract(&pack(&[
        bare(Member { mode: 0o1777, ..member("d", MemberKind::Directory) }),
        bare(link("d", MemberKind::Symlink, place.outside().to_str().unwrap())),
    ]));
    assert_eq!(std::fs::metadata(place.outside()).unwrap().mode(), before);
    assert_untouched(&place, &secret);
}

#[test]
fn hard_links_do_not_reach_outside() {
    let (place, secret) = guarded();
    symlink(&secret, place.at("there")).unwrap();
    let outside = place.outside();
    let seen = place.extract(&pack(&[
        bare(link("a", MemberKind::Hardlink, "../secret")),
        bare(link("b", MemberKind::Hardlink, secret.to_str().unwrap())),
        bare(link("d", MemberKind::Symlink, outside.to_str().unwrap())),
        bare(link("c", MemberKind::Hardlink, "d/secret")),
        bare(link("e", MemberKind::Hardlink, "nothing")),
        bare(link("f", MemberKind::Hardlink, "f")),
    ]));
    let good: Vec<_> = seen.iter().filter(|(_, outcome)| restored(outcome)).map(|(path, _)| path.as_str()).collect();
    assert_eq!(good, ["d"]);
    // a link to a link is that link again, and a file of its name replaces it
    place.extract(&pack(&[bare(link("l", MemberKind::Hardlink, "there")), file("l", b"overwritten")]));
    assert_untouched(&place, &secret);
}

#[test]
fn writing_to_one_name_of_a_file_does_not_change_the_other() {
    let (place, secret) = guarded();
    std::fs::write(place.at("mine"), "mine").unwrap();
    place.extract(&pack(&[bare(link("l", MemberKind::Hardlink, "mine")), file("l", b"other")]));
    assert_eq!(std::fs::read_to_string(place.at("mine")).unwrap(), "mine");
    assert_untouched(&place, &secret);
}

#[test]
fn a_strangers_tape_brings_no_devices_and_no_privileges() {
    let (mut place, _) = guarded();
    place.trust = Trust::Foreign;
    let root_shell = (Member { mode: 0o4755, uid: 0, size: 1, ..member("shell", MemberKind::File) }, b"x".to_vec());
    let disk = Member { device: Some((8, 0)), mode: 0o666, ..member("disk", MemberKind::BlockDevice) };
    let seen = place.extract(&pack(&[root_shell, bare(disk)]));
    assert!(restored(&seen[0].1) && failed(&seen[1].1), "{seen:?}");
    assert_eq!(std::fs::metadata(place.at("shell")).unwrap().mode() & 0o7777, 0o755);
}

#[test]
fn devices_without_numbers_and_links_without_targets_are_named() {
    let (place, _) = guarded();
    let mut extractor = place.extractor();
    for kind in [MemberKind::CharDevice, MemberKind::BlockDevice, MemberKind::Symlink, MemberKind::Hardlink] {
        let result = extractor.extract(b"x", &member("x", kind.clone()), None, &mut &b""[..]);
        assert!(matches!(result, Err(Failed::Member(_))), "{kind:?}");
    }
    assert_eq!(std::fs::read_dir(place.at("")).unwrap().count(), 0);
}

#[test]
fn names_of_any_bytes_are_restored() {
    let (place, _) = guarded();
    let mut extractor = place.extractor();
    for name in [&b"\xff\xfe"[..], b"-rf", b"a\nb\\", &[b'n'; 255], "ä€😀".as_bytes()] {
        extractor.extract(name, &member("x", MemberKind::File), None, &mut &b""[..]).unwrap();
    }
    assert_eq!(std::fs::read_dir(place.at("")).unwrap().count(), 5);
}
