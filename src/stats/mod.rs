//! Figures of a session: packets, bytes, frames and delays. Every call takes the time, so nothing reads a clock.
//!
//! [`RtpReceiver`] counts the packets of one source, [`ReceiveStats`] their bytes and frames, and [`PresentationStats`]
//! the frames shown. Each adds its figures to a [`Snapshot`]. [`SessionHistory`] keeps the newest snapshot and a
//! [`Timeline`], and builds the [`SessionReport`]. [`FIGURE_GROUPS`] defines every figure.
//!
//! ```
//! use std::time::Instant;
//!
//! use reelay::proto::rtp::Header;
//! use reelay::stats::{Arrival, RtpReceiver, Snapshot};
//!
//! let (now, mut receiver) = (Instant::now(), RtpReceiver::default());
//! let header = |sequence| Header { marker: true, payload_type: 26, sequence, timestamp: 0, ssrc: 7 };
//! // Sequence number 0 is missing between these two.
//! assert_eq!(receiver.handle_packet(now, &header(65_535)), Arrival::New(65_535));
//! assert_eq!(receiver.handle_packet(now, &header(1)), Arrival::New(65_537));
//!
//! let mut snapshot = Snapshot::default();
//! receiver.add_to(&mut snapshot, None);
//! assert_eq!((snapshot.packets_expected, snapshot.packets_received, snapshot.packets_lost), (3, 2, 1));
//! ```

mod definitions;
mod figures;
mod frame_interval;
mod jitter;
mod loss_bursts;
mod loss_doubt;
mod meter;
mod packet_log;
mod packet_rate;
mod presentation_stats;
mod receive_stats;
mod rtp_receiver;
mod sequence_window;
mod session_history;
mod session_report;
mod snapshot;
mod stalls;
mod timeline;

pub use definitions::{
    FIGURE_GROUPS, FRESH_AREA_PER_SECOND, Figure, FigureGroup, LOSS_PER_SECOND, NO_PACKETS_NOTE, Span,
    figure_of,
};
pub use figures::Figures;
pub use frame_interval::FrameInterval;
pub use jitter::{InterarrivalJitter, JitterFigures};
pub use loss_doubt::LossDoubt;
pub use meter::{RateMeter, RollingAverage};
pub use packet_log::{Fate, PacketLog, PacketLogRow};
pub use presentation_stats::PresentationStats;
pub use receive_stats::{MissingPart, ReceiveStats};
pub use rtp_receiver::{Arrival, MAX_HELD_PACKETS, MAX_HOLD_TIME, RtpReceiver, SenderCounts, is_near};
pub use session_history::SessionHistory;
pub use session_report::{EmulatorChange, ReportLine, ReportSubject, SessionReport};
pub use snapshot::{DelayReason, FrameTimeAreas, PACKET_FIELDS, Snapshot};
pub use timeline::{Second, Timeline};
