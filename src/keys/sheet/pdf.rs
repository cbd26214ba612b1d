//! The key sheet as a document to be printed: what the text says, and each key as a QR code.

use super::{KeySheet, SheetKey};
use crate::db::time;
use crate::keys::sheet::paper::{Font, Paper};
use crate::{Error, Result};

/// Height and width of a QR code, in points: 40 mm.
const SIDE: f32 = 114.0;
/// Where the text beside a QR code begins.
const BESIDE: f32 = SIDE + 10.0;

/// The document.
pub fn document(sheet: &KeySheet) -> Result<Vec<u8>> {
    let mut paper = Paper::new();
    paper.text(Font::Bold, 16.0, 0.0, "TapeBackarr key sheet");
    paper.text(Font::Plain, 9.0, 0.0, &format!("Made {}", time::to_rfc3339(&sheet.generated_at)));
    paper.space(4.0);
    paper.text(Font::Plain, 9.5, 0.0, sheet.instructions);
    for key in &sheet.keys {
        one(&mut paper, key)?;
    }
    paper.keep_together(120.0);
    paper.rule();
    paper.text(Font::Bold, 12.0, 0.0, "Reading the tapes");
    paper.text(Font::Plain, 9.5, 0.0, super::ABOUT_COMMANDS);
    for command in &sheet.commands {
        paper.keep_together(34.0);
        paper.space(4.0);
        paper.text(Font::Plain, 9.5, 0.0, &command.about);
        paper.text(Font::Typed, 8.0, 0.0, &command.line);
    }
    Ok(paper.finish("TapeBackarr key sheet"))
}

fn one(paper: &mut Paper, key: &SheetKey) -> Result<()> {
    paper.keep_together(SIDE + 20.0);
    paper.rule();
    let top = paper.at();
    paper.qr_code(SIDE, &key.key_base64).map_err(|error| Error::internal(format!("cannot draw a QR code: {error}")))?;
    paper.text(Font::Bold, 12.0, BESIDE, &key.name);
    paper.text(Font::Plain, 8.0, BESIDE, &format!("Key, base64 ({})", key.algorithm));
    paper.text(Font::Typed, 11.0, BESIDE, &key.key_base64);
    paper.text(Font::Plain, 8.0, BESIDE, "Fingerprint, SHA-256 of its 32 bytes");
    for half in [key.fingerprint.get(..32), key.fingerprint.get(32..)].into_iter().flatten() {
        paper.text(Font::Typed, 9.0, BESIDE, &groups(half));
    }
    paper.text(Font::Plain, 8.0, BESIDE, &format!("Made {}{}", time::to_rfc3339(&key.created_at), key.ends()));
    // the list of tapes may go on on the next page
    paper.below(top - SIDE);
    for line in key.needed_by() {
        paper.text(Font::Plain, 9.0, 0.0, &line);
    }
    Ok(())
}

/// Groups of eight can be compared by eye.
fn groups(hex: &str) -> String {
    let letters: Vec<char> = hex.chars().collect();
    letters.chunks(8).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}
