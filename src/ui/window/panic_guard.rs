//! The way to an open window. The toolkit panics where there is no display, or a library is missing; here that is an
//! error.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// An attempt to open the window.
#[derive(Debug, Clone, Default)]
pub struct PanicGuard {
    is_window_open: Arc<AtomicBool>,
}

impl PanicGuard {
    /// The window is open. From now on a panic is a fault of the program, and reported as one.
    pub fn disarm(&self) {
        self.is_window_open.store(true, Ordering::Relaxed);
    }

    /// Runs the toolkit.
    ///
    /// # Errors
    /// The words of a panic before the window was open.
    pub fn catch_panic<T>(&self, run: impl FnOnce() -> T) -> Result<T, String> {
        self.silence_panic_hook();
        panic::catch_unwind(AssertUnwindSafe(run)).or_else(|payload| {
            match self.is_window_open.load(Ordering::Relaxed) {
                true => panic::resume_unwind(payload),
                false => Err(panic_message(payload.as_ref())),
            }
        })
    }

    /// What is caught here is not reported; what happens elsewhere, or later, is.
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
