//! What goes back to a chat: HTML of Telegram, with buttons.

use crate::notify::template::shortened;
use minijinja::HtmlEscape;
use teloxide_core::types::{InlineKeyboardButton, InlineKeyboardMarkup};

/// Longest text, in characters; Telegram takes 4096 units.
const LONGEST: usize = 3800;

/// Longest text without markup, in characters, each of which may be two units.
const LONGEST_PLAIN: usize = 2000;

/// An answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    /// HTML of Telegram.
    pub html: String,
    /// Rows of buttons: what they say, and what pressing them sends.
    pub buttons: Vec<Vec<(String, String)>>,
}

impl Reply {
    /// Without buttons. `html` is sent as it is.
    pub fn html(html: impl Into<String>) -> Reply {
        Reply { html: html.into(), buttons: Vec::new() }
    }

    /// Plain words.
    pub fn text(text: &str) -> Reply {
        Reply::html(escape(text))
    }

    /// The same with a row of buttons.
    pub fn row(mut self, buttons: Vec<(String, String)>) -> Reply {
        if !buttons.is_empty() {
            self.buttons.push(buttons);
        }
        self
    }

    /// Whether Telegram takes it with its markup.
    pub fn fits(&self) -> bool {
        self.html.encode_utf16().count() <= LONGEST
    }

    /// As it is, or, where that is too long, cut and without markup: cut markup would be broken.
    pub fn words(&self) -> String {
        if self.fits() { self.html.clone() } else { shortened(&plain(&self.html), LONGEST_PLAIN) }
    }

    /// The buttons as Telegram takes them.
    pub fn keyboard(&self) -> InlineKeyboardMarkup {
        let button = |(text, data): &(String, String)| InlineKeyboardButton::callback(text.clone(), data.clone());
        InlineKeyboardMarkup::new(self.buttons.iter().map(|row| row.iter().map(button).collect::<Vec<_>>()))
    }
}

/// `text` in HTML.
pub fn escape(text: &str) -> String {
    HtmlEscape(text).to_string()
}

/// `text` in bold.
pub fn bold(text: &str) -> String {
    format!("<b>{}</b>", escape(text))
}

/// HTML without its markup.
fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    let marks = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#x2f;", "/"), ("&amp;", "&")];
    marks.iter().fold(text, |text, (mark, c)| text.replace(mark, c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_loses_its_markup_and_nothing_else() {
        let name = "<A & 'B'/\"C\">";
        assert_eq!(plain(&bold(name)), name);
        assert_eq!(Reply::html(bold(name)).words(), bold(name));
        let long = Reply::html(format!("{} {}", bold(name), "x".repeat(5000)));
        let words = long.words();
        assert!(words.starts_with(&format!("{name} xxx")) && words.encode_utf16().count() <= LONGEST, "{words}");
    }
}
