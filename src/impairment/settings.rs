//! What can be set.

use std::time::Duration;

use serde::Serialize;

/// Spans are milliseconds in every file that the program writes.
fn milliseconds<S: serde::Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(span.as_secs_f64() * 1_000.0)
}

/// A network's faults. The default has none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Impairments {
    /// Packets that vanish.
    pub loss: LossModel,
    /// Of packets that did not vanish, the part that comes twice; 0 to 1.
    pub duplication: f64,
    /// Of packets that leave, the part in which one bit is wrong; 0 to 1.
    pub corruption: f64,
    /// A limit to how much passes.
    pub bottleneck: Option<Bottleneck>,
    /// How long every packet takes.
    #[serde(rename = "delay_ms", serialize_with = "milliseconds")]
    pub delay: Duration,
    /// How much that varies.
    pub jitter: JitterModel,
}

/// Random loss.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct LossModel {
    /// The part of all packets that is lost in the long run; 0 to 1.
    pub ratio: f64,
    /// How many packets are lost one behind the other, on average; `None` loses each independently of the others. A
    /// ratio that bursts of this length cannot reach makes them longer.
    ///
    /// The model is Gilbert's, the simple case of Gilbert–Elliott: a good state that loses nothing and a bad one
    /// that loses everything.
    pub mean_burst: Option<f64>,
}

/// A link that is slower than what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bottleneck {
    /// Bits a second, counted in bytes of IP: 28 more than a datagram's payload.
    pub bits_per_second: u64,
    /// Bytes that may wait; what comes when the queue is full is lost.
    pub queue: u32,
}

/// How much the delay varies.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct JitterModel {
    /// The measure of the variation; what it means depends on the distribution.
    #[serde(rename = "spread_ms", serialize_with = "milliseconds")]
    pub spread: Duration,
    /// Its shape.
    pub distribution: Distribution,
    /// Whether a packet that is quicker may overtake a slower one.
    pub reorders: bool,
}

/// The shape of the jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    /// Anything from the spread less than the delay to the spread more, equally likely.
    #[default]
    Uniform,
    /// The delay on average, with the spread as standard deviation.
    Normal,
    /// Mostly little more than the delay and sometimes much more, with the spread as the average of what is more;
    /// the shape is 3.
    Pareto,
}
