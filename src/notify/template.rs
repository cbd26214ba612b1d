//! Putting a notice into words: templates in the language of Jinja, those that come with the program or what people wrote
//! in their place.
//!
//! What a template inserts is escaped for where it goes: HTML in the HTML part of mail and in Telegram, JSON in a webhook
//! (`{"text": {{ message }}}`), not at all in plain text. A template can neither read files nor run for ever.

use super::notice::Notice;
use crate::db::notification_templates::Template;
use crate::db::{ChannelKind, Weight};
use crate::{Error, ErrorKind, Result, human};
use chrono::{DateTime, Utc};
use minijinja::{AutoEscape, Environment};
use std::time::Duration;

/// What one template may do at most, in steps of its interpreter.
const FUEL: u64 = 200_000;
/// Longest template, in characters.
pub const LONGEST: usize = 20_000;
/// Longest subject, in characters.
const LONGEST_SUBJECT: usize = 250;

/// The templates of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Subject or title.
    pub subject: String,
    /// The text.
    pub body: String,
    /// The HTML part of mail; empty: none.
    pub html: String,
}

/// One message in words.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Rendered {
    /// Subject or title: one line.
    pub subject: String,
    /// The text; of Telegram, its HTML.
    pub body: String,
    /// The HTML part of mail.
    pub html: Option<String>,
}

impl From<Template> for Words {
    fn from(row: Template) -> Self {
        Words { subject: row.subject, body: row.body, html: row.html }
    }
}

/// The words that come with the program.
pub fn built_in(kind: ChannelKind) -> Words {
    let text = include_str!("words/body.txt");
    let subject = include_str!("words/subject.txt");
    let words = |subject: &str, body: &str, html: &str| Words {
        subject: subject.trim_end().into(),
        body: body.into(),
        html: html.into(),
    };
    match kind {
        ChannelKind::Email => words(include_str!("words/mail-subject.txt"), text, include_str!("words/mail.html")),
        ChannelKind::Telegram => words("", include_str!("words/telegram.html"), ""),
        ChannelKind::Webhook => words("", "", ""),
        ChannelKind::Ntfy | ChannelKind::Gotify => words(subject, text, ""),
    }
}

impl Words {
    /// Puts `notice` into words.
    ///
    /// # Errors
    /// 400 `bad_template`: what is wrong, and on which line.
    pub fn render(&self, kind: ChannelKind, notice: &Notice) -> Result<Rendered> {
        let environment = environment();
        let body_name = match kind {
            ChannelKind::Telegram => "body.html",
            ChannelKind::Webhook => "body.json",
            ChannelKind::Email | ChannelKind::Ntfy | ChannelKind::Gotify => "body.txt",
        };
        let render = |name: &str, source: &str| {
            environment.render_named_str(name, source, notice).map_err(|error| wrong(name, source, &error))
        };
        let subject = render("subject.txt", &self.subject)?;
        let body = render(body_name, &self.body)?;
        if kind == ChannelKind::Webhook && !body.trim().is_empty() {
            serde_json::from_str::<serde_json::Value>(&body)
                .map_err(|error| bad(format!("body: what comes out is no JSON: {error}")))?;
        }
        let html = match self.html.trim() {
            "" => None,
            _ => Some(render("mail.html", &self.html)?),
        };
        Ok(Rendered { subject: one_line(&subject), body: body.trim().to_owned(), html })
    }

    /// Whether it works, also with what is longest and strangest.
    pub fn check(&self, kind: ChannelKind) -> Result<()> {
        for (name, text) in [("subject", &self.subject), ("body", &self.body), ("html", &self.html)] {
            if text.chars().count() > LONGEST {
                return Err(bad(format!("{name} is longer than {LONGEST} characters")));
            }
        }
        if kind != ChannelKind::Email && !self.html.trim().is_empty() {
            return Err(bad("html: only mail has an HTML part beside its text"));
        }
        self.render(kind, &sample("backup_failed")).map(drop)
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|name| match name.rsplit('.').next() {
        Some("html") => AutoEscape::Html,
        Some("json") => AutoEscape::Json,
        _ => AutoEscape::None,
    });
    environment.add_filter("clock", clock);
    environment.add_filter("size", |bytes: u64| human::bytes(bytes));
    environment.add_filter("duration", |seconds: u64| human::duration(Duration::from_secs(seconds)));
    environment.add_filter("short", |text: String, most: usize| shortened(&text, most));
    environment
}

/// `2026-11-20 22:13 UTC` of a time as JSON has it.
fn clock(time: String) -> String {
    match time.parse::<DateTime<Utc>>() {
        Ok(time) => time.format("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_) => time,
    }
}

/// At most `most` characters of `text`.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    shortened(&words.join(" "), LONGEST_SUBJECT)
}

fn bad(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::BadRequest, "bad_template", message)
}

fn wrong(name: &str, source: &str, error: &minijinja::Error) -> Error {
    let part = name.split('.').next().unwrap_or(name);
    let line = error.line().and_then(|line| source.lines().nth(line.saturating_sub(1)).map(|text| (line, text)));
    let place = line.map(|(line, text)| format!(", line {line} ({})", shortened(text.trim(), 80))).unwrap_or_default();
    let detail = error.detail().map(str::to_owned).unwrap_or_else(|| error.kind().to_string());
    bad(format!("{part}{place}: {detail}"))
}

/// A notice of a topic with everything in it, for previews.
pub fn sample(topic: &str) -> Notice {
    let known = super::topics::TOPICS.iter().find(|one| one.word == topic);
    Notice {
        topic: topic.into(),
        severity: if topic.ends_with("failed") { Weight::Error } else { Weight::Warning }.as_str().into(),
        title: known.map_or("Backup Failed", |topic| topic.title()).into(),
        message: "Backup of job \"nightly <db & web>\" failed: no tape in pool DAILY has room".into(),
        time: "2026-11-20T22:13:26Z".into(),
        server: super::notice::server_name(),
        link: Some("https://tapes.example.org/executions/17".into()),
        thread: "sample".into(),
        event_id: Some(4711),
        job: Some("nightly".into()),
        job_id: Some(3),
        pool: Some("DAILY".into()),
        pool_id: Some(1),
        tape: Some("A00012L9".into()),
        drive: Some("Drive 1".into()),
        details: serde_json::json!({"execution_id": 17, "job_id": 3, "error_code": "tape_full"}),
        ..Notice::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::notice::Purpose;

    fn words(body: &str) -> Words {
        Words { subject: "{{ title }}".into(), body: body.into(), html: String::new() }
    }

    #[test]
    fn the_words_that_come_with_the_program_work_for_every_purpose() {
        let items = vec![sample("backup_failed"); 120];
        for kind in ChannelKind::ALL {
            for purpose in [Purpose::News, Purpose::Reminder, Purpose::Recovery, Purpose::Test] {
                let notice = Notice { purpose, since: Some("2026-11-20T20:00:00Z".into()), ..sample("backup_failed") };
                let rendered = built_in(*kind).render(*kind, &notice).unwrap();
                assert!(*kind == ChannelKind::Webhook || rendered.body.contains("nightly"), "{rendered:?}");
            }
            let digest = built_in(*kind).render(*kind, &Notice::digest(items.clone())).unwrap();
            assert!(*kind != ChannelKind::Telegram || digest.body.encode_utf16().count() < 4096);
        }
    }

    #[test]
    fn what_is_inserted_is_escaped_for_where_it_goes() {
        let notice = Notice { message: "<b>\"a\" & 'b'\n".into(), ..sample("tape_full") };
        let body = |kind, template: &str| words(template).render(kind, &notice).unwrap().body;
        assert_eq!(body(ChannelKind::Telegram, "{{ message }}"), "&lt;b&gt;&quot;a&quot; &amp; &#x27;b&#x27;");
        assert_eq!(body(ChannelKind::Ntfy, "{{ message }}"), "<b>\"a\" & 'b'");
        let json = body(ChannelKind::Webhook, r#"{"text": {{ message }}}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["text"], notice.message);
        let mail = Words { html: "<p>{{ message }}</p>".into(), ..words("x") };
        let html = mail.render(ChannelKind::Email, &notice).unwrap().html.unwrap();
        assert!(html.starts_with("<p>&lt;b&gt;"), "{html}");
    }

    #[test]
    fn a_subject_is_one_line() {
        let notice = Notice { title: format!("a\r\nBcc: x@y.example\0{}", "z".repeat(500)), ..sample("tape_full") };
        let subject = words("x").render(ChannelKind::Email, &notice).unwrap().subject;
        assert!(subject.starts_with("a Bcc: x@y.example z") && subject.chars().count() == LONGEST_SUBJECT);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_nothing_runs_for_ever() {
        let error = words("one\n{% if %}").check(ChannelKind::Ntfy).unwrap_err();
        assert!(error.message.contains("body, line 2"), "{error}");
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        assert_eq!(words(endless).check(ChannelKind::Ntfy).unwrap_err().code, "bad_template");
        assert!(words("{\"a\": {{ title }}").check(ChannelKind::Webhook).unwrap_err().message.contains("no JSON"));
        assert!(words("{% include '/etc/passwd' %}").check(ChannelKind::Ntfy).is_err());
        assert!(words("{{ nothing.at.all }}").check(ChannelKind::Ntfy).is_err(), "a name that is misspelt twice");
    }
}
