//! Logins: signed tokens (JWT, HS256) that are still checked against the database.
//!
//! The signature says that we made the token; the **generation** in it must be the user's present one. Changing the
//! password or the role, and logging out, raise it, and deleting the user leaves nothing to compare with: in each case
//! every token made before is dead at the next request. Each login of a person is a row of `sessions`, too, whose id is in
//! the token: it ends by its own time, when it was not used for long, or because somebody ended it.

use super::{Identity, Who, hmac, unauthorized};
use crate::config::Config;
use crate::db::sessions::{self, Session};
use crate::db::users::{self, User};
use crate::db::{Conn, Role, now};
use crate::{Error, Result, keys};
use chrono::TimeDelta;
use jsonwebtoken::errors::ErrorKind as JwtError;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

const ISSUER: &str = "tapebackarr";
/// Life of a token that is made for one deed, in seconds; it needs no session.
const MOMENT: i64 = 120;
/// A clock may be set back by so many seconds without making tokens invalid that were just made.
const SLACK: i64 = 30;
/// So much of what a client calls itself is kept.
const MOST_CLIENT: usize = 200;

/// What a token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// The user's id.
    pub user_id: i32,
    /// The user's name when it was made: for clients; never believed here.
    pub username: String,
    /// The user's role when it was made: for clients; never believed here.
    pub role: String,
    /// The user's token generation when it was made.
    #[serde(rename = "gen")]
    pub generation: i32,
    /// The login, if it is one of a person.
    #[serde(default, rename = "sid", skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Dead from then on, seconds since 1970.
    pub exp: i64,
    /// Made then.
    pub iat: i64,
    /// Not good before.
    pub nbf: i64,
    /// Who made it: us.
    pub iss: String,
    /// The user's id as text.
    pub sub: String,
}

/// Makes and checks tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    life_seconds: i64,
    idle: Option<TimeDelta>,
}

/// Who wants to log in, as far as that can be seen.
#[derive(Debug, Clone, Default)]
pub struct Device {
    /// What it calls itself.
    pub client: String,
    /// From where.
    pub address: Option<IpAddr>,
}

/// Who let somebody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// This server, for a password.
    Password,
    /// The OpenID provider.
    Provider,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("life_seconds", &self.life_seconds).finish_non_exhaustive()
    }
}

impl Tokens {
    /// With the configured secret, or the one in the data folder (made at first start).
    pub fn open(config: &Config) -> Result<Tokens> {
        let life_seconds = i64::from(config.auth.token_hours) * 3600;
        let idle = Some(config.auth.idle_minutes).filter(|minutes| *minutes > 0);
        let idle = idle.map(|minutes| TimeDelta::minutes(i64::from(minutes)));
        if !config.auth.jwt_secret.is_empty() {
            return Ok(Self::with_secret(config.auth.jwt_secret.as_bytes(), life_seconds, idle));
        }
        let secret = keys::secret_file::read_or_create(&config.data_dir.join("token.key"))?;
        Ok(Self::with_secret(&*secret, life_seconds, idle))
    }

    fn with_secret(secret: &[u8], life_seconds: i64, idle: Option<TimeDelta>) -> Tokens {
        hmac::install();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation.validate_nbf = true;
        // it would be taken off the time, which panics in the first seconds of 1970, where a clock without a battery begins
        validation.leeway = 0;
        Tokens {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            life_seconds,
            idle,
        }
    }

    /// How long a login is good, in seconds.
    pub fn life_seconds(&self) -> u64 {
        self.life_seconds.unsigned_abs()
    }

    /// After how long without use a login ends; none: never.
    pub fn idle(&self) -> Option<TimeDelta> {
        self.idle
    }

    /// A login of `user` on `device`, good from now on.
    pub fn log_in(&self, conn: &mut Conn, user: &User, device: Device, by: By) -> Result<String> {
        let time = now();
        let printable = device.client.chars().filter(|c| !c.is_control());
        let session = Session {
            id: uuid::Uuid::new_v4().simple().to_string(),
            user_id: user.id,
            client: printable.take(MOST_CLIENT).collect(),
            ip_address: device.address.map(|address| address.to_string()),
            created_at: time,
            last_used_at: time,
            expires_at: time + TimeDelta::seconds(self.life_seconds),
            by_provider: by == By::Provider,
        };
        sessions::insert(conn, &session)?;
        self.issue(user, Some(session.id), chrono::Utc::now().timestamp(), self.life_seconds)
    }

    /// A token for a deed of the server itself in the name of `user`, good for two minutes.
    pub fn for_a_moment(&self, user: &User) -> Result<String> {
        self.issue(user, None, chrono::Utc::now().timestamp(), MOMENT)
    }

    fn issue(&self, user: &User, session: Option<String>, now: i64, life: i64) -> Result<String> {
        let claims = Claims {
            user_id: user.id,
            username: user.username.clone(),
            role: user.role.to_string(),
            generation: user.token_generation,
            session,
            exp: now + life,
            iat: now,
            nbf: (now - SLACK).max(0),
            iss: ISSUER.into(),
            sub: user.id.to_string(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(|error| Error::internal(format!("cannot sign a token: {error}")))
    }

    /// A token as it would have been made in the past: for tests of what expires.
    #[cfg(test)]
    pub fn issue_expired(&self, user: &User) -> String {
        self.issue(
            user,
            Some("old".into()),
            chrono::Utc::now().timestamp() - self.life_seconds - 3600,
            self.life_seconds,
        )
        .unwrap()
    }

    /// Whose login this is.
    ///
    /// # Errors
    /// 401 `invalid_token` or `token_expired`.
    pub fn identify(&self, conn: &mut Conn, token: &str) -> Result<Identity> {
        let claims: Claims = jsonwebtoken::decode(token, &self.decoding, &self.validation)
            .map_err(|error| match error.kind() {
                JwtError::ExpiredSignature => unauthorized("token_expired", "token expired"),
                _ => invalid(),
            })?
            .claims;
        let user = match users::find(conn, claims.user_id) {
            Ok(user) if user.token_generation == claims.generation && user.disabled_at.is_none() => user,
            Ok(_) => return Err(invalid()),
            Err(error) if error.kind == crate::ErrorKind::NotFound => return Err(invalid()),
            Err(error) => return Err(error),
        };
        match &claims.session {
            Some(id) => self.use_session(conn, &user, id)?,
            None if claims.exp.saturating_sub(claims.iat) <= MOMENT => {}
            None => return Err(invalid()),
        }
        let role: Role = user.role;
        Ok(Identity { who: Who::User { id: user.id, username: user.username }, role, session: claims.session })
    }

    fn use_session(&self, conn: &mut Conn, user: &User, id: &str) -> Result<()> {
        let session = sessions::find(conn, id)?.filter(|session| session.user_id == user.id).ok_or_else(invalid)?;
        let time = now();
        let idle = self.idle.is_some_and(|idle| time - session.last_used_at >= idle);
        if idle || session.expires_at <= time {
            return Err(unauthorized("token_expired", "token expired"));
        }
        sessions::used(conn, &session)
    }
}

fn invalid() -> Error {
    unauthorized("invalid_token", "invalid token")
}
