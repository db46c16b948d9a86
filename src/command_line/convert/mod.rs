//! `reelay convert`: writes the frames of a film to a file of another format, without encoding them again.
//!
//! [`convert`] opens the film, and a `Plan` compares its frames with what the target can hold before anything is
//! written. The target is written aside and renamed when it is complete. A stream is recorded while it is played.

mod output;
mod plan;
mod progress_bar;
mod repetition;
mod run;
mod stream;

pub use run::convert;
