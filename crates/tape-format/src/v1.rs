//! Tapes that version 1 of TapeBackarr (the Go program) wrote: reading only.
//!
//! ```text
//! [label 512 B] FM [data] FM [FM] [table of contents, version 1] FM
//! ```
//!
//! * The **label** is the one of today with 2 to 7 fields ([`crate::Label`]).
//! * The **data** is what GNU tar wrote, in records of one size of up to 4 MiB; perhaps compressed as a whole with gzip or
//!   zstd; perhaps then encrypted as `openssl enc -aes-256-cbc -pbkdf2 -iter 100000` does ([`SaltedReader`]), where the
//!   password is the base64 text of the key. Another encryption of that program, in chunks of AES-256-GCM
//!   ([`ChunkReader`]), may be met too. [`open`] finds out by content and gives the tar stream.
//! * The **table of contents** is plain JSON in records of 64 KiB, padded with NULs ([`read_toc`]); modes in it are Go's
//!   ([`GoMode`]).
//!
//! Nothing on such a tape tells where in the data a file begins, so it is always read from its beginning. Every tape file is
//! found by what it begins with, not by its number: some tapes have a second filemark behind the data.

mod chunks;
mod mode;
mod salted;
mod stream;
mod toc;

pub use chunks::ChunkReader;
pub use mode::GoMode;
pub use salted::SaltedReader;
pub use stream::{Sealing, open, opens};
pub use toc::{TocFile, TocHead, TocSet, TocSink, read_toc};
pub(crate) use {chunks::MAGIC as CHUNKS, salted::MAGIC as SALTED, toc::is_toc};
