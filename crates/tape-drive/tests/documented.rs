//! The table of generations in docs/hardware.md is what the program does.

use std::collections::BTreeSet;
use tape_drive::lto::{Access, FORMATS, Format, Generation};

/// "7, M8, 8" is what drives of generation 8 write, without "LTO-".
fn formats(cell: &str) -> BTreeSet<String> {
    cell.split(',').map(|name| format!("LTO-{}", name.trim())).filter(|name| name != "LTO-").collect()
}

/// The formats that a drive uses so.
fn used(generation: u8, access: Access) -> BTreeSet<String> {
    let generation = Generation::new(generation).unwrap();
    let used = FORMATS.iter().filter(|format| generation.access(format.density) == access);
    used.map(|format| format.name.to_owned()).filter(|name| name != "LTO-10P").collect()
}

fn capacity(format: &Format) -> String {
    match format.capacity_bytes / 100_000_000_000 {
        tenths @ 10.. if tenths % 10 == 0 => format!("{} TB", tenths / 10),
        tenths @ 10.. => format!("{}.{} TB", tenths / 10, tenths % 10),
        tenths => format!("{tenths}00 GB"),
    }
}

#[test]
fn the_table_of_generations_is_true() {
    let page = include_str!("../../../docs/hardware.md");
    let (_, table) = page.split_once("| LTO | writes |").unwrap();
    let mut generations = 0..;
    for row in table.lines().skip(2).take_while(|row| row.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, number, writes, reads, room, density, barcode, _] = cells.as_slice() else { panic!("{row}") };
        let number: u8 = number.parse().unwrap();
        generations.next();
        assert_eq!(formats(writes), used(number, Access::ReadWrite), "{row}");
        assert_eq!(formats(reads), used(number, Access::ReadOnly), "{row}");
        let own: Vec<&Format> = FORMATS.iter().filter(|format| format.generation.number() == number).collect();
        assert!(!own.is_empty(), "{row}");
        for format in own {
            assert!(room.contains(&capacity(format)), "{}: {row}", capacity(format));
            assert!(density.contains(&format!("{:02X}h", format.density)), "{row}");
            for suffix in [Some(format.suffix), format.worm_suffix].into_iter().flatten() {
                assert!(barcode.contains(&format!("`{suffix}`")), "{row}");
            }
        }
    }
    assert_eq!(generations.start, 10, "generations are in the table");
}
