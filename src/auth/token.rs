//! Logins: signed tokens (JWT, HS256) that are still checked against the database.
//!
//! The signature says that we made the token; the **generation** in it must be the user's present one. Changing the
//! password or the role, and logging out, raise it, and deleting the user leaves nothing to compare with: in each case
//! every token made before is dead at the next request.

use super::{Identity, Who, hmac, unauthorized};
use crate::config::Config;
use crate::db::users::{self, User};
use crate::db::{Conn, Role};
use crate::{Error, Result, keys};
use jsonwebtoken::errors::ErrorKind as JwtError;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

const ISSUER: &str = "tapebackarr";

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
        if !config.auth.jwt_secret.is_empty() {
            return Ok(Self::with_secret(config.auth.jwt_secret.as_bytes(), life_seconds));
        }
        let secret = keys::secret_file::read_or_create(&config.data_dir.join("token.key"))?;
        Ok(Self::with_secret(&*secret, life_seconds))
    }

    fn with_secret(secret: &[u8], life_seconds: i64) -> Tokens {
        hmac::install();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = 30;
        Tokens {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            life_seconds,
        }
    }

    /// A token for `user`, good from now on.
    pub fn issue(&self, user: &User) -> Result<String> {
        self.issue_at(user, chrono::Utc::now().timestamp())
    }

    fn issue_at(&self, user: &User, now: i64) -> Result<String> {
        let claims = Claims {
            user_id: user.id,
            username: user.username.clone(),
            role: user.role.to_string(),
            generation: user.token_generation,
            exp: now + self.life_seconds,
            iat: now,
            nbf: now,
            iss: ISSUER.into(),
            sub: user.id.to_string(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(|error| Error::internal(format!("cannot sign a token: {error}")))
    }

    /// A token as it would have been made in the past: for tests of what expires.
    #[cfg(test)]
    pub fn issue_expired(&self, user: &User) -> String {
        self.issue_at(user, chrono::Utc::now().timestamp() - self.life_seconds - 3600).unwrap()
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
            Ok(user) if user.token_generation == claims.generation => user,
            Ok(_) => return Err(invalid()),
            Err(error) if error.kind == crate::ErrorKind::NotFound => return Err(invalid()),
            Err(error) => return Err(error),
        };
        let role: Role = user.role;
        Ok(Identity { who: Who::User { id: user.id, username: user.username }, role })
    }
}

fn invalid() -> Error {
    unauthorized("invalid_token", "invalid token")
}
