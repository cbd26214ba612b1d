//! Lists as files: JSON, or CSV for spreadsheets.

use crate::Result;
use actix_web::HttpResponse;
use actix_web::http::header::{ContentDisposition, ContentType};
use serde::{Deserialize, Serialize};

/// How a file looks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// An array of objects.
    #[default]
    Json,
    /// A table with a line of titles (RFC 4180).
    Csv,
}

/// A file that grows row by row.
pub struct Export {
    format: FileFormat,
    text: Vec<u8>,
    rows: usize,
}

impl Export {
    /// An empty one; `titles` are those of the columns.
    pub fn new(format: FileFormat, titles: &[&str]) -> Export {
        let mut export = Export { format, text: Vec::new(), rows: 0 };
        match format {
            FileFormat::Json => export.text.push(b'['),
            FileFormat::Csv => export.line(titles),
        }
        export
    }

    /// Adds a row: as an object, or as the fields of a line.
    pub fn add(&mut self, row: &impl Serialize, fields: &[&str]) -> Result<()> {
        match self.format {
            FileFormat::Json => {
                if self.rows > 0 {
                    self.text.extend_from_slice(b",\n");
                }
                serde_json::to_writer(&mut self.text, row)?;
            }
            FileFormat::Csv => self.line(fields),
        }
        self.rows += 1;
        Ok(())
    }

    fn line(&mut self, fields: &[&str]) {
        let line: Vec<String> = fields.iter().map(|text| field(text)).collect();
        self.text.extend_from_slice(line.join(",").as_bytes());
        self.text.extend_from_slice(b"\r\n");
    }

    /// The answer with the file, called `name` and what its format adds.
    pub fn answer(mut self, name: &str) -> HttpResponse {
        let mut answer = HttpResponse::Ok();
        let ending = match self.format {
            FileFormat::Json => {
                self.text.extend_from_slice(b"]\n");
                answer.content_type(ContentType::json());
                "json"
            }
            FileFormat::Csv => {
                answer.content_type("text/csv; charset=utf-8");
                "csv"
            }
        };
        answer.insert_header(ContentDisposition::attachment(format!("{name}.{ending}"))).body(self.text)
    }
}

/// One field. What a spreadsheet would take for a formula gets an apostrophe before it: names come from anywhere.
fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_survive_a_spreadsheet() {
        assert_eq!(field("plain"), "plain");
        assert_eq!(field("a,b \"c\"\nd"), "\"a,b \"\"c\"\"\nd\"");
        assert_eq!(field("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        assert_eq!(field("@x"), "'@x");
    }
}
