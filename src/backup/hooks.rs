//! Moments at which tests interfere with a file that is being read; outside of tests there is nothing here.

/// A moment in the reading of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It was chosen and is about to be opened.
    BeforeOpen,
    /// It is open, and its header is decided; its content is about to be read.
    BeforeRead,
    /// Its content was read.
    AfterRead,
}

#[cfg(test)]
type Hook = std::sync::Arc<dyn Fn(Moment, &[u8]) + Send + Sync>;

/// What a test wants to do at those moments.
#[derive(Clone, Default)]
pub struct Hooks {
    #[cfg(test)]
    pub(crate) hook: Option<Hook>,
}

impl Hooks {
    /// The reading of `path` has come to `moment`.
    pub(crate) fn at(&self, moment: Moment, path: &[u8]) {
        #[cfg(test)]
        if let Some(hook) = &self.hook {
            hook(moment, path);
        }
        #[cfg(not(test))]
        let _ = (moment, path);
    }
}
