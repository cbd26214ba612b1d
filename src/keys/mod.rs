//! Encryption keys, and the master key that wraps them.
//!
//! A key is 32 random bytes, named on tape and in the database by its fingerprint (hex SHA-256). The database holds it
//! only **wrapped** with the master key, which lives outside of it ([`master`]): a copy of the database opens nothing.
//! What leaves the server readable leaves it as a [`sheet`], for administrators, to be printed and kept elsewhere.
//!
//! Invariant I9: a key is handed out for writing only after a record sealed with it was opened with the stored key.

pub mod in_drive;
pub mod locks;
mod master;
mod ring;
pub mod rotation;
pub mod secret_file;
pub mod sheet;
pub mod store;
mod wrap;

pub use in_drive::{DriveKeys, KeyedDrive, drive_key};
pub use master::MasterKey;
pub use ring::{KeyRing, KeysOnDemand};
pub use store::KeyStore;
