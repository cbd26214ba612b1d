//! Logins that are at the provider now: what was asked, by which browser. Each is taken once.

use crate::auth::throttle::network_of;
use crate::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How long somebody may take at the provider.
pub const PATIENCE: Duration = Duration::from_secs(600);
/// So many may wait at once; the oldest is forgotten first.
const MOST: usize = 10_000;
/// So many of one address, or nobody else could log in.
const MOST_OF_ONE: usize = 200;

/// A login that waits for its answer.
#[derive(Clone)]
pub struct Waiting {
    /// What the token must repeat.
    pub nonce: String,
    /// What proves to the provider that it was us who asked (PKCE).
    pub verifier: Zeroizing<String>,
    /// The page to go to.
    pub to: String,
    browser: [u8; 32],
    network: Option<IpAddr>,
    until: Instant,
}

/// What the browser and the provider are told.
pub struct Begun {
    /// Comes back with the answer.
    pub state: String,
    /// For a cookie of this browser alone.
    pub browser: String,
    /// For the token.
    pub nonce: String,
    /// The hash of what will prove that it was us (PKCE, S256).
    pub challenge: String,
}

/// Those that wait.
#[derive(Default)]
pub struct Pending(Mutex<HashMap<String, Waiting>>);

impl Pending {
    /// Somebody goes to the provider, and will want to see the page `to`.
    pub fn begin(&self, to: &str, from: Option<IpAddr>) -> Result<Begun> {
        self.begin_at(to, from, Instant::now())
    }

    fn begin_at(&self, to: &str, from: Option<IpAddr>, now: Instant) -> Result<Begun> {
        let verifier = Zeroizing::new(random()?);
        let challenge = URL_SAFE_NO_PAD.encode(openssl::sha::sha256(verifier.as_bytes()));
        let begun = Begun { state: random()?, browser: random()?, nonce: random()?, challenge };
        let waiting = Waiting {
            nonce: begun.nonce.clone(),
            verifier,
            to: to.to_owned(),
            browser: openssl::sha::sha256(begun.browser.as_bytes()),
            network: from.map(network_of),
            until: now + PATIENCE,
        };
        let mut all = self.lock();
        all.retain(|_, waiting| waiting.until > now);
        let network = waiting.network;
        forget_beyond(&mut all, MOST_OF_ONE, |other| other.network == network);
        forget_beyond(&mut all, MOST, |_| true);
        all.insert(begun.state.clone(), waiting);
        Ok(begun)
    }

    /// The login that this browser began with this state. There is no second time.
    pub fn take(&self, state: &str, browser: &str) -> Option<Waiting> {
        self.take_at(state, browser, Instant::now())
    }

    fn take_at(&self, state: &str, browser: &str, now: Instant) -> Option<Waiting> {
        let browser = openssl::sha::sha256(browser.as_bytes());
        let mut all = self.lock();
        all.get(state).filter(|waiting| openssl::memcmp::eq(&waiting.browser, &browser))?;
        all.remove(state).filter(|waiting| waiting.until > now)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Waiting>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Makes room for one more among those that are `counted`.
fn forget_beyond(all: &mut HashMap<String, Waiting>, most: usize, counted: impl Fn(&Waiting) -> bool) {
    if all.values().filter(|waiting| counted(waiting)).count() < most {
        return;
    }
    let oldest = all.iter().filter(|(_, waiting)| counted(waiting)).min_by_key(|(_, waiting)| waiting.until);
    if let Some(state) = oldest.map(|(state, _)| state.clone()) {
        all.remove(&state);
    }
}

/// 256 random bits for addresses and cookies.
fn random() -> Result<String> {
    let mut bytes = Zeroizing::new([0; 32]);
    openssl::rand::rand_bytes(&mut *bytes)
        .map_err(|error| Error::internal(format!("no randomness for a login: {error}")))?;
    Ok(URL_SAFE_NO_PAD.encode(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_taken_once_by_its_own_browser_and_in_time() {
        let pending = Pending::default();
        let now = Instant::now();
        let one = pending.begin_at("/pools", None, now).unwrap();
        let other = pending.begin_at("/", None, now).unwrap();
        assert!(pending.take_at(&one.state, &other.browser, now).is_none(), "another browser");
        assert!(pending.take_at("", "", now).is_none());
        let waiting = pending.take_at(&one.state, &one.browser, now).unwrap();
        assert_eq!((waiting.to.as_str(), &waiting.nonce), ("/pools", &one.nonce));
        assert_eq!(one.challenge, URL_SAFE_NO_PAD.encode(openssl::sha::sha256(waiting.verifier.as_bytes())));
        assert!(pending.take_at(&one.state, &one.browser, now).is_none(), "again");
        assert!(pending.take_at(&other.state, &other.browser, now + PATIENCE).is_none(), "too late");
    }

    #[test]
    fn whoever_begins_many_forgets_their_own() {
        let pending = Pending::default();
        let now = Instant::now();
        let theirs = pending.begin("/", Some(IpAddr::from([10, 0, 0, 2]))).unwrap();
        let address = Some(IpAddr::from([10, 0, 0, 1]));
        let first = pending.begin_at("/", address, now).unwrap();
        for n in 0..u64::try_from(MOST_OF_ONE).unwrap() {
            pending.begin_at("/", address, now + Duration::from_millis(n + 1)).unwrap();
        }
        assert_eq!(pending.lock().len(), MOST_OF_ONE + 1);
        assert!(pending.take(&first.state, &first.browser).is_none());
        assert!(pending.take(&theirs.state, &theirs.browser).is_some());
    }
}
