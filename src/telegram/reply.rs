//! What goes back to a chat: HTML of Telegram, with buttons.

use minijinja::HtmlEscape;
use teloxide_core::types::{InlineKeyboardButton, InlineKeyboardMarkup};

/// Longest text, in characters; Telegram takes 4096 units.
const LONGEST: usize = 3800;

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

    /// The text as Telegram takes it; none if it fits only without markup.
    pub fn fits(&self) -> bool {
        self.html.encode_utf16().count() <= LONGEST
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
