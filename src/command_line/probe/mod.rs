//! `reelay probe`: plays without a window and measures what arrives.
//!
//! [`probe`] starts a session, and for a file an embedded server in front of it. A `Watcher` follows the session until
//! it ends, fails or has been played for long enough, and makes a `ProbeSummary` of it, which is printed.

mod files;
mod progress;
mod run;
mod summary;
mod watcher;

pub use run::probe;
