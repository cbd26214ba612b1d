//! The `tapebackarr` program: parse the command line and hand over to [`tapebackarr::cli`].

fn main() {}
