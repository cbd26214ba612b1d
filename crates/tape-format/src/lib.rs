//! What is on a tape, and how it gets there and back.
//!
//! A tape holds a label and then backup sets. A set is one logical tar stream, cut into **frames**; a **part** is the
//! run of frames that went into one tape file, followed by a table of contents (TOC) in the next. `docs/tape-format.md`
//! describes all of it byte for byte.
//!
//! This crate knows nothing of databases, servers or jobs: with a [`tape_drive::TapeDrive`] alone it can write, list,
//! verify and read back a tape.
//!
//! On the way to tape: [`tar`] headers and file bytes → [`frame`]s, compressed by [`codec`] → [`ring`] → [`part`]
//! writer, which seals with [`crypt`], packs blocks, and spools the [`toc`]. On the way back: [`part`] reader with the
//! frame table → blocks → [`crypt`] → [`codec`] → [`tar`] members. [`salvage`] is for tapes that are damaged, or whose
//! tables of contents are lost.

pub mod codec;
pub mod crypt;
pub mod error;
pub mod frame;
pub mod label;
pub mod member;
pub mod part;
pub mod path_text;
pub mod ring;
pub mod salvage;
pub mod tar;
pub mod toc;
pub mod v1;

pub use codec::Codec;
pub use error::{FormatError, Result};
pub use frame::{Continuation, Frame, FrameSource, Unfinished};
pub use label::Label;
pub use member::{DataExtent, Member, MemberKind, MemberRecord};
