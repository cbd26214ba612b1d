//! Commands, one group per file.
//!
//! Each file has `command(…)`, which builds the CDB; `decode(&[u8])` (and `encode` where there is data to send), which
//! are pure; and functions that send the one through a [`Transport`](crate::Transport) and read the other.

pub mod attribute;
pub mod initialize_element_status;
pub mod inquiry;
pub mod locate;
pub mod log_sense;
pub mod mode;
pub mod motion;
pub mod move_medium;
pub mod persistent_reserve;
pub mod read_block_limits;
pub mod read_element_status;
pub mod read_position;
pub mod read_write;
pub mod report_density_support;
pub mod request_sense;
pub mod security_protocol;
pub mod space;
pub mod test_unit_ready;
pub mod write_filemarks;
