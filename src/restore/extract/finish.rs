//! The end of an extraction: directories get their modes and times, now that nothing is put into them any more.

use super::{Extractor, Failed, Note, PLAIN_DIRECTORY};
use crate::restore::metadata::{Complaints, Metadata};
use crate::restore::safe::{SafeError, SafePath};
use rustix::fs::Mode;

impl Extractor {
    /// Gives all directories their metadata, deepest first. What could not be set is in the notes.
    pub fn finish(&mut self) {
        self.abandon_all();
        let done = std::mem::take(&mut self.directories).deepest_first(|path, metadata| {
            let complaints = match self.finish_directory(path, Metadata::from_bytes(metadata)) {
                Ok(complaints) => complaints,
                Err(error) => vec![format!("its permissions and times could not be set: {error}")],
            };
            self.notes.extend(complaints.into_iter().map(|message| Note { path: path.to_vec(), message }));
        });
        if let Err(Failed::Member(why) | Failed::Destination(why)) = done {
            let message = format!("the permissions and times of directories could not be set: {why}");
            self.notes.push(Note { path: b".".to_vec(), message });
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
