//! Pages of A4 with lines of text and QR codes: as much of PDF as a key sheet needs.
//!
//! The fonts are three of the fourteen that every reader has, so nothing is embedded. They know Latin letters only; other
//! characters become question marks (a key is known by its fingerprint, whatever it is called).

use pdf_writer::{Content, Name, Pdf, Rect, Ref, Str, TextStr};
use qrcode::{Color, EcLevel, QrCode};

const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const MARGIN: f32 = 48.0;
/// The room for text on a page.
const ROOM: f32 = WIDTH - 2.0 * MARGIN;
/// Modules of quiet around a QR code, as the standard asks for.
const QUIET: f32 = 4.0;

/// Width of the characters from space to tilde in Helvetica, in thousandths of its size (from Adobe's font metrics).
const HELVETICA: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
];
/// The same of every character in Courier.
const COURIER: u16 = 600;
/// A little more than most letters beyond ASCII have.
const OTHER: u16 = 667;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Font {
    /// Prose.
    Plain,
    /// Headings.
    Bold,
    /// What is typed.
    Typed,
}

impl Font {
    fn name(self) -> Name<'static> {
        match self {
            Font::Plain => Name(b"F1"),
            Font::Bold => Name(b"F2"),
            Font::Typed => Name(b"F3"),
        }
    }

    /// Rather too wide than too narrow: the bold letters are at most a tenth wider.
    fn width(self, text: &str, size: f32) -> f32 {
        let thousandths: u32 = text
            .chars()
            .map(|letter| match self {
                Font::Typed => u32::from(COURIER),
                _ => {
                    let at = (letter as usize).checked_sub(0x20);
                    u32::from(at.and_then(|at| HELVETICA.get(at)).copied().unwrap_or(OTHER))
                }
            })
            .sum();
        let slack = if self == Font::Bold { 1.1 } else { 1.0 };
        thousandths as f32 / 1000.0 * size * slack
    }
}

/// What is written on, from the top of the first page to the end of the last.
pub struct Paper {
    done: Vec<Content>,
    page: Content,
    /// Free room begins here, from the bottom.
    y: f32,
}

impl Paper {
    /// An empty page.
    pub fn new() -> Paper {
        Paper { done: Vec::new(), page: Content::new(), y: HEIGHT - MARGIN }
    }

    /// Begins another page if there is no room for so much on this one.
    pub fn keep_together(&mut self, height: f32) {
        if self.y - height < MARGIN {
            self.done.push(std::mem::replace(&mut self.page, Content::new()));
            self.y = HEIGHT - MARGIN;
        }
    }

    /// Leaves room.
    pub fn space(&mut self, height: f32) {
        self.y -= height;
    }

    /// How far down it is written.
    pub fn at(&self) -> f32 {
        self.y
    }

    /// Goes on at the lower one of two places.
    pub fn below(&mut self, other: f32) {
        self.y = self.y.min(other);
    }

    /// Writes text, wrapped to the room right of `indent`. What has no spaces is broken anywhere.
    pub fn text(&mut self, font: Font, size: f32, indent: f32, text: &str) {
        for line in wrap(text, |line| font.width(line, size) <= ROOM - indent) {
            self.keep_together(size * 1.35);
            self.y -= size * 1.35;
            self.page.begin_text();
            self.page.set_font(font.name(), size);
            self.page.next_line(MARGIN + indent, self.y);
            self.page.show(Str(&latin(&line)));
            self.page.end_text();
        }
    }

    /// A line across the page.
    pub fn rule(&mut self) {
        self.y -= 5.0;
        self.page.set_line_width(0.5);
        self.page.move_to(MARGIN, self.y);
        self.page.line_to(WIDTH - MARGIN, self.y);
        self.page.stroke();
        self.y -= 5.0;
    }

    /// A QR code as large as `side` with its quiet zone, its upper left corner at the margin; the place to write does not move.
    pub fn qr_code(&mut self, side: f32, text: &str) -> qrcode::QrResult<()> {
        let code = QrCode::with_error_correction_level(text, EcLevel::Q)?;
        let modules = code.width();
        let unit = side / (modules as f32 + 2.0 * QUIET);
        let colors = code.to_colors();
        for (row, line) in colors.chunks(modules).enumerate() {
            let top = self.y - (row as f32 + QUIET + 1.0) * unit;
            for (column, color) in line.iter().enumerate() {
                if *color == Color::Dark {
                    let left = MARGIN + (column as f32 + QUIET) * unit;
                    // a hair wider, so that no light shines through between two of them
                    self.page.rect(left, top, unit * 1.02, unit * 1.02);
                }
            }
        }
        self.page.fill_nonzero();
        Ok(())
    }

    /// The document, with `title` and page numbers.
    pub fn finish(mut self, title: &str) -> Vec<u8> {
        self.done.push(self.page);
        let pages = self.done.len();
        let mut next = 1;
        let mut id = || {
            next += 1;
            Ref::new(next)
        };
        let (catalog, tree, info) = (Ref::new(1), id(), id());
        let fonts = [(Font::Plain, "Helvetica"), (Font::Bold, "Helvetica-Bold"), (Font::Typed, "Courier")]
            .map(|(font, name)| (font, name, id()));
        let ids: Vec<(Ref, Ref)> = (0..pages).map(|_| (id(), id())).collect();
        let mut pdf = Pdf::new();
        pdf.catalog(catalog).pages(tree);
        pdf.document_info(info).title(TextStr(title)).producer(TextStr("TapeBackarr"));
        pdf.pages(tree).kids(ids.iter().map(|(page, _)| *page)).count(i32::try_from(pages).unwrap_or(i32::MAX));
        for (_, name, font) in &fonts {
            pdf.type1_font(*font).base_font(Name(name.as_bytes())).encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        for (number, (mut content, (page, stream))) in self.done.into_iter().zip(&ids).enumerate() {
            content.begin_text();
            content.set_font(Font::Plain.name(), 8.0);
            content.next_line(MARGIN, MARGIN / 2.0);
            content.show(Str(&latin(&format!("{title}, page {} of {pages}", number + 1))));
            content.end_text();
            let mut written = pdf.page(*page);
            written.media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).parent(tree).contents(*stream);
            let mut resources = written.resources();
            let mut dictionary = resources.fonts();
            for (font, _, reference) in &fonts {
                dictionary.pair(font.name(), *reference);
            }
            drop(dictionary);
            drop(resources);
            drop(written);
            pdf.stream(*stream, &content.finish());
        }
        pdf.finish()
    }
}

/// In the encoding of the fonts, which is Latin 1 as far as this needs it.
fn latin(text: &str) -> Vec<u8> {
    text.chars()
        .map(|letter| {
            u8::try_from(letter).ok().filter(|byte| matches!(byte, 0x20..=0x7e | 0xa0..=0xff)).unwrap_or(b'?')
        })
        .collect()
}

/// Lines that fit.
fn wrap(text: &str, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if fits(&longer) {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for letter in word.chars() {
            line.push(letter);
            if !fits(&line) {
                line.pop();
                lines.push(std::mem::replace(&mut line, letter.to_string()));
            }
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_nothing_is_lost() {
        let fits = |line: &str| line.chars().count() <= 8;
        assert_eq!(wrap("one two three", fits), ["one two", "three"]);
        assert_eq!(wrap("a abcdefghijklmnopq z", fits), ["a", "abcdefgh", "ijklmnop", "q z"]);
        assert_eq!(wrap("", fits), [""]);
        assert_eq!(latin("a ü 钥"), [b'a', b' ', 0xfc, b' ', b'?']);
    }

    #[test]
    fn a_long_text_goes_on_on_the_next_page() {
        let mut paper = Paper::new();
        for line in 0..100 {
            paper.text(Font::Plain, 10.0, 0.0, &format!("line {line}"));
        }
        let pdf = paper.finish("t");
        let text = String::from_utf8_lossy(&pdf);
        assert!(text.contains("(line 99)") && text.contains("(t, page 2 of 2)"), "{text}");
    }
}
