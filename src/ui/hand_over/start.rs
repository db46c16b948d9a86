//! Result of a start of the program. Sans-I/O.

/// Result of looking for an open window; `L` listens to later starts.
#[derive(Debug)]
pub enum Start<L> {
    /// The open window has taken the arguments.
    #[cfg_attr(not(unix), expect(dead_code))]
    HandedOver,
    /// The start opens a window, which takes the arguments of later starts if there is a listener.
    Window(Option<L>),
}
