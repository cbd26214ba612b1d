//! Virtual tape: cartridges are image files, a library is a directory.
