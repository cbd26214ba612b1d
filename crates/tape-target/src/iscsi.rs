//! iSCSI (RFC 7143), as far as one connection per session at error recovery level 0 needs it.
//!
//! * [`pdu`] is one message, [`text`] the keys in it, [`negotiation`] what both sides agree on, [`chap`] the proof that
//!   the initiator knows the secret;
//! * [`login`] turns a connection into a session, [`connection`] serves it; [`outbound`] is its sending half, and
//!   [`transfer`] collects the data of writes.
//!
//! Everything that arrives is hostile: lengths are limited before anything is allocated, sequence numbers and offsets are
//! checked, and whatever does not fit ends the connection.

pub(crate) mod chap;
pub(crate) mod connection;
pub(crate) mod login;
pub(crate) mod negotiation;
pub(crate) mod outbound;
pub(crate) mod pdu;
pub(crate) mod text;
pub(crate) mod transfer;

/// Why a connection ends before its initiator wished.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// The network, or the other side is gone.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The other side does not keep to RFC 7143.
    #[error("protocol error: {0}")]
    Protocol(&'static str),
    /// Login was refused; the initiator was told.
    #[error("login refused: {0}")]
    Refused(&'static str),
}
