//! Panics while the window is being opened, as errors. winit panics if there is no display, or if a library is missing.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Guard that turns a panic before the window is open into an error.
#[derive(Debug, Clone, Default)]
pub struct PanicGuard {
    is_window_open: Arc<AtomicBool>,
}

impl PanicGuard {
    /// Disables the guard once the window is open: a later panic is a bug, and is reported as one.
    pub fn disarm(&self) {
        self.is_window_open.store(true, Ordering::Relaxed);
    }

    /// Runs iced.
    ///
    /// # Errors
    /// Returns the message of a panic before [`PanicGuard::disarm`]. A later panic continues.
    pub fn catch_panic<T>(&self, run: impl FnOnce() -> T) -> Result<T, String> {
        self.silence_panic_hook();
        panic::catch_unwind(AssertUnwindSafe(run)).or_else(|payload| {
            match self.is_window_open.load(Ordering::Relaxed) {
                true => panic::resume_unwind(payload),
                false => Err(panic_message(payload.as_ref())),
            }
        })
    }

    /// Suppresses the report of a panic that `catch_panic` catches; those of other threads and later ones are printed.
    fn silence_panic_hook(&self) {
        let (is_window_open, thread_id) = (self.is_window_open.clone(), thread::current().id());
        let previous_hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if is_window_open.load(Ordering::Relaxed) || thread::current().id() != thread_id {
                previous_hook(info);
            }
        }));
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let message = payload.downcast_ref::<String>().map(String::as_str);
    message.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or_default().to_owned()
}
