//! The table of contents: what a part holds, as JSON in the tape file behind it.
