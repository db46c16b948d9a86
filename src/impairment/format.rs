//! Settings in words.

use std::fmt;
use std::time::Duration;

use super::settings::{Bottleneck, Distribution, Impairments};

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
    /// `5 % loss in bursts of 3, 2 Mbit/s with a queue of 64 KiB, 40 ms delay, 10 ms uniform jitter`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.loss.ratio > 0.0 {
            let bursts = self.loss.mean_burst.map(|mean| format!(" in bursts of {}", decimal(mean)));
            parts.push(format!("{} loss{}", percent(self.loss.ratio), bursts.unwrap_or_default()));
        }
        if let Some(Bottleneck { bits_per_second, queue }) = self.bottleneck {
            parts.push(format!("{} with a queue of {}", bit_rate(bits_per_second), byte_size(queue)));
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
            parts.push(format!("{} duplicated", percent(self.duplication)));
        }
        if self.corruption > 0.0 {
            parts.push(format!("{} corrupted", percent(self.corruption)));
        }
        if parts.is_empty() { f.write_str("no faults") } else { f.write_str(&parts.join(", ")) }
    }
}

/// Three digits behind the point at the most, and none that say nothing.
fn decimal(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn percent(ratio: f64) -> String {
    format!("{} %", decimal(ratio * 100.0))
}

fn bit_rate(bits_per_second: u64) -> String {
    match bits_per_second as f64 {
        rate if rate >= 1e6 => format!("{} Mbit/s", decimal(rate / 1e6)),
        rate if rate >= 1e3 => format!("{} kbit/s", decimal(rate / 1e3)),
        rate => format!("{rate} bit/s"),
    }
}

fn byte_size(bytes: u32) -> String {
    match bytes {
        bytes if bytes >= 1024 => format!("{} KiB", decimal(f64::from(bytes) / 1024.0)),
        bytes => format!("{bytes} bytes"),
    }
}

fn milliseconds(span: Duration) -> String {
    format!("{} ms", decimal(span.as_secs_f64() * 1_000.0))
}
