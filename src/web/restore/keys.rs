//! The keys that a restore needs, and whether they can be used.

use crate::Result;
use crate::db::encryption_keys::{self, EncryptionKey};
use crate::db::sets::{self, BackupSet};
use crate::db::{Conn, tapes};
use crate::keys::KeyStore;
use crate::restore::plan::Plan;
use serde::Serialize;
use utoipa::ToSchema;

/// A key that a restore needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NeededKey {
    /// The key on this server; null: the database does not say which one it is.
    id: Option<i32>,
    /// Its name.
    name: Option<String>,
    /// By which key sheets and labels name it; null: that is not known.
    fingerprint: Option<String>,
    /// The sets that are encrypted with it.
    set_ids: Vec<i32>,
    /// Why it cannot be used, and what to do about it; null: it is at hand.
    problem: Option<String>,
}

/// The keys of all sets that a plan reads from.
pub fn needed(conn: &mut Conn, keys: &KeyStore, plan: &Plan) -> Result<Vec<NeededKey>> {
    let mut all: Vec<NeededKey> = Vec::new();
    for planned in &plan.sets {
        let set = sets::find(conn, planned.set_id)?;
        let mut wanted = Vec::new();
        if set.encrypted {
            wanted.push(set.encryption_key_id);
        }
        if set.hw_encrypted {
            wanted.push(set.hw_encryption_key_id);
        }
        for id in wanted {
            let key = match id {
                Some(id) => {
                    let row = encryption_keys::find(conn, id)?;
                    named(conn, keys, row)
                }
                None => unknown(conn, &set)?,
            };
            match all.iter_mut().find(|known| (known.id, &known.fingerprint) == (key.id, &key.fingerprint)) {
                Some(known) => known.set_ids.push(set.id),
                None => all.push(NeededKey { set_ids: vec![set.id], ..key }),
            }
        }
    }
    Ok(all)
}

fn named(conn: &mut Conn, keys: &KeyStore, row: EncryptionKey) -> NeededKey {
    let problem = keys.for_reading(conn, &row.key_fingerprint).err().map(|error| {
        format!(
            "{}. Without it, what is encrypted with it cannot be read: import the key again from its key sheet",
            error.message
        )
    });
    NeededKey {
        id: Some(row.id),
        name: Some(row.name),
        fingerprint: Some(row.key_fingerprint),
        set_ids: Vec::new(),
        problem,
    }
}

/// The label of its tape says with which key a set was written last.
fn unknown(conn: &mut Conn, set: &BackupSet) -> Result<NeededKey> {
    let tape = tapes::find(conn, set.tape_id)?;
    let fingerprint = Some(tape.encryption_key_fingerprint).filter(|fingerprint| !fingerprint.is_empty());
    let which = match &fingerprint {
        Some(fingerprint) => format!("tape {} names the fingerprint {fingerprint}", tape.label),
        None => format!("tape {} does not name one", tape.label),
    };
    let problem = format!(
        "backup set {} is encrypted, and the database does not say with which key; {which}. Import the key from its key \
         sheet, then rebuild the catalog from the tape",
        set.id
    );
    Ok(NeededKey { id: None, name: None, fingerprint, set_ids: Vec::new(), problem: Some(problem) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;
    use crate::keys::MasterKey;
    use crate::restore::plan::PlannedSet;
    use diesel::prelude::*;

    #[test]
    fn keys_that_are_there_damaged_and_unknown() {
        use crate::db::schema::{backup_sets, encryption_keys as table};
        let db = testing::database();
        let conn = &mut *db.conn();
        let folder = tempfile::tempdir().expect("folder");
        let keys = KeyStore::new(MasterKey::open(conn, folder.path()).expect("master"));
        let (good, _) = keys.create(conn, "Good", None).expect("key");
        let (damaged, _) = keys.create(conn, "Damaged", None).expect("key");
        diesel::update(table::table.find(damaged.id)).set(table::key_data.eq("AAAA")).execute(conn).expect("damage");
        let (job, tape) = (testing::job(conn, "j"), testing::tape(conn, "T1"));
        let mut plan = Plan::default();
        let with = |conn: &mut Conn, encrypted: bool, key: Option<i32>| {
            let set = testing::set(conn, &job, &tape, None).id;
            let row = diesel::update(backup_sets::table.find(set));
            let values = (backup_sets::encrypted.eq(encrypted), backup_sets::encryption_key_id.eq(key));
            row.set(values).execute(conn).expect("set");
            set
        };
        let (plain, first, second, lost, nameless) = (
            with(conn, false, None),
            with(conn, true, Some(good.id)),
            with(conn, true, Some(good.id)),
            with(conn, true, Some(damaged.id)),
            with(conn, true, None),
        );
        let planned = |set_id| PlannedSet { set_id, key_id: None, parts: Vec::new() };
        plan.sets = [plain, first, second, lost, nameless].map(planned).to_vec();
        let found = needed(conn, &keys, &plan).expect("keys");
        let sets: Vec<_> = found.iter().map(|key| (key.name.as_deref(), key.set_ids.clone())).collect();
        let wanted = [(Some("Good"), vec![first, second]), (Some("Damaged"), vec![lost]), (None, vec![nameless])];
        assert_eq!(sets, wanted);
        assert_eq!(found[0].problem, None);
        let problem = found[1].problem.as_deref().expect("damaged");
        assert!(problem.contains("'Damaged'") && problem.contains("key sheet"), "{problem}");
        let problem = found[2].problem.as_deref().expect("nameless");
        assert!(problem.contains("T1 does not name one") && problem.contains("rebuild"), "{problem}");
    }
}
