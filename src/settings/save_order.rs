//! Order of the saves of one process.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::values::Settings;

/// Order of saves that run beside one another: one that is late does not replace later settings.
#[derive(Debug, Clone)]
pub struct SaveOrder {
    requested: Arc<AtomicU64>,
    /// Last save that has written, held while one writes.
    written: Arc<Mutex<Written>>,
}

/// Last save that has written.
#[derive(Debug)]
struct Written {
    /// Number of the save; 0 if there was none.
    number: u64,
    /// Settings that it has written, or those that were loaded.
    settings: Settings,
}

/// Settings that are to be saved.
#[derive(Debug)]
pub struct PendingSave {
    settings: Settings,
    number: u64,
    written: Arc<Mutex<Written>>,
}

impl SaveOrder {
    /// Creates the order of the saves that follow the loading of these settings.
    pub fn new(loaded: Settings) -> Self {
        let written = Written { number: 0, settings: loaded };
        Self { requested: Arc::default(), written: Arc::new(Mutex::new(written)) }
    }

    /// Returns a save of these settings, which follows all that were created before.
    pub fn next(&self, settings: Settings) -> PendingSave {
        let number = self.requested.fetch_add(1, Ordering::Relaxed) + 1;
        PendingSave { settings, number, written: self.written.clone() }
    }
}

impl PendingSave {
    /// Saves what has changed in the settings since the save before, unless later ones were saved. Blocks.
    ///
    /// # Errors
    /// Returns the error of [`Settings::save`].
    pub fn save(self) -> io::Result<()> {
        self.write_with(Settings::save)
    }

    fn write_with(self, write: impl FnOnce(&Settings, &Settings) -> io::Result<()>) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if self.number > written.number {
            write(&self.settings, &written.settings)?;
            *written = Written { number: self.number, settings: self.settings };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn late_save_does_not_replace_later_settings() {
        let (order, written) = (SaveOrder::new(Settings::default()), RefCell::new(Vec::new()));
        let save_of = |delay| order.next(Settings { playout_delay_ms: delay, ..Settings::default() });
        let write = |settings: &Settings, before: &Settings| {
            written.borrow_mut().push((before.playout_delay_ms, settings.playout_delay_ms));
            Ok(())
        };
        let [first, second, third] = [1, 2, 3].map(save_of);
        second.write_with(write).unwrap();
        first.write_with(write).unwrap();
        third.write_with(|_, _| Err(io::Error::other("full"))).unwrap_err();
        save_of(4).write_with(write).unwrap();
        assert_eq!(*written.borrow(), [(50, 2), (2, 4)], "each with the settings that were written before");
    }
}
