//! Order of the saves of one process.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::values::Settings;

/// Order of saves that run beside one another: one that is late does not replace later settings.
#[derive(Debug, Clone, Default)]
pub struct SaveOrder {
    requested: Arc<AtomicU64>,
    /// Number of the last save that has written, held while one writes.
    written: Arc<Mutex<u64>>,
}

/// Settings that are to be saved.
#[derive(Debug)]
pub struct PendingSave {
    settings: Settings,
    number: u64,
    written: Arc<Mutex<u64>>,
}

impl SaveOrder {
    /// Returns a save of these settings, which follows all that were created before.
    pub fn next(&self, settings: Settings) -> PendingSave {
        let number = self.requested.fetch_add(1, Ordering::Relaxed) + 1;
        PendingSave { settings, number, written: self.written.clone() }
    }
}

impl PendingSave {
    /// Saves the settings, unless later ones were saved. Blocks.
    ///
    /// # Errors
    /// Returns the error of [`Settings::save`].
    pub fn save(self) -> io::Result<()> {
        self.write_with(Settings::save)
    }

    fn write_with(self, write: impl FnOnce(&Settings) -> io::Result<()>) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if self.number > *written {
            write(&self.settings)?;
            *written = self.number;
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
        let (order, written) = (SaveOrder::default(), RefCell::new(Vec::new()));
        let save_of = |delay| order.next(Settings { playout_delay_ms: delay, ..Settings::default() });
        let write = |settings: &Settings| {
            written.borrow_mut().push(settings.playout_delay_ms);
            Ok(())
        };
        let [first, second, third] = [1, 2, 3].map(save_of);
        second.write_with(write).unwrap();
        first.write_with(write).unwrap();
        third.write_with(|_| Err(io::Error::other("full"))).unwrap_err();
        save_of(4).write_with(write).unwrap();
        assert_eq!(*written.borrow(), [2, 4]);
    }
}
