use super::*;

fn item(number: u64) -> Item {
    Item {
        path: format!("d{}/\n{number}", number / 10).into_bytes().into(),
        on_tape: number.is_multiple_of(3).then(|| b"other".as_slice().into()),
        kind: if number.is_multiple_of(10) { MemberKind::Directory } else { MemberKind::File },
        size: number,
        sha256: (!number.is_multiple_of(7)).then_some([number as u8; 32]),
        mtime_ns: -(number as i64),
        set: usize::from(number >= 40_000),
        tar_offset: number % 40_000 * 512,
        tar_length: 512,
    }
}

fn items(numbers: impl IntoIterator<Item = u64>) -> Items {
    let mut gathering = Gathering::default();
    numbers.into_iter().for_each(|number| gathering.push(item(number)).unwrap());
    gathering.finish().unwrap()
}

/// So many that most are in the file.
const MANY: u64 = 70_000;

#[test]
fn members_in_the_file_are_as_they_were() {
    let all = items(0..MANY);
    assert!(all.file.is_some());
    let sums = Sums { members: 70_000, files: 63_000, directories: 7000, bytes: (0..MANY).sum() };
    assert_eq!((all.sums(), all.len()), (sums, 70_000));
    assert!(all.iter().enumerate().all(|(number, found)| *found.unwrap() == item(number as u64)));
    for number in [0, 511, 512, 32_767, 32_768, 69_999, 5, 50_000] {
        assert_eq!(*all.get(number).unwrap().unwrap(), item(number as u64));
    }
    assert!(all.get(70_000).unwrap().is_none());
    let found: Vec<u64> = all.range(69_990..80_000).map(|item| item.unwrap().size).collect();
    assert_eq!(found, (69_990..70_000).collect::<Vec<u64>>());
    assert!(all.cached.lock().unwrap().len() <= CACHED);
}

#[test]
fn places_are_found() {
    let all = items(0..MANY);
    let at = |place: (usize, u64)| all.partition_point(0..all.len(), |item| item.place() < place).unwrap();
    assert_eq!((at((0, 0)), at((0, 511)), at((0, 512)), at((1, 0)), at((1, 10_000 * 512))), (0, 1, 1, 40_000, 50_000));
    assert_eq!((at((9, 0)), all.partition_point(7..7, |_| true).unwrap()), (70_000, 7));
}

#[test]
fn they_are_in_order_however_they_come() {
    let all = items((0..MANY).rev());
    assert!(all.iter().enumerate().all(|(number, found)| *found.unwrap() == item(number as u64)));
}

#[test]
fn some_are_left_out_and_others_come_in_at_their_places() {
    let even = items(0..MANY).filtered(|item| item.size.is_multiple_of(2)).unwrap();
    assert_eq!(even.sums(), items((0..MANY).step_by(2)).sums());
    let odd: Vec<Item> = (0..MANY).filter(|number| !number.is_multiple_of(2)).map(item).rev().collect();
    let all = even.with(odd).unwrap();
    assert!(all.iter().enumerate().all(|(number, found)| *found.unwrap() == item(number as u64)));
    assert_eq!(all.len(), 70_000);
}

#[test]
fn a_page_that_was_cut_is_no_page() {
    let bytes = record::write(&[item(3)]);
    assert_eq!(record::read(&bytes).unwrap(), [item(3)]);
    assert!((1..bytes.len()).all(|length| record::read(&bytes[..length]).is_none()));
}
