//! For tests: how the database would answer what a function asks it.

use crate::db::Conn;
use crate::db::testing::statements;
use diesel::prelude::*;
use diesel::sql_types::Text;

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// Runs `ask` and gives the steps of all its queries.
pub fn steps<T>(conn: &mut Conn, ask: impl FnOnce(&mut Conn) -> T) -> Vec<String> {
    let (_, asked) = statements(conn, ask);
    let mut steps = Vec::new();
    for sql in asked.iter().filter(|sql| sql.trim_start().starts_with("SELECT")) {
        let plan = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load::<Step>(conn);
        steps.extend(plan.unwrap_or_else(|error| panic!("{sql}: {error}")).into_iter().map(|step| step.detail));
    }
    assert!(!steps.is_empty(), "nothing was asked");
    steps
}

/// Fails if a query goes through a whole table, instead of looking rows up.
#[track_caller]
pub fn assert_no_scan<T>(conn: &mut Conn, ask: impl FnOnce(&mut Conn) -> T) {
    let steps = steps(conn, ask);
    // what a subquery has found is gone through, and that is no table
    let named = |step: &String| step.strip_prefix("CO-ROUTINE ").or(step.strip_prefix("MATERIALIZE ")).map(first_word);
    let subqueries: Vec<String> = steps.iter().filter_map(named).collect();
    for step in &steps {
        let Some(table) = step.strip_prefix("SCAN ").map(first_word) else { continue };
        // the index of texts answers what it was asked
        let answered = table == "catalog_search" && step.contains("VIRTUAL TABLE");
        // a house has a handful of drives
        let few = table == "tape_drives";
        assert!(answered || few || table == "CONSTANT" || subqueries.contains(&table), "{step}, of {steps:#?}");
    }
}

fn first_word(rest: &str) -> String {
    rest.split(' ').next().unwrap_or_default().to_owned()
}
