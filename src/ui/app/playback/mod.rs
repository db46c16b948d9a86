//! State of the open media in the window: the goal of the user, the events of the backend, and the resulting state of
//! buttons, time line and banners.
//!
//! [`Playback`] does not depend on widgets. The application calls [`Playback::open`], [`Playback::connect`],
//! [`Playback::press`] and [`Playback::seek`] for the user and [`Playback::handle_event`] for the backend; the view
//! reads the rest. It changes its own state at once and sends a command; later events confirm or correct the state.

mod buttons;
mod events;
mod notice;
mod opening;
mod position;
mod reconnect;
mod sign_in;
mod source;
mod speed;
mod state;

pub use buttons::Button;
pub use notice::Notice;
pub use position::PlaybackPosition;
pub use source::Source;
pub use speed::{SPEEDS, SpeedObstacle};
pub use state::{Playback, SignInRequest, TrustRequest};

#[cfg(test)]
mod tests;
