//! Who is asking, and may they?
//!
//! * [`permissions`] is the one table of routes and the role each needs; the web layer asks it for every request;
//! * [`token`] makes and checks logins (JWT), [`api_key`] the keys of programs; both are held against the database on
//!   every request, so they die with their user, role or password;
//! * [`second_factor`] asks for a code beside the password;
//! * [`oidc`] lets people in whom an OpenID provider knows;
//! * [`password`] hashes, [`throttle`] slows guessing down, [`limits`] keeps floods away, [`setup`] lets the first administrator in.
//!
//! [`Auth`] ties them together.

pub mod api_key;
mod hmac;
pub mod identity;
pub mod limits;
pub mod login;
pub mod oidc;
pub mod password;
pub mod permissions;
mod public_key;
pub mod second_factor;
pub mod setup;
pub mod throttle;
pub mod token;
pub mod username;

pub use crate::db::Role;
pub use identity::{Credential, Identity, Who};

use crate::config::Config;
use crate::config::oidc::PasswordLogin;
use crate::db::Conn;
use crate::{Error, ErrorKind, Result};
use limits::RateLimits;
use oidc::SingleSignOn;
use password::Hasher;
use second_factor::Required;
use setup::Setup;
use std::net::IpAddr;
use std::sync::Arc;
use throttle::Throttle;
use token::Tokens;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Everything needed to know who is asking. One per server.
#[derive(Debug)]
pub struct Auth {
    /// Hashes and checks passwords.
    pub hasher: Hasher,
    /// Makes and checks logins.
    pub tokens: Tokens,
    /// Slows down guessing.
    pub throttle: Throttle,
    /// Keeps floods away.
    pub limits: RateLimits,
    /// Whose role must have a second factor.
    pub required: Required,
    /// Lets people in whom an OpenID provider knows; none: there is no provider.
    pub single_sign_on: Option<SingleSignOn>,
    /// Who may log in with a password.
    pub password_login: PasswordLogin,
    /// The one-time token of the first start.
    pub setup: Setup,
    hashing: Arc<Semaphore>,
}

impl Auth {
    /// Opens the secrets in the data folder (made at first start).
    pub fn open(config: &Config) -> Result<Auth> {
        Ok(Auth {
            hasher: Hasher::new(config.auth.bcrypt_cost, config.auth.min_password_length)?,
            tokens: Tokens::open(config)?,
            throttle: Throttle::new(&config.auth),
            limits: RateLimits::new(config.server.requests_per_second),
            required: Required::new(&config.auth.second_factor_roles),
            single_sign_on: SingleSignOn::new(&config.oidc),
            password_login: config.oidc.password_login(),
            setup: Setup::new(&config.data_dir),
            hashing: Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from))),
        })
    }

    /// Wait for the right to hash a password: a flood of logins must not take all threads that may block.
    pub async fn hashing_slot(&self) -> Result<OwnedSemaphorePermit> {
        let slot = self.hashing.clone().acquire_owned().await;
        slot.map_err(|_| Error::internal("the queue for logins is closed"))
    }

    /// Whether `token` may set this server up; wrong ones are slowed down per address.
    ///
    /// # Errors
    /// As [`Setup::check`], and 429.
    pub fn check_setup(&self, conn: &mut Conn, token: &str, from: Option<IpAddr>) -> Result<()> {
        let attempt = self.throttle.attempt(&format!("set-up from {from:?}"), from).map_err(login::too_many)?;
        let verdict = self.setup.check(conn, token);
        if verdict.as_ref().err().is_none_or(|error| error.kind != ErrorKind::Unauthorized) {
            attempt.succeeded();
        }
        verdict
    }

    /// Who presents `credential`? Reads the database each time: what was revoked there is dead at once.
    pub fn identify(&self, conn: &mut Conn, credential: &Credential) -> Result<Identity> {
        match credential {
            Credential::Token(token) => self.tokens.identify(conn, token),
            Credential::ApiKey(key) => api_key::identify(conn, key),
        }
    }
}

/// 401 in the words of the contract.
pub(crate) fn unauthorized(code: &'static str, message: &str) -> Error {
    Error::new(ErrorKind::Unauthorized, code, message)
}
