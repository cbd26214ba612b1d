//! A part: the run of a set's frames that is in one tape file.
