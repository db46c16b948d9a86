//! Text form of the settings.

use std::fmt;

use super::settings::{Bottleneck, Distribution, Impairments};
use crate::format::exact::{binary_size, data_rate, decimal, milliseconds, percentage};

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uniform => "uniform",
            Self::Normal => "normal",
            Self::Pareto => "Pareto",
        })
    }
}

impl fmt::Display for Impairments {
    /// Writes the impairments that are set, for example `5 % loss in bursts of 3, 2 Mbit/s with a queue of 64 KiB,
    /// 40 ms delay, 10 ms uniform jitter`, or `no faults`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.loss.ratio > 0.0 {
            let bursts = self.loss.mean_burst.map(|mean| format!(" in bursts of {}", decimal(mean)));
            parts.push(format!("{} loss{}", percentage(self.loss.ratio), bursts.unwrap_or_default()));
        }
        if let Some(Bottleneck { bits_per_second, queue }) = self.bottleneck {
            parts.push(format!("{} with a queue of {}", data_rate(bits_per_second), binary_size(queue)));
        }
        if !self.delay.is_zero() {
            parts.push(format!("{} delay", milliseconds(self.delay)));
        }
        if !self.jitter.spread.is_zero() {
            let order = if self.jitter.reorders { " that reorders" } else { "" };
            let spread = milliseconds(self.jitter.spread);
            parts.push(format!("{spread} {} jitter{order}", self.jitter.distribution));
        }
        if self.duplication > 0.0 {
            parts.push(format!("{} duplicated", percentage(self.duplication)));
        }
        if self.corruption > 0.0 {
            parts.push(format!("{} corrupted", percentage(self.corruption)));
        }
        if parts.is_empty() { f.write_str("no faults") } else { f.write_str(&parts.join(", ")) }
    }
}
