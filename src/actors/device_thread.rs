//! A thread that owns one device and runs one command after the other on it.
//!
//! Drives and robots block for minutes, so an actor must not call them on its own thread. The device is opened by the
//! first command that needs it and dropped (to be opened afresh) when a command panics or the operating system lost it.

use crate::{Error, Result};
use crossbeam_channel::{Sender, unbounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use tokio::sync::oneshot;

type Command<D> = Box<dyn FnOnce(&mut Slot<D>) + Send>;

/// The place of a device: empty until it is opened.
pub struct Slot<D: ?Sized> {
    open: Box<dyn FnMut() -> tape_drive::Result<Box<D>> + Send>,
    device: Option<Box<D>>,
}

impl<D: ?Sized> Slot<D> {
    /// The device, opened if it is not.
    pub fn device(&mut self) -> tape_drive::Result<&mut D> {
        if self.device.is_none() {
            self.device = Some((self.open)()?);
        }
        self.device.as_deref_mut().ok_or_else(|| {
            tape_drive::DriveError::new(
                tape_drive::DriveErrorKind::Io,
                tape_drive::Operation::Open,
                "the device could not be opened",
            )
        })
    }

    /// Whether the device is open.
    pub fn is_open(&self) -> bool {
        self.device.is_some()
    }

    /// Forgets the device, so that the next command opens it again.
    pub fn close(&mut self) {
        self.device = None;
    }
}

/// The sending side; the thread ends when it is dropped.
pub struct DeviceThread<D: ?Sized> {
    commands: Sender<Command<D>>,
    name: String,
}

impl<D: ?Sized + Send + 'static> DeviceThread<D> {
    /// Starts a thread for the device that `open` opens.
    pub fn start(
        name: &str,
        open: impl FnMut() -> tape_drive::Result<Box<D>> + Send + 'static,
    ) -> std::io::Result<DeviceThread<D>> {
        let (commands, queue) = unbounded::<Command<D>>();
        let mut slot = Slot { open: Box::new(open), device: None };
        std::thread::Builder::new().name(name.into()).spawn(move || {
            for command in queue {
                if catch_unwind(AssertUnwindSafe(|| command(&mut slot))).is_err() {
                    // its state is unknown now
                    slot.close();
                }
            }
        })?;
        Ok(DeviceThread { commands, name: name.into() })
    }

    /// Runs `work` on the thread, after everything asked before.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Slot<D>) -> Result<T> + Send + 'static,
    ) -> Pin<Box<dyn Future<Output = Result<T>> + Send>> {
        let (answer, answered) = oneshot::channel();
        let sent = self.commands.send(Box::new(move |slot| {
            let _ = answer.send(work(slot));
        }));
        let name = self.name.clone();
        Box::pin(async move {
            if sent.is_err() {
                return Err(Error::internal(format!("the thread of {name} has ended")));
            }
            answered.await.unwrap_or_else(|_| {
                Err(Error::internal(format!(
                    "the command to {name} ended in a program error; the device is opened again for the next one"
                )))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    trait Counter: Send {
        fn next(&mut self) -> u32;
    }
    impl Counter for u32 {
        fn next(&mut self) -> u32 {
            *self += 1;
            *self
        }
    }

    #[test]
    fn a_panic_fails_one_command_and_the_device_is_opened_again() {
        let thread = DeviceThread::<dyn Counter>::start("test", || Ok(Box::new(0u32) as Box<dyn Counter>)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            assert_eq!(thread.run(|slot| Ok(slot.device()?.next())).await.unwrap(), 1);
            assert_eq!(thread.run(|slot| Ok(slot.device()?.next())).await.unwrap(), 2);
            let failed = thread.run::<()>(|_| panic!("a bug")).await.unwrap_err();
            assert!(failed.message.contains("program error"), "{failed}");
            assert_eq!(thread.run(|slot| Ok(slot.device()?.next())).await.unwrap(), 1);
        });
    }
}
