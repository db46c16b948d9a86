//! The way of a frame from the receiver to the screen.

pub mod decoder;
pub mod frame;
pub mod jitter_buffer;
pub mod presenter;
