//! Cartridges coming and going: threading, cleaning, ejecting, and writing down what is known of them.

use super::cartridge::{Cartridge, WriteProtection};
use super::drive::{Attention, Bay, Ejected, Tape, VirtualDrive};
use super::image::{Image, ImageAccess};
use super::state::{Thread, io_error};
use super::transferred::Transferred;
use crate::drive::MediumKind;
use crate::lto::{self, Access, Generation};
use crate::{DriveError, DriveErrorKind, DriveHealth, Operation, Position, Result};
use std::time::{Duration, Instant};
use tape_scsi::TapeAlert;

/// How a cartridge came to be threaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Threading {
    /// It was put in.
    Inserted,
    /// It was in the drive, and the host loads it.
    Loaded,
    /// It was threaded when the drive was opened.
    Found,
}

impl VirtualDrive {
    /// Takes notice of a cartridge that was put in or taken out. Nobody can do that to a threaded one.
    pub(super) fn refresh(&mut self) -> Result<()> {
        if matches!(self.bay, Bay::Threaded(_)) {
            return Ok(());
        }
        let bay = self.bay_state()?;
        match (bay.cartridge, bay.thread) {
            (None, _) => self.bay = Bay::Empty,
            (Some(name), Thread::Threaded) => {
                if bay.attention {
                    self.attention = Some(Attention::MediumChanged);
                }
                self.thread(&name, if bay.attention { Threading::Inserted } else { Threading::Found })?;
            }
            (Some(_), Thread::Ejected) => {
                if matches!(self.bay, Bay::Empty) {
                    self.bay = Bay::Ejected(Ejected::Unloaded);
                }
            }
        }
        Ok(())
    }

    /// How far the threading of a cartridge that was put in has come; `None` when it is done.
    pub(super) fn threading_percent(&mut self) -> Option<u8> {
        let (begin, end) = self.threading?;
        let now = Instant::now();
        if now >= end {
            self.threading = None;
            return None;
        }
        let share = (now - begin).as_secs_f64() / (end - begin).as_secs_f64();
        Some((share * 100.0) as u8)
    }

    /// Waits until it is done.
    pub(super) fn finish_threading(&mut self) {
        if let Some((_, end)) = self.threading.take() {
            std::thread::sleep(end.saturating_duration_since(Instant::now()));
        }
    }

    /// Threads the cartridge `name`, or ejects it if that cannot be.
    pub(super) fn thread(&mut self, name: &str, how: Threading) -> Result<()> {
        match (&mut self.pace, how) {
            // Nobody waits for a cartridge that comes in by itself: the drive says that it is busy.
            (Some(pace), Threading::Inserted) => {
                let now = Instant::now();
                self.threading = Some((now, now + pace.load_in_background()));
            }
            (Some(pace), Threading::Loaded) => pace.load(),
            _ => {}
        }
        self.bay = match self.try_thread(name, how) {
            Ok(bay) => bay,
            Err(error) => Bay::Ejected(Ejected::Broken(error.message)),
        };
        let thread = if matches!(self.bay, Bay::Threaded(_)) { Thread::Threaded } else { Thread::Ejected };
        if thread == Thread::Ejected {
            // What cannot be used is not a medium that changed.
            self.attention = None;
        }
        let health = self.counters();
        self.update_bay(|bay| {
            bay.thread = thread;
            bay.attention = false;
            bay.health = DriveHealth {
                cleaning_required: bay.health.cleaning_required,
                cleanings: bay.health.cleanings,
                power_cycles: bay.health.power_cycles,
                ..health
            };
        })?;
        if how == Threading::Loaded {
            self.finish_threading();
        }
        Ok(())
    }

    fn try_thread(&mut self, name: &str, how: Threading) -> Result<Bay> {
        let mut cartridge = Cartridge::load(&self.folder, name)?;
        self.transferred = Transferred::default();
        if cartridge.kind == MediumKind::Cleaning {
            return self.clean(name, cartridge);
        }
        let access = self.generation.access(cartridge.density);
        if access == Access::None {
            self.alerts.insert(TapeAlert::UNSUPPORTED_FORMAT);
            return Ok(Bay::Ejected(Ejected::Incompatible));
        }
        // Of cartridges that were here before and could not be threaded.
        for alert in [TapeAlert::UNSUPPORTED_FORMAT, TapeAlert::CLEANING_MEDIA, TapeAlert::EXPIRED_CLEANING_MEDIA] {
            self.alerts.remove(&alert);
        }
        let path = self.folder.cartridge_file(name, "tap");
        let protected = access == Access::ReadOnly || cartridge.write_protection == WriteProtection::On;
        let mode = if protected { ImageAccess::Read } else { ImageAccess::ReadWrite };
        let image = Image::open(&path, mode).map_err(|error| io_error(&path, "open", &error))?;
        if how != Threading::Found {
            cartridge.load_count += 1;
            self.health.load_count += 1;
            self.optimise(&mut cartridge);
            cartridge.save(&self.folder, name, self.settings.durability)?;
        }
        let name = name.to_owned();
        let tape = Tape { name, cartridge, image, access, position: 0 };
        self.note_settled(tape.image.objects());
        Ok(Bay::Threaded(Box::new(tape)))
    }

    /// From generation 9 on a drive measures a new cartridge when it is loaded for the first time, and is becoming ready for
    /// up to two hours.
    fn optimise(&mut self, cartridge: &mut Cartridge) {
        let new = !std::mem::replace(&mut cartridge.optimised, true);
        let measured =
            lto::format_of_density(cartridge.density).is_some_and(|format| format.generation >= Generation::LTO9);
        if new && measured && self.settings.first_load_ms > 0 {
            let begin = self.threading.map_or_else(Instant::now, |(begin, _)| begin);
            self.threading = Some((begin, Instant::now() + Duration::from_millis(self.settings.first_load_ms)));
        }
    }

    /// A cleaning cartridge cleans as soon as it is put in.
    fn clean(&mut self, name: &str, mut cartridge: Cartridge) -> Result<Bay> {
        self.alerts.clear();
        if let Some(left) = cartridge.cleanings_left.checked_sub(1) {
            cartridge.cleanings_left = left;
            cartridge.load_count += 1;
            cartridge.save(&self.folder, name, self.settings.durability)?;
            self.update_bay(|bay| {
                bay.health.cleaning_required = false;
                bay.health.cleanings = Some(bay.health.cleanings.unwrap_or(0) + 1);
            })?;
            self.alerts.insert(TapeAlert::CLEANING_MEDIA);
        } else {
            self.alerts.insert(TapeAlert::EXPIRED_CLEANING_MEDIA);
        }
        Ok(Bay::Ejected(Ejected::Cleaning))
    }

    /// Unthreads and ejects, after writing what is buffered.
    pub(super) fn eject(&mut self) -> Result<()> {
        self.settle(Operation::Unload)?;
        let Bay::Threaded(tape) = &mut self.bay else { return Ok(()) };
        let (used, capacity) = (tape.image.bytes_before(tape.position), tape.cartridge.capacity_bytes);
        if let Some(pace) = &mut self.pace {
            pace.seek(capacity, used, 0);
            pace.unload();
        }
        self.put_away()?;
        self.bay = Bay::Ejected(Ejected::Unloaded);
        // SSC-5, 8.5.3, CKOD: the key goes with the cartridge.
        self.encryption.set(None);
        self.alerts.clear();
        self.update_bay(|bay| bay.thread = Thread::Ejected)?;
        Ok(())
    }

    /// Writes down what is known of the tape and of the drive.
    pub(super) fn put_away(&mut self) -> Result<()> {
        let health = self.counters();
        if let Bay::Threaded(tape) = &mut self.bay {
            for alert in [TapeAlert::HARD_ERROR, TapeAlert::MEDIA] {
                if self.alerts.contains(&alert) {
                    tape.cartridge.remember(alert);
                }
            }
            tape.cartridge.save(&self.folder, &tape.name, self.settings.durability)?;
            let path = self.folder.cartridge_file(&tape.name, "tap");
            // Only saves time at the next load, so a full disk is no reason to keep the tape.
            if tape.access == Access::ReadWrite && tape.image.save_index().is_err() {
                let _ = std::fs::remove_file(super::sidecar::path_of(&path));
            }
        }
        self.update_bay(|bay| {
            bay.health = DriveHealth {
                cleaning_required: bay.health.cleaning_required,
                cleanings: bay.health.cleanings,
                power_cycles: bay.health.power_cycles,
                ..health
            };
        })
    }

    /// Everything that was accepted is on the medium from here on.
    pub(super) fn settle(&mut self, operation: Operation) -> Result<()> {
        let durability = self.settings.durability;
        let Bay::Threaded(tape) = &mut self.bay else { return Ok(()) };
        let suspect = tape.image.settled();
        if suspect == tape.image.objects() {
            return Ok(());
        }
        if let Err(error) = tape.image.settle(durability) {
            self.health.write_errors += 1;
            tape.cartridge.write_errors += 1;
            let message = format!("the image of the tape cannot be put on its disk: {error}");
            let error = DriveError::new(DriveErrorKind::Io, operation, message);
            return Err(error.at(Position::block(tape.position)).suspect_since(Position::block(suspect)));
        }
        let settled = tape.image.settled();
        if let Some(pace) = &mut self.pace {
            pace.flush();
        }
        self.note_settled(settled);
        Ok(())
    }

    /// Notes how much a power cut that also ends this process would leave. Without the note it leaves less, so a note
    /// that cannot be written is no error.
    fn note_settled(&self, objects: u64) {
        let _ = std::fs::write(self.folder.file(&format!("drive{}.mark", self.number)), objects.to_le_bytes());
    }
}
