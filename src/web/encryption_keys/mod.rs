//! Encryption keys: names and fingerprints for everybody, the keys themselves only for administrators.

mod create;
mod delete;
mod keysheet;
mod life;
mod list;
mod locked;

use super::Routes;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(list::list_encryption_keys)
        .add(list::encryption_key_uses)
        .add(create::create_encryption_key)
        .add(create::import_encryption_key)
        .add(locked::list_locked_keys)
        .add(locked::unlock_encryption_keys)
        .add(life::change_encryption_key)
        .add(life::rotate_encryption_key)
        .add(delete::delete_encryption_key)
        .add(keysheet::keysheet)
        .add(keysheet::keysheet_text)
        .add(keysheet::keysheet_pdf)
}
