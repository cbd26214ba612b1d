//! The folder the demonstration works in: marked, so that nothing else is ever deleted.

use super::super::exit::{CliError, CliResult, Doing};
use std::fs;
use std::path::{Path, PathBuf};

const MARKER: &str = ".tapebackarr-demo";

/// Where everything of one demonstration is.
pub struct Folder {
    root: PathBuf,
    /// Deleted when dropped, if it is one of our own making.
    _temporary: Option<tempfile::TempDir>,
}

impl Folder {
    /// An empty folder: a new temporary one, or `dir` after deleting what an earlier demonstration left in it.
    pub fn prepare(dir: Option<&Path>) -> CliResult<Self> {
        let Some(dir) = dir else {
            let temporary = tempfile::Builder::new().prefix("tapebackarr-demo-").tempdir();
            let temporary = temporary.doing("cannot make a temporary folder")?;
            let root = temporary.path().canonicalize().doing("cannot use the temporary folder")?;
            return Ok(Folder { root, _temporary: Some(temporary) });
        };
        let shown = dir.display();
        fs::create_dir_all(dir).doing(format_args!("cannot make {shown}"))?;
        let root = dir.canonicalize().doing(format_args!("cannot use {shown}"))?;
        let marker = root.join(MARKER);
        let mut entries = fs::read_dir(&root).doing(format_args!("cannot read {shown}"))?;
        if entries.next().is_some() && !marker.exists() {
            return Err(CliError::usage(format!("{shown} holds something that is not of an earlier demonstration"))
                .advise("choose an empty folder for --data-dir; nothing was touched"));
        }
        for part in ["server", "library", "sample", "expected", "restored"] {
            remove(&root.join(part))?;
        }
        fs::write(&marker, "What a demonstration put beside this file is deleted by the next `tapebackarr demo`.\n")
            .doing(format_args!("cannot write to {shown}"))?;
        Ok(Folder { root, _temporary: None })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The server's data.
    pub fn server(&self) -> PathBuf {
        self.root.join("server")
    }

    /// The virtual library.
    pub fn library(&self) -> PathBuf {
        self.root.join("library")
    }

    /// The folder that is changed between the runs.
    pub fn sample(&self) -> PathBuf {
        self.root.join("sample")
    }

    /// What a restore of the state before the change must be equal to.
    pub fn expected(&self) -> PathBuf {
        self.root.join("expected")
    }

    /// Where a restore goes.
    pub fn restored(&self, name: &str) -> PathBuf {
        self.root.join("restored").join(name)
    }
}

fn remove(path: &Path) -> CliResult {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(CliError::failed(format!("cannot remove {}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_other_things_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.tex"), "important").unwrap();
        assert!(Folder::prepare(Some(dir.path())).is_err());
        assert!(dir.path().join("thesis.tex").exists());
        assert!(!dir.path().join(MARKER).exists());
    }

    #[test]
    fn a_folder_of_an_earlier_demonstration_is_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("new");
        let folder = Folder::prepare(Some(&dir)).unwrap();
        fs::create_dir_all(folder.restored("x")).unwrap();
        fs::write(folder.root().join("notes"), "mine").unwrap();
        let folder = Folder::prepare(Some(&dir)).unwrap();
        assert!(!folder.restored("x").exists());
        assert!(folder.root().join("notes").exists(), "only its own parts are removed");
    }
}
