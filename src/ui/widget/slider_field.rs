//! The sliders of the Network panel: what each sets, and how its place becomes a number.

use std::time::Duration;

use crate::impairment::{Bottleneck, Impairments};

/// One slider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SliderField {
    Loss,
    MeanBurst,
    Throughput,
    Queue,
    Delay,
    Jitter,
    Duplication,
    Corruption,
}

/// How the place of a slider becomes a number.
#[derive(Debug, Clone, Copy)]
enum Scale {
    /// From nothing to this; small numbers have more room than large ones.
    Quadratic(f64),
    /// From one number to another, each part of the way times as much.
    Logarithmic(f64, f64),
}

/// Bytes in a KiB.
const KIB: f64 = 1_024.0;

impl SliderField {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "Loss",
            Self::MeanBurst => "Mean burst of losses",
            Self::Throughput => "Throughput",
            Self::Queue => "Queue",
            Self::Delay => "Delay",
            Self::Jitter => "Jitter",
            Self::Duplication => "Duplicated",
            Self::Corruption => "Corrupted",
        }
    }

    /// What its number counts.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Loss | Self::Duplication | Self::Corruption => "%",
            Self::MeanBurst => "packets",
            Self::Throughput => "Mbit/s",
            Self::Queue => "KiB",
            Self::Delay | Self::Jitter => "ms",
        }
    }

    fn scale(self) -> Scale {
        match self {
            Self::Loss => Scale::Quadratic(100.0),
            Self::MeanBurst => Scale::Logarithmic(1.0, 50.0),
            Self::Throughput => Scale::Logarithmic(0.1, 100.0),
            Self::Queue => Scale::Logarithmic(1.0, 4_096.0),
            Self::Delay => Scale::Quadratic(2_000.0),
            Self::Jitter => Scale::Quadratic(500.0),
            Self::Duplication | Self::Corruption => Scale::Quadratic(50.0),
        }
    }

    /// The smallest and the largest number that can be typed.
    fn range(self) -> (f64, f64) {
        match self {
            Self::Loss | Self::Duplication | Self::Corruption => (0.0, 100.0),
            Self::MeanBurst => (1.0, 1_000.0),
            Self::Throughput => (0.001, 100_000.0),
            Self::Queue => (1.0, KIB * KIB),
            Self::Delay | Self::Jitter => (0.0, 10_000.0),
        }
    }

    /// The number at a place from 0 to 1; the right end of the throughput is no limit.
    pub fn value_at(self, position: f32) -> Option<f64> {
        let position = f64::from(position);
        if self == Self::Throughput && position >= 0.999 {
            return None;
        }
        let number = match self.scale() {
            Scale::Quadratic(max) => max * position * position,
            Scale::Logarithmic(min, max) => min * (max / min).powf(position),
        };
        // Two digits are what a hand can aim at.
        let step = 10f64.powf(number.max(0.01).log10().floor() - 1.0);
        Some((number / step).round() * step)
    }

    /// The place of a number.
    pub fn position(self, value: Option<f64>) -> f32 {
        let Some(value) = value else { return 1.0 };
        let position = match self.scale() {
            Scale::Quadratic(max) => (value / max).sqrt(),
            Scale::Logarithmic(min, max) => (value.max(min) / min).ln() / (max / min).ln(),
        };
        position.clamp(0.0, 1.0) as f32
    }

    /// What was typed; `None` if it is no number that can be set.
    pub fn parse(self, input: &str) -> Option<Option<f64>> {
        let input = input.trim().replace(',', ".");
        if input.is_empty() && self == Self::Throughput {
            return Some(None);
        }
        let (min, max) = self.range();
        input.parse().ok().filter(|number| (min..=max).contains(number)).map(Some)
    }

    /// Which numbers can be set, for somebody who has typed another one.
    pub fn range_hint(self) -> String {
        let (min, max) = self.range();
        match self {
            Self::Throughput => format!("A number from {min} to {max}; empty: no limit"),
            _ => format!("A number from {min} to {max}"),
        }
    }

    /// A number as it would be typed.
    pub fn format(self, value: Option<f64>) -> String {
        let Some(value) = value else { return String::new() };
        let text = format!("{value:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// What is set. `queue` is how many bytes may wait should there be a limit.
    pub fn get(self, impairments: &Impairments, queue_bytes: u32) -> Option<f64> {
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1_000.0;
        Some(match self {
            Self::Loss => impairments.loss.ratio * 100.0,
            Self::MeanBurst => impairments.loss.mean_burst.unwrap_or(1.0),
            Self::Throughput => impairments.bottleneck?.bits_per_second as f64 / 1e6,
            Self::Queue => f64::from(queue_bytes) / KIB,
            Self::Delay => milliseconds(impairments.delay),
            Self::Jitter => milliseconds(impairments.jitter.spread),
            Self::Duplication => impairments.duplication * 100.0,
            Self::Corruption => impairments.corruption * 100.0,
        })
    }

    /// Sets a number that [`Knob::at`] or [`Knob::read`] gave.
    pub fn set(self, impairments: &mut Impairments, queue_bytes: &mut u32, value: Option<f64>) {
        let number = value.unwrap_or_default();
        let duration = Duration::try_from_secs_f64(number / 1_000.0).unwrap_or_default();
        match self {
            Self::Loss => impairments.loss.ratio = number / 100.0,
            // A burst of one is a loss that knows nothing of the one before.
            Self::MeanBurst => impairments.loss.mean_burst = (number > 1.0).then_some(number),
            Self::Throughput => {
                impairments.bottleneck = value.map(|megabits| Bottleneck {
                    bits_per_second: (megabits * 1e6).round() as u64,
                    queue: *queue_bytes,
                });
            }
            Self::Queue => {
                *queue_bytes = (number * KIB).round() as u32;
                if let Some(bottleneck) = &mut impairments.bottleneck {
                    bottleneck.queue = *queue_bytes;
                }
            }
            Self::Delay => impairments.delay = duration,
            Self::Jitter => impairments.jitter.spread = duration,
            Self::Duplication => impairments.duplication = number / 100.0,
            Self::Corruption => impairments.corruption = number / 100.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [SliderField; 8] = [
        SliderField::Loss,
        SliderField::MeanBurst,
        SliderField::Throughput,
        SliderField::Queue,
        SliderField::Delay,
        SliderField::Jitter,
        SliderField::Duplication,
        SliderField::Corruption,
    ];

    #[test]
    fn slider_position_and_value_round_trip() {
        for field in ALL {
            for step in 0..=10 {
                let position = step as f32 / 10.0;
                let value = field.value_at(position);
                assert!(
                    (field.position(value) - position).abs() < 0.02,
                    "{field:?} at {position}: {value:?}"
                );
                let (mut impairments, mut queue) = (Impairments::default(), 0);
                field.set(&mut impairments, &mut queue, value);
                let set = field.get(&impairments, queue);
                assert_eq!(field.format(set), field.format(value), "{field:?} at {position}");
                assert_eq!(
                    field.parse(&field.format(value)).map(|read| read.is_some()),
                    Some(value.is_some())
                );
            }
        }
    }

    #[test]
    fn input_must_be_number_in_range() {
        assert_eq!(SliderField::Loss.parse(" 2,5 "), Some(Some(2.5)));
        assert_eq!(SliderField::Throughput.parse(""), Some(None));
        for (field, input) in [
            (SliderField::Loss, ""),
            (SliderField::Loss, "101"),
            (SliderField::MeanBurst, "0"),
            (SliderField::Delay, "-1"),
            (SliderField::Throughput, "nan"),
        ] {
            assert_eq!(field.parse(input), None, "{field:?} {input}");
        }
    }
}
