//! Presentation of frames: jitter buffer, decoder and the slot that the screen reads.

pub mod decoder;
pub mod jitter_buffer;
pub mod presenter;
