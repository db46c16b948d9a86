//! PURE. State of the watch over arriving data.

use std::time::Instant;

/// Looks whether data comes.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The PLAY; none while nothing is played.
    pub(super) started: Option<Instant>,
    pub(super) is_waiting: bool,
    /// It was considered whether to do without datagrams.
    pub(super) gave_up_datagrams: bool,
    pub(super) has_complained: bool,
    /// It was told that no picture can be understood.
    pub(super) has_told_flaw: bool,
}

impl Watch {
    /// PLAY was answered.
    pub(super) fn since(now: Instant) -> Self {
        Self { started: Some(now), ..Self::default() }
    }
}
