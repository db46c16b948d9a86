//! Presentation of frames: jitter buffer, decoder and the slot that the screen reads.
//!
//! A frame is passed to `Presenter::handle_frame`, which repairs a damaged one, and waits in the jitter buffer.
//! `Presenter::poll_frame` returns it when it is due; the driver then passes it to the `Decoder`, whose thread takes
//! what is missing from the picture before, and puts the picture into a `PictureSlot`.

pub mod adaptive_delay;
pub mod conceal;
pub mod decoder;
pub mod jitter_buffer;
pub mod picture_view;
pub mod pixel_pool;
pub mod presenter;
mod sender_clock;
