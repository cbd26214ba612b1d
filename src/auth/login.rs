//! Logging in with a password, and checking one's own.

use super::second_factor::Shown;
use super::{Auth, unauthorized};
use crate::db::users::{self, User};
use crate::db::{Conn, DbPool};
use crate::keys::KeyStore;
use crate::{Error, ErrorKind, Result};
use serde_json::json;
use std::net::IpAddr;
use std::time::Duration;

impl Auth {
    /// Who `username` with `password`, and a code where there is a second factor, is. Slow on purpose: not on a thread that must
    /// not block. No database connection is held while the password is checked, or a flood of logins would take them all.
    ///
    /// # Errors
    /// 401 `invalid_credentials` (also for unknown users, after as long a time); `totp_required` and `totp_wrong`, only where the
    /// password is right; 403 `user_disabled`, `password_login_off`, only where all is right; 429 `too_many_attempts`.
    /// `locked` is called when this is the guess too many that people should be told of.
    pub fn log_in(
        &self,
        pool: &DbPool,
        keys: &KeyStore,
        (username, password, code): (&str, &str, Option<&str>),
        from: Option<IpAddr>,
        locked: impl FnOnce(&str, Option<IpAddr>),
    ) -> Result<(User, Shown)> {
        let attempt = self.throttle.attempt(username, from).map_err(too_many)?;
        let user = users::find_by_name(&mut *pool.get()?, username)?;
        let right = self.hasher.verify(password, user.as_ref().and_then(User::hash));
        let Some(user) = user.filter(|_| right) else {
            if attempt.failed() {
                locked(username, from);
            }
            return Err(unauthorized("invalid_credentials", "invalid credentials"));
        };
        let shown = match Auth::check_code(&mut *pool.get()?, keys, user.id, code) {
            Ok(shown) => shown,
            Err(error) => {
                if error.code == "totp_required" {
                    attempt.withdraw();
                } else if attempt.failed() {
                    locked(username, from);
                }
                return Err(error);
            }
        };
        attempt.succeeded();
        if user.disabled_at.is_some() {
            let message = "this user was disabled by an administrator of this server";
            return Err(Error::new(ErrorKind::Forbidden, "user_disabled", message));
        }
        if !self.password_login.allows(user.role) {
            let message = "passwords are not taken for this user (oidc.password_login): log in with the provider";
            return Err(Error::new(ErrorKind::Forbidden, "password_login_off", message));
        }
        users::logged_in(&mut *pool.get()?, user.id)?;
        Ok((user, shown))
    }

    /// Replace the password of user `id` if `old` is the present one; all logins of the user end.
    ///
    /// # Errors
    /// 400 `bad_password` (the new one), 401 `wrong_password` (the old one), 409 `no_password`, 429.
    pub fn change_password(&self, conn: &mut Conn, id: i32, old: &str, new: &str, from: Option<IpAddr>) -> Result<()> {
        let user = users::find(conn, id)?;
        check_has_password(&user)?;
        let attempt = self.throttle.attempt(&user.username, from).map_err(too_many)?;
        if !self.hasher.verify(old, user.hash()) {
            return Err(unauthorized("wrong_password", "current password is incorrect"));
        }
        attempt.succeeded();
        users::set_password(conn, id, &self.hasher.hash(new)?)?;
        Ok(())
    }
}

/// Whoever logs in with the provider has no password here, and its second factor.
pub(super) fn check_has_password(user: &User) -> Result<()> {
    if user.has_password() {
        return Ok(());
    }
    let message = "you log in with the provider: password and second factor are kept there, not on this server";
    Err(Error::conflict("no_password", message))
}

pub(crate) fn too_many(wait: Duration) -> Error {
    let seconds = wait.as_secs() + 1;
    let message = format!("too many failed logins: try again in {seconds} seconds");
    Error::new(ErrorKind::TooMany, "too_many_attempts", message).with_details(json!({"retry_after_seconds": seconds}))
}
