//! Commands, one group per file.
//!
//! Each file has `command(…)`, which builds the CDB; `decode(&[u8])` (and `encode` where there is data to send), which
//! are pure; and functions that send the one through a [`Transport`](crate::Transport) and read the other.

pub mod log_sense;
pub mod read_block_limits;
pub mod report_density_support;
pub mod security_protocol;
pub mod test_unit_ready;
