//! The way to an open window. The toolkit panics where there is no display, or a library is missing; here that is an
//! error.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// An attempt to open the window.
#[derive(Debug, Clone, Default)]
pub struct Opening {
    has_succeeded: Arc<AtomicBool>,
}

impl Opening {
    /// The window is open. From now on a panic is a fault of the program, and reported as one.
    pub fn succeed(&self) {
        self.has_succeeded.store(true, Ordering::Relaxed);
    }

    /// Runs the toolkit.
    ///
    /// # Errors
    /// The words of a panic before the window was open.
    pub fn attempt<T>(&self, run: impl FnOnce() -> T) -> Result<T, String> {
        self.keep_quiet();
        panic::catch_unwind(AssertUnwindSafe(run)).or_else(|payload| {
            match self.has_succeeded.load(Ordering::Relaxed) {
                true => panic::resume_unwind(payload),
                false => Err(words_of(payload.as_ref())),
            }
        })
    }

    /// What is caught here is not reported; what happens elsewhere, or later, is.
    fn keep_quiet(&self) {
        let (has_succeeded, here) = (self.has_succeeded.clone(), thread::current().id());
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if has_succeeded.load(Ordering::Relaxed) || thread::current().id() != here {
                report(info);
            }
        }));
    }
}

fn words_of(payload: &(dyn Any + Send)) -> String {
    let words = payload.downcast_ref::<String>().map(String::as_str);
    words.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or_default().to_owned()
}
