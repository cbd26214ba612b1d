//! Mail: text and HTML by SMTP.
//!
//! Every mail has a Message-ID that stays the same when it is sent again, a date, `Auto-Submitted` (so that no vacation
//! notice comes back), and a reference that makes all mails about one problem a thread.

use super::{Again, Failure, Outgoing, Receipt, http, invalid};
use crate::notify::notice::Notice;
use crate::{Error, Result};
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// Begins plain and must become TLS; port 587.
    #[default]
    Starttls,
    /// TLS from the beginning; port 465.
    Tls,
    /// None: only for a mail server on this machine.
    None,
}

/// Where it is sent.
#[derive(Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Email {
    /// The mail server.
    pub host: String,
    /// Its port; 0: the usual one of the protection.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// User name; empty: no login.
    pub username: String,
    /// Password. Masked.
    pub password: String,
    /// Sender: `backup@example.org`.
    pub from: String,
    /// Name of the sender.
    pub from_name: String,
    /// Recipients.
    pub to: Vec<String>,
    /// A certificate authority of one's own, PEM; empty: those of the system.
    pub ca_certificate: String,
    /// Take any certificate: no protection against somebody in between.
    pub accept_any_certificate: bool,
}

/// Without what is secret.
impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Email").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// `Auto-Submitted: auto-generated` (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AutoSubmitted)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

impl Email {
    /// What it must be.
    pub fn check(self) -> Result<Email> {
        if self.host.trim().is_empty() {
            return Err(invalid("host is required: the mail server"));
        }
        if let Some(address) = self.host.trim().parse().ok().filter(|address| http::is_refused(*address)) {
            return Err(invalid(format!("host: {}", http::refusal(address))));
        }
        self.sender()?;
        if self.to.is_empty() {
            return Err(invalid("to is required: at least one recipient"));
        }
        self.recipients()?;
        if self.security == Security::None && !self.password.is_empty() && !is_local(&self.host) {
            return Err(invalid("security: a password is not sent over the network in the clear; use starttls or tls"));
        }
        self.transport()?;
        Ok(self)
    }

    fn sender(&self) -> Result<Mailbox> {
        let name = Some(self.from_name.trim()).filter(|name| !name.is_empty()).unwrap_or("TapeBackarr");
        Ok(Mailbox::new(Some(name.to_owned()), address("from", &self.from)?))
    }

    fn recipients(&self) -> Result<Vec<Mailbox>> {
        self.to.iter().map(|to| Ok(Mailbox::new(None, address("to", to)?))).collect()
    }

    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>> {
        let host = self.host.trim();
        let mut tls = TlsParameters::builder(host.to_owned());
        if !self.ca_certificate.trim().is_empty() {
            let certificate = Certificate::from_pem(self.ca_certificate.as_bytes())
                .map_err(|_| invalid("ca_certificate is no certificate in PEM"))?;
            tls = tls.add_root_certificate(certificate);
        }
        if self.accept_any_certificate {
            tls = tls.dangerous_accept_invalid_certs(true).dangerous_accept_invalid_hostnames(true);
        }
        let tls = tls.build_native().map_err(|error| invalid(http::chain(&error)))?;
        let (tls, port) = match self.security {
            Security::Starttls => (Tls::Required(tls), 587),
            Security::Tls => (Tls::Wrapper(tls), 465),
            Security::None => (Tls::None, 25),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .tls(tls)
            .port(if self.port == 0 { port } else { self.port })
            .timeout(Some(Duration::from_secs(30)));
        if !self.username.is_empty() {
            transport = transport.credentials(Credentials::new(self.username.clone(), self.password.clone()));
        }
        Ok(transport.build())
    }

    fn mail(&self, message: Outgoing<'_>) -> Result<Message> {
        let failed = |error: lettre::error::Error| Error::internal(format!("the mail cannot be put together: {error}"));
        let domain = address("from", &self.from)?.domain().to_owned();
        let mut mail = Message::builder()
            .from(self.sender()?)
            .subject(message.words.subject.as_str())
            .message_id(Some(format!("<{}@{domain}>", message.uid)))
            .references(thread(message.notice, &domain))
            .date_now()
            .header(AutoSubmitted)
            .user_agent("TapeBackarr".into());
        for to in self.recipients()? {
            mail = mail.to(to);
        }
        let text = message.words.body.clone();
        match &message.words.html {
            Some(html) => mail.multipart(MultiPart::alternative_plain_html(text, html.clone())),
            None => mail.singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text)),
        }
        .map_err(failed)
    }

    /// Whether the mail server answers and takes the login.
    pub async fn reach(&self) -> Result<String, String> {
        let transport = self.transport().map_err(|error| error.message)?;
        match transport.test_connection().await {
            Ok(true) if self.username.is_empty() => Ok("the mail server answers".into()),
            Ok(true) => Ok("the mail server answers, and takes the login".into()),
            Ok(false) => Err("the mail server does not answer as it should".into()),
            Err(error) => Err(http::chain(&error)),
        }
    }

    /// Sends it.
    pub async fn send(&self, message: Outgoing<'_>) -> Result<Receipt, Failure> {
        let bad = |error: Error| Failure::later(error.message);
        let mail = self.mail(message).map_err(bad)?;
        let answer = self.transport().map_err(bad)?.send(mail).await.map_err(|error| failure(&error))?;
        let words: Vec<&str> = answer.message().collect();
        Ok(format!("{} {}", answer.code(), words.join(" ")))
    }
}

/// A Message-ID that nobody has sent: mail programs sort what refers to the same one into one thread.
fn thread(notice: &Notice, domain: &str) -> String {
    let key: String = notice.thread.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '.' }).collect();
    format!("<thread.{key}@{domain}>")
}

fn address(field: &str, text: &str) -> Result<Address> {
    text.trim().parse().map_err(|error| invalid(format!("{field}: '{}' is no mail address: {error}", text.trim())))
}

fn is_local(host: &str) -> bool {
    let host = host.trim();
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn failure(error: &smtp::Error) -> Failure {
    // 55x is about the message or its recipients; a wrong login or missing TLS (53x) is put right by somebody
    let refused = error.status().is_some_and(|code| matches!(u16::from(code), 550..=559));
    Failure { message: http::chain(error), again: if refused { Again::Never } else { Again::Later } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::template::Rendered;

    fn email() -> Email {
        Email {
            host: "mx.example".into(),
            from: "backup@example.org".into(),
            to: vec!["a@example.org".into(), "b@example.net".into()],
            ..Email::default()
        }
    }

    #[test]
    fn a_mail_has_the_headers_of_a_machine_and_one_thread_per_problem() {
        let notice = Notice { thread: "backup:3:17".into(), ..Notice::default() };
        let words =
            Rendered { subject: "Bändchen voll".into(), body: "Größe".into(), html: Some("<p>Größe</p>".into()) };
        let mail = email().mail(Outgoing { uid: "u-1", notice: &notice, words: &words }).unwrap();
        let text = String::from_utf8(mail.formatted()).unwrap();
        for expected in [
            "Message-ID: <u-1@example.org>",
            "References: <thread.backup.3.17@example.org>",
            "Auto-Submitted: auto-generated",
            "From: TapeBackarr <backup@example.org>",
            "To: a@example.org, b@example.net",
            "Date: ",
            "Subject: =?utf-8?b?",
            "multipart/alternative",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }

    #[test]
    fn a_password_does_not_go_over_the_network_in_the_clear() {
        let open = Email { security: Security::None, username: "u".into(), password: "pw".into(), ..email() };
        assert!(open.clone().check().unwrap_err().message.contains("in the clear"));
        Email { host: "127.0.0.1".into(), ..open }.check().unwrap();
    }
}
