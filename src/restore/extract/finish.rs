//! The end of an extraction: directories get their modes and times, now that nothing is put into them any more.

use super::{Extractor, Note, PLAIN_DIRECTORY};
use crate::restore::metadata::{Complaints, Metadata};
use crate::restore::safe::{SafeError, SafePath};
use rustix::fs::Mode;

impl Extractor {
    /// Gives all directories their metadata, deepest first. What could not be set is in the notes.
    pub fn finish(&mut self) {
        self.abandon_all();
        let mut directories: Vec<_> = std::mem::take(&mut self.directories).into_iter().collect();
        directories
            .sort_unstable_by_key(|(path, _)| std::cmp::Reverse(path.iter().filter(|byte| **byte == b'/').count()));
        // the destination itself is the least deep, but `.` has as many slashes as its children
        directories.sort_by_key(|(path, _)| path == b".");
        for (path, metadata) in directories {
            let complaints = match self.finish_directory(&path, metadata) {
                Ok(complaints) => complaints,
                Err(error) => vec![format!("its permissions and times could not be set: {error}")],
            };
            self.notes.extend(complaints.into_iter().map(|message| Note { path: path.clone(), message }));
        }
        if std::mem::take(&mut self.applier.not_owned) > 0 {
            self.notes.push(Note {
                path: b".".to_vec(),
                message:
                    "the server does not run as root: what was restored belongs to its own user where it could not \
                          be given to its owner"
                        .into(),
            });
        }
    }

    fn finish_directory(&mut self, path: &[u8], metadata: Option<Metadata>) -> Result<Complaints, SafeError> {
        let directory = self.destination.directory(&SafePath::parse(path)?)?;
        match metadata {
            Some(metadata) => Ok(self.applier.apply(rustix::fd::AsFd::as_fd(&directory), &metadata)),
            None => {
                rustix::fs::fchmod(&directory, Mode::from_raw_mode(PLAIN_DIRECTORY))
                    .map_err(SafeError::system("set its permissions"))?;
                Ok(Complaints::new())
            }
        }
    }
}
