//! Commands to the backend, events from it, and its start options.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::frame_rates::FrameRates;
use super::recording::{RecordingRequest, RecordingUpdate, SnapshotRequest};
use super::sharing::Sharing;
use super::source::{FoundList, MediaSource};
use super::thumbnail::{Thumbnail, ThumbnailRequest};
use crate::impairment::EmulatorSettings;
use crate::media_file::{IndexProgress, MediaInfo};
use crate::proto::fec::ParityLayout;
use crate::proto::rtsp::Factor;
use crate::session::{
    Goal, PlayoutDelay, SessionCommand, SessionEvent, SourceUrl, StreamOptions, TrustedCertificate,
};

/// Command from the window to the backend.
#[derive(Debug)]
pub enum Command {
    /// Opens a local file or the sample, serves it from the embedded server and starts a session with that server. The
    /// current session continues until the file is open; [`BackendEventKind::OpenFailed`] leaves it untouched.
    Open {
        /// Number that the window gives to this media; all its events carry it.
        generation: u64,
        /// File or sample to open.
        source: MediaSource,
        /// Initial goal of the session.
        goal: Goal,
    },
    /// Closes the current media and starts a session with a remote server.
    Connect {
        /// Number that the window gives to this stream; all its events carry it.
        generation: u64,
        /// Address of the stream.
        url: SourceUrl,
        /// Transport, ports and timeouts of the session.
        options: StreamOptions,
        /// Initial goal of the session.
        goal: Goal,
    },
    /// Passes a command on to the session, such as the goal of a pressed button or a seek.
    Session {
        /// Number of the media that the command is for. Ignored if that is no longer the current one.
        generation: u64,
        /// Command for the session.
        command: SessionCommand,
    },
    /// Shows a frame of the open file without playing it, by its index from 0. Only the newest of several waiting
    /// previews is read.
    Preview(u64),
    /// Serves the media of this generation, which may still be opened, to other players in the network.
    Share {
        /// Number of the media.
        generation: u64,
    },
    /// Stops serving the media; opening other media does the same.
    StopSharing,
    /// Shows a frame of the open file, by its index from 0, and no frames of the session until that has started to play
    /// from another position, or no longer plays. For the time line, while it is dragged during playback.
    Scrub(u64),
    /// Decodes a small picture of a frame of the open file. Only the newest of several waiting ones is decoded.
    Thumbnail(ThumbnailRequest),
    /// Closes the current media, and ends its session.
    Close {
        /// Number that the window gives to the time without media; later events of the closed ones have older numbers.
        generation: u64,
    },
    /// Sets the frame rates of films that state none, from the next [`Command::Open`] on.
    SetFrameRates(FrameRates),
    /// Sets the speed of the current and of later sessions.
    SetSpeed(Factor),
    /// Sets the playout delay of the current and of later sessions.
    SetPlayoutDelay(PlayoutDelay),
    /// Sets whether lost packets of later films are requested again; streams have their own options.
    SetRetransmission(bool),
    /// Sets the arrangement of the packets that parity packets of later films protect; streams have their own options.
    SetErrorCorrection(Option<ParityLayout>),
    /// Sets how damaged frames of the current and of later sessions are shown.
    SetConcealment(Concealment),
    /// Records what the current session receives from now on, unless something is recorded already. The recording ends
    /// with [`Command::StopRecording`], Stop, the end of the stream, or other media.
    StartRecording(RecordingRequest),
    /// Ends the recording.
    StopRecording,
    /// Saves a frame.
    SaveSnapshot(SnapshotRequest),
    /// Sets the certificates that the user trusts, for later sessions.
    SetTrustedCertificates(Vec<TrustedCertificate>),
    /// Configures the emulated network, from the next packet on.
    SetEmulatorSettings(EmulatorSettings),
}

/// Event from the backend to the window.
#[derive(Debug, Clone)]
pub struct BackendEvent {
    /// Number from the [`Command::Open`] or [`Command::Connect`] that the event belongs to.
    pub generation: u64,
    /// Kind and content of the event.
    pub kind: BackendEventKind,
}

/// Kind and content of a [`BackendEvent`].
#[derive(Debug, Clone)]
pub enum BackendEventKind {
    /// The file is open and its session has started.
    Opened(MediaInfo),
    /// The file could not be opened; holds a sentence for the user. The previous media stays open.
    OpenFailed(String),
    /// The file or folder is a list of films. The previous media stays open.
    ListFound(FoundList),
    /// The index of the open file has grown or is finished.
    IndexProgress(IndexProgress),
    /// A thumbnail is decoded.
    ThumbnailReady(Arc<Thumbnail>),
    /// The open file, or a part of it, cannot be read; holds a sentence for the user.
    ReadFailed(String),
    /// The recording has grown or ended. May belong to an earlier generation.
    Recording(RecordingUpdate),
    /// A snapshot was saved at this path, or not, for the reason in a sentence.
    SnapshotSaved(Result<PathBuf, String>),
    /// The media are served to other players, or no longer.
    Sharing(Sharing),
    /// Event of the session.
    Session(SessionEvent),
}

/// Display of frames of which a part is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concealment {
    /// True if such frames are shown, with that part from the frame before.
    pub shows_damaged: bool,
    /// True if that part is tinted.
    pub tints_concealed: bool,
}

impl Default for Concealment {
    fn default() -> Self {
        Self { shows_damaged: true, tints_concealed: false }
    }
}

/// Options of the backend at its start.
#[derive(Debug, Clone)]
pub struct BackendOptions {
    /// Frame rates of films that state none.
    pub frame_rates: FrameRates,
    /// Playout delay of sessions.
    pub playout_delay: Duration,
}
