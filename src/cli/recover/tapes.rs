//! The tapes at hand: in a drive, as image files, or as files that were copied off a tape.

use crate::cli::exit::{CliError, CliResult, Doing};
use crate::keys::KeyedDrive;
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use tape_drive::virt::TapeCopy;
use tape_drive::{TapeDrive, open_drive};
use tape_format::Label;
use tape_format::crypt::Key;
use tape_format::part::read_label;

/// Where a tape is read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// A drive, by its device path; a person changes its tapes.
    Drive(String),
    /// An image file.
    Image(PathBuf),
    /// Files copied off a tape, in order.
    Copies(Vec<PathBuf>),
}

/// A tape that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tape {
    source: usize,
    /// Its label, if it has one that can be read.
    pub label: Option<Label>,
}

/// All tapes.
#[derive(Debug)]
pub struct Tapes {
    sources: Vec<Source>,
    tapes: Vec<Tape>,
    interactive: bool,
    /// For what a drive encrypted.
    keys: Vec<Key>,
}

impl Tapes {
    /// From what was named on the command line: device paths, images, and copied files, which together are one tape.
    pub fn new(named: &[String], interactive: bool, keys: &[Key]) -> CliResult<Tapes> {
        let mut sources = Vec::new();
        let mut copies: Vec<PathBuf> = Vec::new();
        for name in named {
            let path = Path::new(name);
            if !path.is_file() {
                if path.is_dir() {
                    return Err(CliError::usage(format!("{name} is a folder"))
                        .advise("name a drive (virtual:DIR#drive0), an image (NAME.tap), or files copied off a tape"));
                }
                sources.push(Source::Drive(name.clone()));
                continue;
            }
            let is_tap = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tap"));
            if is_tap || TapeCopy::is_image(path).doing(format_args!("cannot read {name}"))? {
                sources.push(Source::Image(path.to_owned()));
            } else {
                copies.push(path.to_owned());
            }
        }
        if !copies.is_empty() {
            sources.push(Source::Copies(copies));
        }
        let interactive = interactive && std::io::stdin().is_terminal();
        Ok(Tapes { sources, tapes: Vec::new(), interactive, keys: keys.to_vec() })
    }

    /// Every source once, to look at what is there.
    pub fn sources(&self) -> std::ops::Range<usize> {
        0..self.sources.len()
    }

    /// The tapes that were seen.
    pub fn seen(&self) -> &[Tape] {
        &self.tapes
    }

    /// Whether a whole part can be read without waiting long: it is on a disk.
    pub fn is_quick(&self, tape: usize) -> bool {
        let source = self.tapes.get(tape).and_then(|tape| self.sources.get(tape.source));
        !matches!(source, Some(Source::Drive(_)))
    }

    /// Whether the blocks of a tape have other sizes than on the tape they were copied from.
    pub fn is_copied(&self, tape: usize) -> bool {
        let source = self.tapes.get(tape).and_then(|tape| self.sources.get(tape.source));
        matches!(source, Some(Source::Copies(_)))
    }

    /// What a person calls a tape.
    pub fn name(&self, tape: usize) -> String {
        let Some(tape) = self.tapes.get(tape) else { return "?".into() };
        match (&tape.label, self.sources.get(tape.source)) {
            (Some(label), _) => label.label.clone(),
            (None, Some(Source::Drive(path))) => format!("the tape in {path}"),
            (None, Some(Source::Image(path))) => path.display().to_string(),
            (None, Some(Source::Copies(paths))) => {
                paths.first().map(|path| path.display().to_string()).unwrap_or_default()
            }
            (None, None) => "?".into(),
        }
    }

    /// Opens what is at a source, and takes note of the tape; `None` if it was seen before.
    pub fn look(&mut self, source: usize) -> CliResult<Option<(usize, Box<dyn TapeDrive>)>> {
        let mut drive = self.ready(source)?;
        let label = read_label(drive.as_mut()).ok();
        let tape = Tape { source, label };
        if self.tapes.contains(&tape) {
            return Ok(None);
        }
        self.tapes.push(tape);
        Ok(Some((self.tapes.len() - 1, drive)))
    }

    fn ready(&self, source: usize) -> CliResult<Box<dyn TapeDrive>> {
        let source = self.sources.get(source).ok_or_else(|| CliError::failed("there is no such source"))?;
        match source {
            Source::Image(path) => Ok(Box::new(TapeCopy::of_image(path).doing("cannot read the image")?)),
            Source::Copies(paths) => Ok(Box::new(TapeCopy::of_files(paths).doing("cannot read the copies")?)),
            Source::Drive(path) => {
                let mut drive = open_drive(path).doing(format_args!("cannot open {path}"))?;
                tape_drive::make_ready(drive.as_mut(), &mut |_| {})
                    .doing(format_args!("the drive {path} is not ready"))?;
                Ok(Box::new(KeyedDrive::new(drive, self.keys.clone(), None)))
            }
        }
    }

    /// Opens a drive, image or copy with a tape that was seen. Asks for it if another one is in the drive.
    pub fn open(&self, tape: usize) -> CliResult<Box<dyn TapeDrive>> {
        let wanted = self.tapes.get(tape).ok_or_else(|| CliError::failed("there is no such tape"))?;
        loop {
            let mut drive = match self.ready(wanted.source) {
                Ok(drive) => drive,
                Err(error) if self.is_quick(tape) || !self.interactive => return Err(error),
                Err(error) => {
                    eprintln!("{}", error.message);
                    self.ask_for(wanted, tape)?;
                    continue;
                }
            };
            let Some(label) = &wanted.label else { return Ok(drive) };
            if self.is_quick(tape) || read_label(drive.as_mut()).is_ok_and(|found| found.uuid == label.uuid) {
                return Ok(drive);
            }
            // A drive that cannot let go is emptied by hand.
            let _ = drive.unload();
            drop(drive);
            self.ask_for(wanted, tape)?;
        }
    }

    fn ask_for(&self, wanted: &Tape, tape: usize) -> CliResult {
        let uuid = wanted.label.as_ref().map(|label| format!(" ({})", label.uuid)).unwrap_or_default();
        let what = format!("tape {}{uuid}", self.name(tape));
        match self.ask(&format!("Insert {what} and press Enter, or type s to go on without it"))? {
            Some(answer) if answer.is_empty() => Ok(()),
            _ => Err(CliError::failed(format!("{what} is not at hand"))),
        }
    }

    /// Asks a person; `None` if nobody is there.
    fn ask(&self, question: &str) -> CliResult<Option<String>> {
        if !self.interactive {
            return Ok(None);
        }
        eprint!("{question}: ");
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line).doing("cannot read from the terminal")?;
        Ok((read > 0).then(|| line.trim().to_owned()))
    }

    /// Asks for a tape that nobody has seen yet: the source to look at, or `None` if there is none.
    pub fn ask_for_another(&self, why: &str) -> CliResult<Option<usize>> {
        let drive = self.sources.iter().position(|source| matches!(source, Source::Drive(_)));
        let Some(drive) = drive else { return Ok(None) };
        if !self.interactive {
            return Ok(None);
        }
        if let Ok(mut device) = self.ready(drive) {
            // A drive that cannot let go is emptied by hand.
            let _ = device.unload();
        }
        let answer = self.ask(&format!("{why}\nInsert that tape and press Enter, or type s to go on without it"))?;
        Ok(answer.filter(String::is_empty).map(|_| drive))
    }
}
