//! Which time is believed where data is let go.
//!
//! A clock that is years ahead, because a battery died or somebody mistyped a year, would let everything expire, and tapes be
//! written anew. So the server remembers until when it has seen the time go by ([`look`]), and what lies further ahead than a
//! server may have been switched off for a week is not believed for that, until the kernel says that the clock is kept right,
//! or a person does ([`believe`]). Everything else goes by the clock as it is.

use crate::Result;
use crate::db::{self, Conn, clock};
use chrono::{NaiveDateTime, TimeDelta};

/// How far ahead of the last look a clock is believed that nobody vouches for.
const AHEAD: TimeDelta = TimeDelta::days(7);
/// A look is stored if it is this far from the stored one.
const STEP: TimeDelta = TimeDelta::hours(1);

/// A clock that is too far ahead to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt {
    /// Until when the time was seen to go by.
    pub believed: NaiveDateTime,
    /// What the clock says.
    pub shown: NaiveDateTime,
}

impl Doubt {
    fn of(believed: Option<NaiveDateTime>, shown: NaiveDateTime) -> Option<Doubt> {
        let believed = believed?;
        (shown.signed_duration_since(believed) > AHEAD).then_some(Doubt { believed, shown })
    }

    /// Until when data expires meanwhile.
    fn limit(&self) -> NaiveDateTime {
        self.believed.checked_add_signed(AHEAD).unwrap_or(self.believed)
    }
}

/// Looks at the clock: it shows this time, and the kernel says whether it is kept right ([`synchronised`]).
pub fn look(conn: &mut Conn, shown: NaiveDateTime, synchronised: Option<bool>) -> Result<Option<Doubt>> {
    let believed = clock::believed(conn)?;
    let doubt = Doubt::of(believed, shown).filter(|_| synchronised != Some(true));
    let near = |believed: NaiveDateTime| (shown - believed).abs() < STEP;
    if doubt.is_none() && !believed.is_some_and(near) {
        clock::believe(conn, shown)?;
    }
    Ok(doubt)
}

/// The time up to which what expires has expired: now, if that is believed.
pub fn for_expiry(conn: &mut Conn) -> Result<NaiveDateTime> {
    Ok(doubt(conn)?.map_or_else(db::now, |doubt| doubt.limit()))
}

/// Whether the clock is ahead of what is believed, as of the last look.
pub fn doubt(conn: &mut Conn) -> Result<Option<Doubt>> {
    Ok(Doubt::of(clock::believed(conn)?, db::now()))
}

/// A person says that the clock is right.
pub fn believe(conn: &mut Conn) -> Result<()> {
    clock::believe(conn, db::now())
}

/// Whether the clock is kept right, by what the kernel says (adjtimex(2): `TIME_ERROR` while it is not synchronised). None: it
/// does not say.
pub fn synchronised() -> Option<bool> {
    // SAFETY: all zeroes is a valid value; with `modes` zero the call only reads
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is that of a live value of the right type
    match unsafe { libc::adjtimex(&raw mut state) } {
        -1 => None,
        said => Some(said != libc::TIME_ERROR && state.status & libc::STA_UNSYNC == 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    #[test]
    fn a_clock_far_ahead_is_believed_only_if_somebody_vouches_for_it() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let begin = db::now();
        assert_eq!(doubt(conn).unwrap(), None, "a new server has nothing else to go by");
        for (days, synchronised, doubted, what) in [
            (0, None, false, "the first look"),
            (6, Some(false), false, "off for a few days"),
            (13, None, false, "and again"),
            (20, Some(false), false, "a week is not too far"),
            (28, Some(false), true, "more is"),
            (30, None, true, "and time that goes by does not make it better"),
            (400, Some(false), true, "still"),
            (401, Some(true), false, "the kernel says that it is right"),
            (402, Some(false), false, "from there on"),
            (-20_000, Some(false), false, "a dead battery"),
            (402, Some(false), true, "which makes all that comes after doubtful"),
            (402, Some(true), false, "until somebody sets the clock"),
        ] {
            let shown = begin + TimeDelta::days(days);
            assert_eq!(look(conn, shown, synchronised).unwrap().is_some(), doubted, "{what}");
        }
    }

    #[test]
    fn what_expires_waits_for_a_person_if_the_clock_is_far_ahead() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let seen = db::now() - TimeDelta::days(100);
        assert_eq!(look(conn, seen, None).unwrap(), None);
        assert_eq!(doubt(conn).unwrap().map(|doubt| doubt.believed), Some(seen));
        assert_eq!(for_expiry(conn).unwrap(), seen + TimeDelta::days(7));
        believe(conn).unwrap();
        assert_eq!(doubt(conn).unwrap(), None);
        assert!(for_expiry(conn).unwrap() > seen + TimeDelta::days(99));
    }
}
