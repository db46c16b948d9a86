//! What arrives, measured. Pure: every call takes the time.
//!
//! [`Reception`] counts the packets of one source, [`Intake`] what they bring, and [`Showing`] follows the pictures to the
//! screen; together they make a [`Snapshot`]. Snapshots make a [`Timeline`], a [`Record`] keeps all of a session, and a
//! [`Report`] tells it. [`GROUPS`] defines every figure.

mod definitions;
mod figures;
mod frame_interval;
mod jitter;
mod loss_bursts;
mod meter;
mod packet_log;
mod presentation_stats;
mod receive_stats;
mod rtp_receiver;
mod session_history;
mod session_report;
mod snapshot;
mod stalls;
mod timeline;

pub use definitions::{FIGURE_GROUPS, Figure, FigureGroup};
pub use figures::Figures;
pub use frame_interval::FrameInterval;
pub use jitter::{InterarrivalJitter, JitterFigures};
pub use meter::{RateMeter, RollingAverage};
pub use packet_log::{Fate, PacketLog, PacketLogRow};
pub use presentation_stats::PresentationStats;
pub use receive_stats::ReceiveStats;
pub use rtp_receiver::{Arrival, RtpReceiver, SenderCounts};
pub use session_history::SessionHistory;
pub use session_report::{EmulatorChange, ReportLine, ReportSubject, SessionReport};
pub use snapshot::Snapshot;
pub use timeline::{Second, Timeline};
