//! What arrives, measured. Pure: every call takes the time.
//!
//! [`Reception`] counts the packets of one source, [`Intake`] what they bring, and [`Showing`] follows the pictures to the
//! screen; together they make a [`Snapshot`]. Snapshots make a [`Timeline`], a [`Record`] keeps all of a session, and a
//! [`Report`] tells it. [`GROUPS`] defines every figure.

mod bursts;
mod definitions;
mod figures;
mod intake;
mod jitter;
mod meter;
mod reception;
mod record;
mod report;
mod showing;
mod snapshot;
mod stalls;
mod steps;
mod strip;
mod timeline;

pub use definitions::{Figure, GROUPS, Group};
pub use figures::Figures;
pub use intake::Intake;
pub use jitter::{Jitter, JitterFigures};
pub use meter::{Average, Meter};
pub use reception::{Arrival, Reception, Sent};
pub use record::Record;
pub use report::{Line, Report, Setting, Subject};
pub use showing::Showing;
pub use snapshot::Snapshot;
pub use steps::Steps;
pub use strip::{Fate, Row, Strip};
pub use timeline::{Second, Timeline};
