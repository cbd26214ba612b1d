//! What to do after a failure, where its message does not say it: by the stable code of the error.

/// One sentence or two for the person who stands before the drive; none where the message says all there is to say.
pub fn after(code: &str) -> Option<&'static str> {
    Some(match code {
        "medium_error" => {
            "The tape could not be read or written at this place. The tape is on hold now. Clean the drive and try again \
             with another tape; if other tapes fail in the same drive, it is the drive."
        }
        "hardware_error" => {
            "The drive reports a fault of its own. Look at its health and alerts, clean it, test it with a scratch tape \
             (tapebackarr drive test); if the fault comes back, have it repaired. Use another drive meanwhile."
        }
        "deferred_error" => {
            "The drive reported late that something it had accepted is not on tape. What was behind the last checkpoint is \
             written again when the run goes on."
        }
        "device_io" | "command_aborted" => {
            "The drive did not answer as it should. Check cable, adapter and power, and the system log of the server."
        }
        "drive_reset" => "The drive was reset or switched off meanwhile. If nobody did that, look at cable and power.",
        "device_busy" => "Another program holds the device (mt, tar, another server). End it there.",
        "drive_not_ready" => "Is a cartridge in the drive and threaded? Eject it and load it again.",
        "no_tape" | "drive_empty" => "Put the tape into the drive.",
        "medium_changed" => "Somebody changed the cartridge while it was in use. Start it again.",
        "write_protected" => "Slide the tab on the cartridge, or use another tape.",
        "data_protect" | "key_required" | "key_needed" | "wrong_key" | "key_unknown" | "no_key" => {
            "The right encryption key is missing. Import it from the key sheet, then start it again."
        }
        "incompatible_medium" => "The drive cannot use cartridges of this generation. Use another drive or cartridge.",
        "cleaning_cartridge" => "There is a cleaning cartridge in the drive. Take it out.",
        "cleaning_failed" => "The cleaning cartridge may be used up. Try a new one.",
        "blank_tape" | "tape_end_mismatch" | "position_mismatch" | "toc_mismatch" | "tape_mismatch" => {
            "The tape is not as the database says. Do not force anything: inspect it (tapebackarr drive inspect), and take \
             in what is on it with tapebackarr catalog rebuild."
        }
        "foreign_tape" | "unlabelled_tape" | "tape_not_blank" => {
            "The tape in the drive is not one of ours, or not blank. Use another one, or label it if nothing on it is needed."
        }
        "wrong_tape" => "Another tape is in the drive. Put in the one that is named.",
        "tape_full" | "tape_too_small" => "Add tapes to the pool, then retry: it goes on where it stopped.",
        "tape_lost" => "The tape is recorded as lost. If it is there again, say so on its page.",
        "tape_on_hold" => "Somebody has to look at the tape first: its page says why it is on hold.",
        "tape_not_inserted" | "tape_not_available" => "Bring the tape and start it again.",
        "source_missing" | "source_not_mounted" | "source_not_a_directory" => {
            "Check the path of the source and that it is mounted on the server, then run the job again."
        }
        "source_denied" | "source_unreadable" | "source_stale" => {
            "The server may not read the source, or its share has gone. Check its rights and the mount."
        }
        "disk_full" => "Make room on the disk of the server's data folder, then start it again.",
        "interrupted" | "shutdown" => "The server stopped while it was at work. Start it again.",
        "destination_not_mounted" | "destination_unusable" | "destination_failed" => {
            "The folder to restore into cannot be written: check that it is mounted, its rights and its free room."
        }
        "internal" => "This should not happen. Keep the log of the server and report it.",
        _ => return None,
    })
}
