//! Second factors of users, and their recovery codes.

use super::schema::{recovery_codes, second_factors};
use super::time::now;
use super::{Conn, write_transaction};
use crate::db::returned::Returned;
use crate::{Error, Result};
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// What a user has beside the password.
#[derive(Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = second_factors)]
pub struct SecondFactor {
    /// Whose.
    pub user_id: i32,
    /// The secret of the app, sealed.
    pub secret: String,
    /// When the app showed that it has the secret; none: not yet, and it is not asked for.
    pub confirmed_at: Option<NaiveDateTime>,
    /// The half minute of the last code that was taken.
    pub last_step: Option<i64>,
    /// When it was made.
    pub created_at: NaiveDateTime,
}

/// That of a user, also if it is not confirmed.
pub fn find(conn: &mut Conn, user_id: i32) -> Result<Option<SecondFactor>> {
    Ok(second_factors::table.find(user_id).select(SecondFactor::as_select()).first(conn).optional()?)
}

/// That of a user which is asked for.
pub fn confirmed(conn: &mut Conn, user_id: i32) -> Result<Option<SecondFactor>> {
    Ok(find(conn, user_id)?.filter(|factor| factor.confirmed_at.is_some()))
}

/// Refuses a second one.
///
/// # Errors
/// 409 `second_factor_exists`.
pub fn must_not_exist(conn: &mut Conn, user_id: i32) -> Result<()> {
    if confirmed(conn, user_id)?.is_none() {
        return Ok(());
    }
    let message = "there is a second factor already: switch it off first, with the password and a code";
    Err(Error::conflict("second_factor_exists", message))
}

/// The users who have one that is asked for.
pub fn users(conn: &mut Conn) -> Result<Vec<i32>> {
    let on = second_factors::table.filter(second_factors::confirmed_at.is_not_null());
    Ok(on.select(second_factors::user_id).load(conn)?)
}

/// A new one that waits to be confirmed, in place of one that was not.
///
/// # Errors
/// 409 `second_factor_exists`.
pub fn begin(conn: &mut Conn, user_id: i32, sealed: &str) -> Result<()> {
    write_transaction(conn, |conn| {
        must_not_exist(conn, user_id)?;
        diesel::delete(second_factors::table.find(user_id)).execute(conn)?;
        let secret = sealed.to_owned();
        let new = SecondFactor { user_id, secret, confirmed_at: None, last_step: None, created_at: now() };
        diesel::insert_into(second_factors::table).values(&new).execute(conn)?;
        Ok(())
    })
}

/// From now on it is asked for; `step` is that of the code which confirmed it. False: it was confirmed before, or is gone.
pub fn confirm(conn: &mut Conn, user_id: i32, step: i64, code_hashes: &[String]) -> Result<bool> {
    write_transaction(conn, |conn| {
        let waiting = second_factors::table.find(user_id).filter(second_factors::confirmed_at.is_null());
        let set = (second_factors::confirmed_at.eq(now()), second_factors::last_step.eq(step));
        if diesel::update(waiting).set(set).execute(conn)? == 0 {
            return Ok(false);
        }
        replace_codes(conn, user_id, code_hashes)?;
        Ok(true)
    })
}

/// Takes the code of this half minute. False: that one, or a later one, was taken before.
pub fn take_step(conn: &mut Conn, user_id: i32, step: i64) -> Result<bool> {
    let unused = second_factors::last_step.is_null().or(second_factors::last_step.lt(step));
    let row = second_factors::table.find(user_id).filter(unused);
    Ok(diesel::update(row).set(second_factors::last_step.eq(step)).execute(conn)? == 1)
}

/// Takes a recovery code. False: there is none with this hash.
pub fn take_code(conn: &mut Conn, user_id: i32, code_hash: &str) -> Result<bool> {
    let row =
        recovery_codes::table.filter(recovery_codes::user_id.eq(user_id).and(recovery_codes::code_hash.eq(code_hash)));
    Ok(diesel::delete(row).execute(conn)? > 0)
}

/// How many recovery codes are left.
pub fn codes_left(conn: &mut Conn, user_id: i32) -> Result<i64> {
    Ok(recovery_codes::table.filter(recovery_codes::user_id.eq(user_id)).count().returned(conn)?)
}

/// New recovery codes in place of the old ones.
pub fn set_codes(conn: &mut Conn, user_id: i32, code_hashes: &[String]) -> Result<()> {
    write_transaction(conn, |conn| replace_codes(conn, user_id, code_hashes))
}

fn replace_codes(conn: &mut Conn, user_id: i32, code_hashes: &[String]) -> Result<()> {
    diesel::delete(recovery_codes::table.filter(recovery_codes::user_id.eq(user_id))).execute(conn)?;
    for hash in code_hashes {
        let row = (recovery_codes::user_id.eq(user_id), recovery_codes::code_hash.eq(hash));
        diesel::insert_into(recovery_codes::table).values(row).execute(conn)?;
    }
    Ok(())
}

/// Takes it away, with its recovery codes. False: there was none.
pub fn remove(conn: &mut Conn, user_id: i32) -> Result<bool> {
    Ok(diesel::delete(second_factors::table.find(user_id)).execute(conn)? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Role, testing, users as people};

    #[test]
    fn steps_and_codes_are_taken_once_and_all_goes_with_the_user() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let ann = people::insert(conn, "ann", "x", Role::Admin).expect("ann").id;
        people::insert(conn, "bob", "x", Role::Admin).expect("bob");
        begin(conn, ann, "first").expect("begin");
        begin(conn, ann, "second").expect("begin anew");
        assert_eq!(confirmed(conn, ann).expect("find").map(|factor| factor.secret), None);
        let hashes = ["a".to_owned(), "b".to_owned()];
        assert!(confirm(conn, ann, 100, &hashes).expect("confirm"));
        assert!(!confirm(conn, ann, 101, &hashes).expect("confirm twice"));
        assert_eq!(begin(conn, ann, "third").expect_err("there is one").code, "second_factor_exists");
        assert_eq!(users(conn).expect("users"), [ann]);
        assert!(!take_step(conn, ann, 100).expect("the one that confirmed"));
        assert!(take_step(conn, ann, 101).expect("next"));
        assert!(!take_step(conn, ann, 101).expect("again") && !take_step(conn, ann, 99).expect("an older one"));
        assert!(take_code(conn, ann, "a").expect("code") && !take_code(conn, ann, "a").expect("code again"));
        assert_eq!(codes_left(conn, ann).expect("left"), 1);
        set_codes(conn, ann, &["c".to_owned(), "d".to_owned()]).expect("new codes");
        assert!(!take_code(conn, ann, "b").expect("an old code"));
        people::delete(conn, ann).expect("delete");
        assert_eq!((find(conn, ann).expect("gone").is_none(), codes_left(conn, ann).expect("gone")), (true, 0));
    }
}
