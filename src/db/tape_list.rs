//! Tapes as lists show them: filtered, in any order, a page at a time.

use super::kinds::TapeStatus;
use super::schema::{tape_pools, tapes};
use super::tapes::{Tape, TapeListed};
use super::text_enum::text_enum;
use super::{Conn, Direction, Page};
use crate::Result;
use diesel::dsl::{IntoBoxed, LeftJoin};
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

/// Which tapes a list is to show; absent conditions do not matter.
#[derive(Debug, Clone, Default)]
pub struct TapeFilter {
    /// Of this pool.
    pub pool_id: Option<i32>,
    /// In one of these states.
    pub statuses: Option<Vec<TapeStatus>>,
    /// Recorded as lost, or not.
    pub lost: Option<bool>,
    /// Label or barcode contains this, whatever the case.
    pub text: Option<String>,
}

text_enum!(
    /// What a list of tapes is sorted by.
    TapeOrder {
        /// Its name.
        Label = "label",
        /// What is printed on it.
        Barcode = "barcode",
        /// Name of its pool.
        Pool = "pool",
        /// Where it is in its life.
        Status = "status",
        /// Bytes on it.
        Used = "used",
        /// When it was last written.
        Written = "written",
        /// When it was last read and compared.
        Verified = "verified",
        /// How many sets were begun on it.
        Writes = "writes",
    }
);

/// The tapes that fit, with their pools, in no order.
fn fitting(filter: &TapeFilter) -> IntoBoxed<'_, LeftJoin<tapes::table, tape_pools::table>, Sqlite> {
    let mut query = tapes::table.left_join(tape_pools::table).into_boxed();
    if let Some(pool) = filter.pool_id {
        query = query.filter(tapes::pool_id.eq(pool));
    }
    if let Some(statuses) = &filter.statuses {
        query = query.filter(tapes::status.eq_any(statuses));
    }
    match filter.lost {
        Some(true) => query = query.filter(tapes::lost_at.is_not_null()),
        Some(false) => query = query.filter(tapes::lost_at.is_null()),
        None => {}
    }
    if let Some(text) = &filter.text {
        let pattern = super::paging::contains(text);
        let label = tapes::label.like(pattern.clone()).escape('\\');
        query = query.filter(label.or(tapes::barcode.assume_not_null().like(pattern).escape('\\')));
    }
    query
}

/// How many tapes fit.
pub fn count(conn: &mut Conn, filter: &TapeFilter) -> Result<i64> {
    Ok(fitting(filter).count().get_result(conn)?)
}

/// One page of the tapes that fit; of equal ones those with the smaller label first, those without a value last.
pub fn list(
    conn: &mut Conn,
    filter: &TapeFilter,
    order: TapeOrder,
    direction: Direction,
    page: Page,
) -> Result<Vec<TapeListed>> {
    let query = fitting(filter).limit(page.limit).offset(page.offset);
    macro_rules! by {
        ($column:expr) => {
            match direction {
                Direction::Rising => query.order(($column.is_null(), $column.asc(), tapes::label)),
                Direction::Falling => query.order(($column.is_null(), $column.desc(), tapes::label)),
            }
        };
    }
    let query = match order {
        TapeOrder::Label => by!(tapes::label),
        TapeOrder::Barcode => by!(tapes::barcode),
        TapeOrder::Pool => by!(tape_pools::name.nullable()),
        TapeOrder::Status => by!(tapes::status),
        TapeOrder::Used => by!(tapes::used_bytes),
        TapeOrder::Written => by!(tapes::last_written_at),
        TapeOrder::Verified => by!(tapes::last_verified_at),
        TapeOrder::Writes => by!(tapes::write_count),
    };
    let rows: Vec<(Tape, Option<String>)> =
        query.select((Tape::as_select(), tape_pools::name.nullable())).load(conn)?;
    Ok(rows.into_iter().map(|(tape, pool_name)| TapeListed { tape, pool_name }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{tapes as rows, testing};

    fn labels(conn: &mut Conn, text: Option<&str>, order: TapeOrder, direction: Direction, page: Page) -> Vec<String> {
        let filter = TapeFilter { text: text.map(str::to_owned), ..Default::default() };
        let listed = list(conn, &filter, order, direction, page).expect("list");
        listed.into_iter().map(|row| row.tape.label).collect()
    }

    #[test]
    fn what_contains_the_text_is_listed_and_counted() {
        let db = testing::database();
        let conn = &mut *db.conn();
        testing::tape(conn, "A_001");
        testing::tape(conn, "AB001");
        let filter = TapeFilter { text: Some("a_0".into()), ..Default::default() };
        let listed = list(conn, &filter, TapeOrder::Label, Direction::Rising, Page::first(10)).expect("list");
        assert_eq!(listed.len(), 1, "the underscore is no wildcard: {listed:?}");
        assert_eq!(count(conn, &filter).expect("count"), 1);
        assert_eq!(count(conn, &TapeFilter::default()).expect("count"), 2);
        assert_eq!(listed[0].pool_name.as_deref(), Some("DAILY"));
        let json = serde_json::to_value(&listed[0]).expect("json");
        assert_eq!((&json["label"], &json["status"]), (&"A_001".into(), &"blank".into()));
    }

    #[test]
    fn lost_tapes_are_listed_by_themselves_whatever_their_status() {
        let db = testing::database();
        let conn = &mut *db.conn();
        testing::many_tapes(conn, 10);
        let all = rows::all(conn).expect("tapes");
        for gone in [&all[3], &all[7]] {
            crate::db::lost::lose(conn, gone.id, None).expect("lost");
        }
        let mut found = |lost, statuses| {
            let filter = TapeFilter { lost, statuses, ..Default::default() };
            let listed = list(conn, &filter, TapeOrder::Label, Direction::Rising, Page::first(100)).expect("list");
            assert_eq!(count(conn, &filter).expect("count"), listed.len() as i64);
            listed.into_iter().map(|row| row.tape.label).collect::<Vec<_>>()
        };
        assert_eq!(found(Some(true), None), [all[3].label.as_str(), &all[7].label]);
        assert!(found(Some(true), Some(vec![all[3].status])).contains(&all[3].label));
        assert_eq!(found(Some(false), None).len(), 8);
        assert_eq!(found(None, None).len(), 10);
    }

    #[test]
    fn any_order_has_the_tapes_without_a_value_last() {
        let db = testing::database();
        let conn = &mut *db.conn();
        for (label, barcode) in [("T1", None), ("T2", Some("B")), ("T3", Some("A"))] {
            let id = testing::tape(conn, label).id;
            let barcode = Some(barcode.map(str::to_owned));
            rows::update(conn, id, &rows::TapeChanges { barcode, ..Default::default() }).expect("barcode");
        }
        let all = Page::first(10);
        assert_eq!(labels(conn, None, TapeOrder::Barcode, Direction::Rising, all), ["T3", "T2", "T1"]);
        assert_eq!(labels(conn, None, TapeOrder::Barcode, Direction::Falling, all), ["T2", "T3", "T1"]);
        assert_eq!(labels(conn, None, TapeOrder::Used, Direction::Falling, all), ["T1", "T2", "T3"]);
        let second = Page { limit: 1, offset: 1 };
        assert_eq!(labels(conn, Some("T"), TapeOrder::Label, Direction::Falling, second), ["T2"]);
        for order in TapeOrder::ALL {
            assert_eq!(labels(conn, None, *order, Direction::Rising, all).len(), 3, "{order}");
        }
    }
}
