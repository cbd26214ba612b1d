//! Which HTTP status the stored error of an execution has: the one it would have had as an immediate answer.
//!
//! A row keeps the code of the error, not its kind. A test reads the source and finds codes that are not here.

use crate::ErrorKind;

/// Codes by kind. What is not here is 500.
const CODES: &[(ErrorKind, &[&str])] = &[
    (ErrorKind::BadRequest, &["bad_request", "bad_json", "bad_pattern", "bad_key", "invalid_name", "weak_passphrase"]),
    (ErrorKind::NotFound, &["not_found", "nothing_found"]),
    (
        ErrorKind::Conflict,
        &[
            "already_exists",
            "already_labelled",
            "batch_label_failed",
            "cancelled",
            "chain_broken",
            "cleaning_cartridge",
            "cleaning_failed",
            "data_protect",
            "database_backup_state",
            "database_newer",
            "drive_empty",
            "drive_not_in_library",
            "drive_not_ready",
            "drive_reset",
            "drive_unknown",
            "element_state",
            "execution_state",
            "foreign_tape",
            "in_use",
            "incompatible_medium",
            "job_running",
            "key_expired",
            "key_required",
            "key_retired",
            "library_changed",
            "library_full",
            "medium_changed",
            "no_barcode",
            "no_cleaning_cartridge",
            "no_drive",
            "no_key",
            "no_library",
            "no_pool",
            "no_room",
            "no_tape",
            "not_resumable",
            "not_running",
            "parameters_changed",
            "passphrase_needed",
            "pool_write_once",
            "set_protected",
            "set_state",
            "tape_lost",
            "tape_not_lost",
            "tape_present",
            "tape_wanted",
            "slot_empty",
            "source_disabled",
            "tape_change_state",
            "tape_elsewhere",
            "tape_ambiguous",
            "unsupported_set",
            "tape_end_mismatch",
            "tape_in_use",
            "tape_not_blank",
            "tape_not_available",
            "tape_not_inserted",
            "tape_not_loaded",
            "tape_not_suitable",
            "tape_mismatch",
            "tape_not_writable",
            "tape_on_hold",
            "tape_too_small",
            "tape_transition",
            "unlabelled_tape",
            "write_once",
            "write_protected",
            "wrong_tape",
        ],
    ),
    (
        ErrorKind::Unprocessable,
        &[
            "bad_layout",
            "blank_tape",
            "block_too_long",
            "copy_failed",
            "database_backup_damaged",
            "drive_test_failed",
            "destination_failed",
            "destination_not_mounted",
            "destination_unusable",
            "drill_failed",
            "format",
            "illegal_request",
            "key_needed",
            "key_unknown",
            "ltfs_set",
            "medium_error",
            "no_data",
            "not_authentic",
            "not_v1_database",
            "not_v1_tape",
            "parts_mismatch",
            "parts_missing",
            "raw_read_incomplete",
            "rebuild_incomplete",
            "source_denied",
            "source_failed",
            "source_missing",
            "source_not_a_directory",
            "source_not_mounted",
            "source_stale",
            "source_unreadable",
            "tape_format",
            "tape_full",
            "toc_mismatch",
            "unsupported",
            "verify_failed",
            "wrong_key",
            "wrong_passphrase",
        ],
    ),
    (ErrorKind::Locked, &["device_busy"]),
    (ErrorKind::Unavailable, &["database_busy", "database_io", "disk_full", "restarting", "shutdown", "shutting_down"]),
    (
        ErrorKind::Internal,
        &[
            "audit_log_changed",
            "bad_secret_file",
            "command_aborted",
            "crypto",
            "database_copy",
            "database_damaged",
            "database_open",
            "deferred_error",
            "device_io",
            "hardware_error",
            "internal",
            "io",
            "key_damaged",
            "label_not_readable",
            "master_key_missing",
            "master_key_wrong",
            "position_mismatch",
            "secret_file_open",
        ],
    ),
];

/// The code and its kind; `None` for one that is not known.
pub fn find(code: &str) -> Option<(&'static str, ErrorKind)> {
    CODES.iter().find_map(|(kind, codes)| Some((*codes.iter().find(|known| **known == code)?, *kind)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;
    use std::path::Path;

    fn read(folder: &Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).expect("folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                read(&path, text);
            } else {
                text.push_str(&std::fs::read_to_string(path).expect("source"));
            }
        }
    }

    #[test]
    fn every_code_that_an_execution_can_end_with_is_known() {
        let mut text = String::new();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for room in ["actors", "backup", "catalog", "db", "executions", "keys", "media", "restore"] {
            read(&source.join(room), &mut text);
        }
        text.push_str(&std::fs::read_to_string(source.join("error.rs")).expect("source"));
        let patterns = [
            r#"Error::conflict\(\s*"([a-z_]+)""#,
            r#"Error::new\(\s*(?:crate::)?ErrorKind::\w+,\s*"([a-z_]+)""#,
            r#"\(ErrorKind::\w+, "([a-z_]+)"\)"#,
            r#"unusable\(\s*"([a-z_]+)""#,
        ];
        let mut unknown = std::collections::BTreeSet::new();
        for pattern in patterns {
            let expression = Regex::new(pattern).expect("pattern");
            let codes = expression.captures_iter(&text).filter_map(|found| Some(found.get(1)?.as_str()));
            let of_people = ["identity_taken", "last_admin", "second_factor_exists", "wrong_state"];
            unknown.extend(codes.filter(|code| find(code).is_none() && !of_people.contains(code)));
        }
        assert!(unknown.is_empty(), "add these to CODES: {unknown:?}");
    }

    #[test]
    fn no_code_stands_twice() {
        let all: Vec<&str> = CODES.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(find("wrong_tape"), Some(("wrong_tape", ErrorKind::Conflict)));
        assert_eq!(find("something else"), None);
    }
}
