//! Settings of the emulated network.

use std::time::Duration;

use serde::Serialize;

/// Serializes a duration in milliseconds, the unit of all files that the program writes.
fn milliseconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64() * 1_000.0)
}

/// Impairments of a network. The default has none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Impairments {
    /// Random loss of packets.
    pub loss: LossModel,
    /// Probability, 0 to 1, that a packet that is not lost at random is duplicated.
    pub duplication: f64,
    /// Probability, 0 to 1, that one bit is inverted in a packet that is not lost at random.
    pub corruption: f64,
    /// Limited throughput; `None` for unlimited throughput.
    pub bottleneck: Option<Bottleneck>,
    /// Delay of all packets, in addition to the time in the queue; milliseconds when serialized.
    #[serde(rename = "delay_ms", serialize_with = "milliseconds")]
    pub delay: Duration,
    /// Random variation of the delay.
    pub jitter: JitterModel,
}

/// Random loss, independent or in bursts.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct LossModel {
    /// Fraction of all packets that is lost in the long run, 0 to 1.
    pub ratio: f64,
    /// Mean number of consecutive lost packets, at least 1; `None` for independent losses. Longer bursts are used if
    /// `ratio` cannot be reached with this length.
    ///
    /// This is the Gilbert model, a simplified Gilbert–Elliott model: a good state without loss, and a bad state in
    /// which every packet is lost.
    pub mean_burst: Option<f64>,
}

/// Limited throughput with a queue.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bottleneck {
    /// Throughput in bits per second of IP packets, which are 28 bytes longer than the UDP payload.
    pub bits_per_second: u64,
    /// Capacity of the queue, in bytes of IP packets. A packet is lost if it does not fit.
    pub queue: u32,
}

/// Random variation of the delay.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct JitterModel {
    /// Size of the variation, as defined by the distribution; milliseconds when serialized.
    #[serde(rename = "spread_ms", serialize_with = "milliseconds")]
    pub spread: Duration,
    /// Distribution of the variation.
    pub distribution: Distribution,
    /// Packets can overtake each other. Otherwise a packet waits for the previous one.
    pub reorders: bool,
}

/// Distribution of the jitter. The total delay is never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    /// Uniform from `delay − spread` to `delay + spread`.
    #[default]
    Uniform,
    /// Normal with mean `delay` and standard deviation `spread`.
    Normal,
    /// Pareto with shape 3: at least `delay`, with mean `delay + spread`. Most packets have little additional delay and
    /// a few have much.
    Pareto,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_milliseconds_in_files() {
        let impairments = Impairments { delay: Duration::from_micros(12_500), ..Impairments::default() };
        assert_eq!(serde_json::to_value(impairments).unwrap()["delay_ms"], 12.5);
    }
}
