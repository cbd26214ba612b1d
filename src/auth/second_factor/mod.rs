//! The second factor: something that a user has beside the password. An app shows codes ([`totp`]); [`recovery`] codes on paper
//! help whoever has lost it.
//!
//! Its secret is in the database only sealed with the master key; of recovery codes there are hashes. A code is taken once: the
//! database remembers the last half minute, and forgets a recovery code that was used. Wrong codes count as wrong passwords do.

pub mod recovery;
pub mod totp;

use super::{Auth, Identity, Role, login, unauthorized};
use crate::db::second_factors::{self, SecondFactor};
use crate::db::sessions;
use crate::db::users::{self, User};
use crate::db::{Conn, write_transaction};
use crate::keys::KeyStore;
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeSet;
use std::net::IpAddr;
use totp::Secret;
use zeroize::Zeroizing;

/// What was shown beside the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Nothing: the user has no second factor.
    Nothing,
    /// A code of the app.
    Code,
    /// A recovery code; so many are left.
    Recovery(i64),
}

/// A second factor that waits to be confirmed: for the app.
pub struct Enrolment {
    /// To be typed into the app.
    pub secret: Zeroizing<String>,
    /// To be read by the app: `otpauth://…`.
    pub uri: Zeroizing<String>,
}

/// Whose role must have one.
#[derive(Debug, Clone, Default)]
pub struct Required(BTreeSet<Role>);

impl Required {
    /// As configured.
    pub fn new(roles: &[Role]) -> Required {
        Required(roles.iter().copied().collect())
    }

    /// Whether users of this role must have one.
    pub fn of(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// An error if whoever asks is a person who must have one and has none. What was given to programs (API keys, and the
    /// tokens of the server's own deeds) is not asked; of whom the provider let in it was looked at then.
    ///
    /// # Errors
    /// 403 `second_factor_required`.
    pub fn check(&self, conn: &mut Conn, identity: &Identity) -> Result<()> {
        let person = identity.user_id().filter(|_| identity.session.is_some() && self.of(identity.role));
        let Some(id) = person else { return Ok(()) };
        let session = identity.session.as_deref().map(|id| sessions::find(conn, id)).transpose()?.flatten();
        if session.is_some_and(|session| session.by_provider) || second_factors::confirmed(conn, id)?.is_some() {
            return Ok(());
        }
        let message = "your role needs a second factor (auth.second_factor_roles): set it up first, in the web interface or with \
                       `tapebackarr second-factor enable`";
        Err(Error::new(ErrorKind::Forbidden, "second_factor_required", message))
    }
}

impl Auth {
    /// Whether `code` is one of the user's, and takes it; for a user without a second factor nothing is asked.
    ///
    /// # Errors
    /// 401 `totp_required` without a code, `totp_wrong`; 500 `second_factor_damaged`.
    pub(super) fn check_code(conn: &mut Conn, keys: &KeyStore, user_id: i32, code: Option<&str>) -> Result<Shown> {
        let Some(factor) = second_factors::confirmed(conn, user_id)? else { return Ok(Shown::Nothing) };
        let code: String = code.unwrap_or_default().trim().to_owned();
        if code.is_empty() {
            let message = "the password is right; now a code of the app is needed, or a recovery code (field \"code\")";
            return Err(unauthorized("totp_required", message));
        }
        if let Some(hash) = recovery::hash(&code) {
            if second_factors::take_code(conn, user_id, &hash)? {
                return Ok(Shown::Recovery(second_factors::codes_left(conn, user_id)?));
            }
        } else if let Some(step) = step_of(keys, &factor, &code)?
            && second_factors::take_step(conn, user_id, step)?
        {
            return Ok(Shown::Code);
        }
        let message = "this code is wrong, or was used before: wait for the next one; the clocks of this server and of the device \
                       with the app must agree to half a minute";
        Err(unauthorized("totp_wrong", message))
    }

    /// Checks the password of the user who asks, and the code if there is a second factor; wrong ones are slowed down as at the
    /// login.
    ///
    /// # Errors
    /// 401 `wrong_password`, and those of the code; 409 `no_password`; 429.
    fn check_both(
        &self,
        conn: &mut Conn,
        keys: &KeyStore,
        id: i32,
        password: &str,
        code: Option<&str>,
        from: Option<IpAddr>,
    ) -> Result<User> {
        let user = users::find(conn, id)?;
        login::check_has_password(&user)?;
        let attempt = self.throttle.attempt(&user.username, from).map_err(login::too_many)?;
        if !self.hasher.verify(password, user.hash()) {
            return Err(unauthorized("wrong_password", "current password is incorrect"));
        }
        match Auth::check_code(conn, keys, id, code) {
            Ok(_) => attempt.succeeded(),
            Err(error) => {
                if error.code == "totp_required" {
                    attempt.withdraw();
                }
                return Err(error);
            }
        }
        Ok(user)
    }

    /// Begins: a new secret that is asked for once it is confirmed.
    ///
    /// # Errors
    /// 401 `wrong_password`, 409 `second_factor_exists`, `no_password`, 429.
    pub fn enrol(
        &self,
        conn: &mut Conn,
        keys: &KeyStore,
        id: i32,
        password: &str,
        from: Option<IpAddr>,
    ) -> Result<Enrolment> {
        second_factors::must_not_exist(conn, id)?;
        let user = self.check_both(conn, keys, id, password, None, from)?;
        let secret = Secret::generate()?;
        second_factors::begin(conn, id, &keys.seal(&purpose(id), secret.bytes())?)?;
        let host = hostname::get().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
        Ok(Enrolment { secret: secret.text(), uri: secret.uri(&format!("{}@{host}", user.username)) })
    }

    /// The app has the secret: from now on a code is asked for. Other logins of the user end. The answer is the recovery codes.
    ///
    /// # Errors
    /// 401 `totp_wrong`, 409 `not_enrolling`, 429.
    pub fn confirm_second_factor(
        &self,
        conn: &mut Conn,
        keys: &KeyStore,
        id: i32,
        code: &str,
        session: Option<&str>,
        from: Option<IpAddr>,
    ) -> Result<Vec<String>> {
        let user = users::find(conn, id)?;
        let none = || Error::conflict("not_enrolling", "no second factor waits to be confirmed: begin anew");
        let factor = second_factors::find(conn, id)?.filter(|factor| factor.confirmed_at.is_none()).ok_or_else(none)?;
        let attempt = self.throttle.attempt(&user.username, from).map_err(login::too_many)?;
        let Some(step) = step_of(keys, &factor, code.trim())? else {
            let message = "this is not the code that the app should show now: look again, and whether the clocks agree";
            return Err(unauthorized("totp_wrong", message));
        };
        attempt.succeeded();
        let codes = recovery::generate()?;
        let hashes = hashes(&codes);
        write_transaction(conn, |conn| {
            if !second_factors::confirm(conn, id, step, &hashes)? {
                return Err(none());
            }
            sessions::end_others(conn, id, session)
        })?;
        Ok(codes)
    }

    /// New recovery codes in place of the old ones.
    ///
    /// # Errors
    /// 401 `wrong_password`, `totp_required`, `totp_wrong`; 409 `no_second_factor`; 429.
    pub fn new_recovery_codes(
        &self,
        conn: &mut Conn,
        keys: &KeyStore,
        id: i32,
        proof: &Proof,
        from: Option<IpAddr>,
    ) -> Result<Vec<String>> {
        self.check_both(conn, keys, id, &proof.password, proof.code.as_deref(), from)?;
        if second_factors::confirmed(conn, id)?.is_none() {
            return Err(none());
        }
        let codes = recovery::generate()?;
        second_factors::set_codes(conn, id, &hashes(&codes))?;
        Ok(codes)
    }

    /// Switches it off.
    ///
    /// # Errors
    /// As [`Auth::new_recovery_codes`].
    pub fn disable_second_factor(
        &self,
        conn: &mut Conn,
        keys: &KeyStore,
        id: i32,
        proof: &Proof,
        from: Option<IpAddr>,
    ) -> Result<()> {
        self.check_both(conn, keys, id, &proof.password, proof.code.as_deref(), from)?;
        match second_factors::remove(conn, id)? {
            true => Ok(()),
            false => Err(none()),
        }
    }
}

/// What somebody shows who wants to change their own second factor.
pub struct Proof {
    /// The password.
    pub password: String,
    /// A code of the app, or a recovery code.
    pub code: Option<String>,
}

fn none() -> Error {
    Error::conflict("no_second_factor", "there is no second factor")
}

/// What its secret is sealed for: it cannot be moved to another user.
fn purpose(user_id: i32) -> String {
    format!("second factor of user {user_id}")
}

fn hashes(codes: &[String]) -> Vec<String> {
    codes.iter().filter_map(|code| recovery::hash(code)).collect()
}

fn step_of(keys: &KeyStore, factor: &SecondFactor, typed: &str) -> Result<Option<i64>> {
    let opened = keys.open_sealed(&purpose(factor.user_id), &factor.secret).ok_or_else(|| {
        let message = "the secret of this second factor cannot be opened with the master key of this server: use a recovery code, or \
                       let an administrator reset it";
        Error::new(ErrorKind::Internal, "second_factor_damaged", message)
    })?;
    let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    Secret::from_bytes(opened).step_of(&typed, chrono::Utc::now().timestamp())
}
