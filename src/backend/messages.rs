//! What goes into the backend and what comes out of it.

use std::time::Duration;

use super::source::MediaSource;
use crate::impairment::EmulatorSettings;
use crate::media::FrameRate;
use crate::media_file::{IndexProgress, MediaInfo};
use crate::session::{Goal, RtspOptions, SessionCommand, SessionEvent, SourceUrl};

/// Something that the window wants.
#[derive(Debug)]
pub enum Command {
    /// Play a film on this machine.
    Open {
        /// The window's number for it; what is told of it carries the number.
        generation: u64,
        /// Which.
        source: MediaSource,
        /// How far to go without being asked.
        goal: Goal,
    },
    /// Play a stream.
    Connect {
        /// The window's number for it; what is told of it carries the number.
        generation: u64,
        /// Which.
        url: SourceUrl,
        /// How.
        options: RtspOptions,
        /// How far to go without being asked.
        goal: Goal,
    },
    /// The user wants something of the session: a button was pressed, or the time line moved.
    Session {
        /// The number of what it is meant for; one that is older is ignored.
        generation: u64,
        /// What is wanted.
        command: SessionCommand,
    },
    /// Show a frame of the film without playing it.
    Preview(u64),
    /// Play films that state no rate at this one.
    SetFrameRate(FrameRate),
    /// Let pictures wait this long.
    SetPlayoutDelay(Duration),
    /// Let the emulated network be like this, from the next packet on.
    SetNetworkConditions(EmulatorSettings),
}

/// Something that the window is told, with the number of what it is about.
#[derive(Debug, Clone)]
pub struct BackendEvent {
    /// The number that came with [`Command::Open`] or [`Command::Connect`].
    pub generation: u64,
    /// What happened.
    pub kind: BackendEventKind,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum BackendEventKind {
    /// The film is open.
    Opened(MediaInfo),
    /// The film could not be opened; a sentence says why. Everything else stays as it was.
    OpenFailed(String),
    /// More of the film is known.
    IndexProgress(IndexProgress),
    /// The file can no longer be read.
    ReadFailed(String),
    /// Something in the session.
    Session(SessionEvent),
}

/// How the backend begins.
#[derive(Debug, Clone, Copy)]
pub struct BackendOptions {
    /// Frames a second of films that state no rate.
    pub frame_rate: FrameRate,
    /// How long pictures wait.
    pub playout_delay: Duration,
}
