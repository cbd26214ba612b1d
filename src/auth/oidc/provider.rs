//! The provider: where its parts are (OpenID Connect Discovery 1.0), which keys it signs with.
//!
//! Both are asked for when somebody logs in, never before, and kept for an hour. A failure is kept for some seconds, so that
//! neither a provider that is down nor people who try are in each other's way; and for keys that nobody knows it is asked once in
//! some seconds, whatever comes.

use super::http::{Http, document};
use crate::config::oidc::provider_url;
use crate::{Error, ErrorKind, Result};
use jsonwebtoken::jwk::Jwk;
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long is believed what the provider said of itself.
const BELIEVED: Duration = Duration::from_secs(3600);
/// A provider that failed is asked again after so long; so is one for its new keys.
const AGAIN: Duration = Duration::from_secs(5);

/// Where its parts are.
#[derive(Debug)]
pub struct Metadata {
    /// Where people are sent.
    pub authorization: Url,
    /// Where codes become tokens.
    pub token: Url,
    /// Its keys.
    pub keys: Url,
    /// What else it knows of people.
    pub userinfo: Option<Url>,
    /// Whether the secret must be in the body.
    pub secret_in_body: bool,
    /// Whether its answers say who it is (RFC 9207).
    pub names_itself: bool,
}

/// As it stands in the document.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// Which keys are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// Those that are known.
    Known,
    /// Others: none of those known fitted.
    New,
}

#[derive(Default)]
struct Cache {
    metadata: Option<(Arc<Metadata>, Instant)>,
    failed: Option<(Error, Instant)>,
    keys: Option<(Arc<Vec<Jwk>>, Instant)>,
}

/// What is known of the provider.
#[derive(Default)]
pub struct Provider(Mutex<Cache>);

impl Provider {
    /// Where its parts are.
    ///
    /// # Errors
    /// 503 `provider_unreachable`.
    pub async fn metadata(&self, http: &Http, issuer: &str) -> Result<Arc<Metadata>> {
        let mut cache = self.0.lock().await;
        if let Some((known, _)) = cache.metadata.as_ref().filter(|(_, at)| at.elapsed() < BELIEVED) {
            return Ok(known.clone());
        }
        if let Some((error, _)) = cache.failed.as_ref().filter(|(_, at)| at.elapsed() < AGAIN) {
            return Err(error.clone());
        }
        match discover(http, issuer).await {
            Ok(found) => {
                let found = Arc::new(found);
                cache.failed = None;
                cache.metadata = Some((found.clone(), Instant::now()));
                Ok(found)
            }
            Err(why) => Err(cache.failed(&why)),
        }
    }

    /// The keys it signs with.
    ///
    /// # Errors
    /// 503 `provider_unreachable`.
    pub async fn keys(&self, http: &Http, metadata: &Metadata, wanted: Keys) -> Result<Arc<Vec<Jwk>>> {
        let mut cache = self.0.lock().await;
        let enough = if wanted == Keys::New { AGAIN } else { BELIEVED };
        if let Some((known, _)) = cache.keys.as_ref().filter(|(_, at)| at.elapsed() < enough) {
            return Ok(known.clone());
        }
        match fetch_keys(http, metadata).await {
            Ok(found) => {
                let found = Arc::new(found);
                cache.keys = Some((found.clone(), Instant::now()));
                Ok(found)
            }
            Err(why) => Err(cache.failed(&why)),
        }
    }
}

impl Cache {
    /// Remembers that it failed: it may have said other things of itself by then.
    fn failed(&mut self, why: &str) -> Error {
        let error = unreachable(why);
        self.metadata = None;
        self.failed = Some((error.clone(), Instant::now()));
        error
    }
}

/// 503 with the reason.
pub fn unreachable(why: &str) -> Error {
    let message = format!("the OpenID provider cannot be used: {why}; `tapebackarr doctor` tells more");
    Error::new(ErrorKind::Unavailable, "provider_unreachable", super::plain(&message))
}

/// Asks the provider what it is.
///
/// # Errors
/// What is wrong, in words.
pub async fn discover(http: &Http, issuer: &str) -> Result<Metadata, String> {
    let base = provider_url(issuer)?;
    let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let found: Document = document(http.client.get(&address)).await.map_err(|why| format!("{address}: {why}"))?;
    if found.issuer != issuer {
        let name = super::plain(&found.issuer);
        return Err(format!(
            "it calls itself \"{name}\", and oidc.issuer is \"{issuer}\": they must be the same, to the letter"
        ));
    }
    // an encrypted provider has no parts that are not
    let part = |text: &str| {
        let url = provider_url(text)?;
        match base.scheme() == "https" && url.scheme() != "https" {
            true => Err(format!("\"{text}\" is not encrypted")),
            false => Ok(url),
        }
    };
    let methods = found.token_endpoint_auth_methods_supported;
    // without a word of it, "client_secret_basic" is meant (section 3)
    let has = |method: &str| methods.as_ref().is_some_and(|all| all.iter().any(|one| one == method));
    Ok(Metadata {
        authorization: part(&found.authorization_endpoint)?,
        token: part(&found.token_endpoint)?,
        keys: part(&found.jwks_uri)?,
        userinfo: found.userinfo_endpoint.as_deref().map(part).transpose()?,
        secret_in_body: has("client_secret_post") && !has("client_secret_basic"),
        names_itself: found.authorization_response_iss_parameter_supported,
    })
}

/// Asks for its keys; those of a kind that nobody knows are left out.
///
/// # Errors
/// What is wrong, in words.
pub async fn fetch_keys(http: &Http, metadata: &Metadata) -> Result<Vec<Jwk>, String> {
    let set: KeySet =
        document(http.client.get(metadata.keys.clone())).await.map_err(|why| format!("{}: {why}", metadata.keys))?;
    let keys: Vec<Jwk> = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
    match keys.is_empty() {
        true => Err(format!("{}: there are no keys that can be understood", metadata.keys)),
        false => Ok(keys),
    }
}
