//! Logging in at an OpenID provider: authorization code flow with PKCE, state and nonce (OpenID Connect Core 1.0, 3.1).
//!
//! * [`pending`]: who is at the provider now; each login is taken once, by the browser that began it
//! * [`provider`]: where its parts are and which keys it has, asked for when somebody logs in; [`http`]: how it is asked
//! * [`id_token`]: whether what it says is to be believed; [`claims`]: finding what matters in it
//! * [`admit`]: which user that is, made if need be, with which role
//!
//! What the provider or a browser says is hostile until it is checked. Codes, tokens and secrets are in no log and no error.

pub mod admit;
mod claims;
pub mod http;
mod id_token;
mod pending;
pub mod provider;

pub use admit::{Admitted, Person};
pub use pending::{PATIENCE, Waiting};

use crate::config::Oidc;
use crate::db::Role;
use crate::{Error, ErrorKind, Result};
use http::Http;
use id_token::{Expected, Wrong};
use pending::Pending;
use provider::{Keys, Metadata, Provider, unreachable};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::net::IpAddr;
use zeroize::Zeroizing;

/// Where the provider sends people back to.
pub const CALLBACK: &str = "/api/v1/auth/oidc/callback";
/// Where a login begins.
pub const START: &str = "/api/v1/auth/oidc/start";
/// Longest path of a page that is gone back to, in bytes.
const LONGEST_PATH: usize = 2000;
/// So much is kept of what a provider says, in characters.
const KEPT: usize = 200;

/// Logins at the configured provider.
pub struct SingleSignOn {
    /// As configured.
    pub settings: Oidc,
    pending: Pending,
    provider: Provider,
}

/// Without what waits.
impl std::fmt::Debug for SingleSignOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SingleSignOn").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Where to send somebody.
pub struct Departure {
    /// The provider's page.
    pub url: Url,
    /// For a cookie that this browser shows when it comes back.
    pub browser: String,
}

/// With what the provider sends somebody back.
#[derive(Default, Deserialize)]
pub struct Return {
    /// Which login.
    pub state: Option<String>,
    /// What becomes a token.
    pub code: Option<String>,
    /// Or what went wrong.
    pub error: Option<String>,
    /// Who the provider is (RFC 9207).
    pub iss: Option<String>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
    access_token: Option<String>,
}

impl SingleSignOn {
    /// As configured; none: there is no provider.
    pub fn new(settings: &Oidc) -> Option<SingleSignOn> {
        super::hmac::install();
        let made =
            || SingleSignOn { settings: settings.clone(), pending: Pending::default(), provider: Provider::default() };
        settings.is_on().then(made)
    }

    /// An address of this server as people reach it.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.settings.public_url.trim_end_matches('/'))
    }

    /// Whether people reach this server encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.settings.public_url.starts_with("https://")
    }

    /// Begins a login of somebody who wants to see the page `to`.
    ///
    /// # Errors
    /// 503 `provider_unreachable`.
    pub async fn begin(&self, to: &str, from: Option<IpAddr>) -> Result<Departure> {
        let http = Http::open(&self.settings).await.map_err(|why| unreachable(&why))?;
        let metadata = self.provider.metadata(&http, &self.settings.issuer).await?;
        let begun = self.pending.begin(page(to), from)?;
        let others = self.settings.scopes.iter().map(String::as_str).filter(|scope| *scope != "openid");
        let scopes: Vec<&str> = std::iter::once("openid").chain(others).collect();
        let mut url = metadata.authorization.clone();
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &self.settings.client_id),
            ("redirect_uri", &self.address(CALLBACK)),
            ("scope", &scopes.join(" ")),
            ("state", &begun.state),
            ("nonce", &begun.nonce),
            ("code_challenge", &begun.challenge),
            ("code_challenge_method", "S256"),
        ]);
        Ok(Departure { url, browser: begun.browser })
    }

    /// The login that comes back: there is no second time.
    ///
    /// # Errors
    /// 400 `login_expired`: nobody waits for it, or another browser does.
    pub fn back(&self, with: &Return, browser: Option<&str>) -> Result<Waiting> {
        let waiting = with.state.as_deref().zip(browser).and_then(|(state, browser)| self.pending.take(state, browser));
        waiting.ok_or_else(|| {
            let message = "this login was not begun in this browser, took too long, or is over already: begin again";
            Error::new(ErrorKind::BadRequest, "login_expired", message)
        })
    }

    /// Who came back.
    ///
    /// # Errors
    /// 401 `access_denied`, `provider_error`, `bad_token`; 503 `provider_unreachable`.
    pub async fn identify(&self, with: &Return, waiting: &Waiting) -> Result<Person> {
        let http = Http::open(&self.settings).await.map_err(|why| unreachable(&why))?;
        let metadata = self.provider.metadata(&http, &self.settings.issuer).await?;
        let other = with.iss.as_ref().is_some_and(|issuer| *issuer != self.settings.issuer);
        if other || (metadata.names_itself && with.iss.is_none()) {
            return Err(bad_token("the answer is of another issuer (iss)"));
        }
        if let Some(error) = &with.error {
            return Err(refused(error));
        }
        let code = with.code.as_ref().ok_or_else(|| refused("no code"))?;
        let tokens = self.exchange(&http, &metadata, code, waiting).await?;
        let token = tokens.id_token.ok_or_else(|| bad_token("the provider gave no ID token"))?;
        let mut claims = self.verified(&http, &metadata, &token, &waiting.nonce).await?;
        let missing = [&self.settings.role_claim, &self.settings.name_claim]
            .iter()
            .any(|name| claims::find(&claims, name).is_none());
        if let (true, Some(address), Some(token)) = (missing, &metadata.userinfo, &tokens.access_token) {
            let request = http.client.get(address.clone()).bearer_auth(token);
            let more: Map<String, Value> =
                http::document(request).await.map_err(|why| unreachable(&format!("{address}: {why}")))?;
            // it might be of somebody else (OpenID Connect Core 1.0, 5.3.2)
            if more.get("sub") != claims.get("sub") {
                return Err(bad_token("what the provider knows is of another subject"));
            }
            for (name, value) in more {
                claims.entry(name).or_insert(value);
            }
        }
        Ok(self.person(&claims))
    }

    /// Makes tokens of the code.
    async fn exchange(&self, http: &Http, metadata: &Metadata, code: &str, waiting: &Waiting) -> Result<Tokens> {
        let back = self.address(CALLBACK);
        let id = self.settings.client_id.as_str();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", back.as_str()),
            ("code_verifier", waiting.verifier.as_str()),
        ];
        let mut request = http.client.post(metadata.token.clone());
        match &http.secret {
            Some(secret) if !metadata.secret_in_body => {
                request = request.basic_auth(encoded(id).as_str(), Some(encoded(secret).as_str()))
            }
            Some(secret) => form.extend([("client_id", id), ("client_secret", secret.as_str())]),
            None => form.push(("client_id", id)),
        }
        let answer = http::tokens(request.form(&form))
            .await
            .map_err(|why| unreachable(&format!("{}: {why}", metadata.token)))?;
        answer.map_err(|error| {
            let message = format!(
                "the OpenID provider gave no token ({error}): compare oidc.client_id, its secret and the redirect URI {back} with what \
                 is written there"
            );
            Error::new(ErrorKind::Unauthorized, "provider_error", message)
        })
    }

    /// What the token says, with new keys if none of those known signed it.
    async fn verified(&self, http: &Http, metadata: &Metadata, token: &str, nonce: &str) -> Result<Map<String, Value>> {
        let expected = Expected { issuer: &self.settings.issuer, client_id: &self.settings.client_id, nonce };
        let keys = self.provider.keys(http, metadata, Keys::Known).await?;
        let mut verdict = id_token::verify(token, &keys, &expected);
        if verdict == Err(Wrong::NoKey) {
            let keys = self.provider.keys(http, metadata, Keys::New).await?;
            verdict = id_token::verify(token, &keys, &expected);
        }
        verdict.map_err(|wrong| match wrong {
            Wrong::NoKey => bad_token("no key of the provider signed its token"),
            Wrong::Bad(why) => bad_token(&why),
        })
    }

    fn person(&self, claims: &Map<String, Value>) -> Person {
        let text = |name: &str| claims::find(claims, name).and_then(Value::as_str).map(str::to_owned);
        Person {
            issuer: self.settings.issuer.clone(),
            subject: text("sub").unwrap_or_default(),
            name: text(&self.settings.name_claim),
            role: self.role(claims),
            second_factor: claims::second_factor(claims),
        }
    }

    fn role(&self, claims: &Map<String, Value>) -> Option<Role> {
        self.settings.role_of(&claims::values(claims, &self.settings.role_claim))
    }
}

/// The page to go back to: one of ours, never another host.
pub fn page(to: &str) -> &str {
    let inside = to.starts_with('/') && !to.starts_with("//") && !to.contains('\\');
    let visible = to.bytes().all(|byte| byte.is_ascii_graphic());
    if inside && visible && to.len() <= LONGEST_PATH { to } else { "/" }
}

/// As a name and a secret are written for Basic authentication (RFC 6749, section 2.3.1).
fn encoded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(form_urlencoded::byte_serialize(text.as_bytes()).collect())
}

/// What a provider says, so that it can stand in a log: short, on one line.
pub fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(KEPT).collect()
}

/// The provider let them not in.
fn refused(error: &str) -> Error {
    let error = plain(error);
    let code = if error == "access_denied" { "access_denied" } else { "provider_error" };
    Error::new(ErrorKind::Unauthorized, code, format!("the OpenID provider refused the login: {error}"))
}

fn bad_token(why: &str) -> Error {
    Error::new(
        ErrorKind::Unauthorized,
        "bad_token",
        format!("what the OpenID provider says is not believed: {}", plain(why)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_ours_are_gone_back_to() {
        for ours in ["/", "/pools", "/tapes?q=A00&x=%20#top", "/a//b"] {
            assert_eq!(page(ours), ours);
        }
        let long = format!("/{}", "x".repeat(LONGEST_PATH));
        for others in [
            "",
            "pools",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil",
            "https://evil.example",
            "/a\r\nb",
            "/ä",
            "/\tx",
            &long,
        ] {
            assert_eq!(page(others), "/", "{others:?}");
        }
    }

    #[test]
    fn secrets_are_written_as_forms_are() {
        assert_eq!(encoded("a b:c+d/ä").as_str(), "a+b%3Ac%2Bd%2F%C3%A4");
    }
}
