//! `reelay probe`: plays without a window and measures the reception.
//!
//! [`probe`] starts a session, and for a file an embedded server in front of it. A `Watcher` follows the session until
//! it ends, fails or reaches the requested time or number of frames. Then a `ProbeSummary` of its figures is printed.

mod files;
mod progress;
mod run;
mod summary;
mod watcher;

pub use run::probe;
