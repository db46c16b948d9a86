//! Sliders of the Network panel: the setting of each, its range, and its scale.

use std::time::Duration;

use crate::impairment::{Bottleneck, Impairments};
use crate::ui::widget::control::SliderStep;

/// Setting that has a slider and a number field.
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

/// Relation between the position of a slider, from 0 to 1, and its value.
#[derive(Debug, Clone, Copy)]
enum Scale {
    /// Values from 0 to this maximum, proportional to the square of the position, so that small values can be set more
    /// finely.
    Quadratic(f64),
    /// Values from a minimum above 0 to a maximum; equal distances multiply the value by equal factors.
    Logarithmic(f64, f64),
}

/// Distance that an arrow key moves a slider, as a share of its length.
const KEY_STEP: f32 = 0.01;

/// Number of bytes per KiB.
const KIB: f64 = 1_024.0;

impl SliderField {
    /// Returns the label of the slider.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "Loss",
            Self::MeanBurst => "Mean loss burst",
            Self::Throughput => "Throughput",
            Self::Queue => "Queue",
            Self::Delay => "Delay",
            Self::Jitter => "Jitter",
            Self::Duplication => "Duplication",
            Self::Corruption => "Corruption",
        }
    }

    /// Returns the id of the slider. The number field beside it has the name as its id.
    pub fn slider_id(self) -> &'static str {
        match self {
            Self::Loss => "slider-loss",
            Self::MeanBurst => "slider-mean-burst",
            Self::Throughput => "slider-throughput",
            Self::Queue => "slider-queue",
            Self::Delay => "slider-delay",
            Self::Jitter => "slider-jitter",
            Self::Duplication => "slider-duplication",
            Self::Corruption => "slider-corruption",
        }
    }

    /// Returns the unit of the value.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Loss | Self::Duplication | Self::Corruption => "%",
            Self::MeanBurst => "packets",
            Self::Throughput => "Mbit/s",
            Self::Queue => "KiB",
            Self::Delay | Self::Jitter => "ms",
        }
    }

    /// Returns the tooltip: what the setting does.
    pub fn description(self) -> &'static str {
        match self {
            Self::Loss => "Share of the packets that are lost.",
            Self::MeanBurst => {
                "Mean number of packets lost in a row; 1 for losses that do not depend on each other."
            }
            Self::Throughput => "Bits per second that the narrowest link carries; no limit at the right end.",
            Self::Queue => "Bytes that wait before the narrowest link; packets beyond are lost.",
            Self::Delay => "Time that each packet takes.",
            Self::Jitter => "Spread of the delay around its mean.",
            Self::Duplication => "Share of the packets that arrive twice.",
            Self::Corruption => "Share of the packets with one wrong bit.",
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

    /// Returns the smallest and the largest value that can be typed. The slider covers only the useful part of it.
    fn range(self) -> (f64, f64) {
        match self {
            Self::Loss | Self::Duplication | Self::Corruption => (0.0, 100.0),
            Self::MeanBurst => (1.0, 1_000.0),
            Self::Throughput => (0.001, 100_000.0),
            Self::Queue => (1.0, KIB * KIB),
            Self::Delay | Self::Jitter => (0.0, 10_000.0),
        }
    }

    /// Returns the value at a position from 0 to 1; `None` (no limit) at the right end of the throughput.
    pub fn value_at(self, position: f32) -> Option<f64> {
        let position = f64::from(position);
        if self == Self::Throughput && position >= 0.999 {
            return None;
        }
        let number = match self.scale() {
            Scale::Quadratic(max) => max * position * position,
            Scale::Logarithmic(min, max) => min * (max / min).powf(position),
        };
        // Two significant digits, as fine as a slider can be moved.
        let step = 10f64.powf(number.max(0.01).log10().floor() - 1.0);
        Some((number / step).round() * step)
    }

    /// Returns the position of a value, from 0 to 1; `None` (no limit) is at the right end.
    pub fn position(self, value: Option<f64>) -> f32 {
        let Some(value) = value else { return 1.0 };
        let position = match self.scale() {
            Scale::Quadratic(max) => (value / max).sqrt(),
            Scale::Logarithmic(min, max) => (value.max(min) / min).ln() / (max / min).ln(),
        };
        position.clamp(0.0, 1.0) as f32
    }

    /// Returns the position to which a key moves the slider from a value. Each step changes the value, although small
    /// values are rounded to the same number at several positions.
    pub fn stepped(self, value: Option<f64>, step: SliderStep) -> f32 {
        let steps = match step {
            SliderStep::Start => return 0.0,
            SliderStep::End => return 1.0,
            SliderStep::By(steps) => steps,
        };
        let start = self.position(value);
        let rounded = self.value_at(start);
        let at = |count: u8| (start + f32::from(count) * f32::from(steps) * KEY_STEP).clamp(0.0, 1.0);
        (1..=u8::MAX).map(at).find(|position| self.value_at(*position) != rounded).unwrap_or(start)
    }

    /// Parses typed text: `None` if it is not a number in range, `Some(None)` for no limit.
    pub fn parse(self, input: &str) -> Option<Option<f64>> {
        let input = input.trim().replace(',', ".");
        if input.is_empty() && self == Self::Throughput {
            return Some(None);
        }
        let (min, max) = self.range();
        input.parse().ok().filter(|number| (min..=max).contains(number)).map(Some)
    }

    /// Returns the valid range in words, shown after invalid input.
    pub fn range_hint(self) -> String {
        let (min, max) = self.range();
        match self {
            Self::Throughput => format!("A number from {min} to {max}; empty for no limit"),
            _ => format!("A number from {min} to {max}"),
        }
    }

    /// Formats a value as it is typed, with at most three decimals; empty for no limit.
    pub fn format(self, value: Option<f64>) -> String {
        let Some(value) = value else { return String::new() };
        let text = format!("{value:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// Returns the current value, `None` for no limit. `queue_bytes` is the queue size, which `impairments` holds only
    /// while the throughput is limited.
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

    /// Sets a value that [`SliderField::value_at`] or [`SliderField::parse`] returned.
    pub fn set(self, impairments: &mut Impairments, queue_bytes: &mut u32, value: Option<f64>) {
        let number = value.unwrap_or_default();
        let duration = Duration::try_from_secs_f64(number / 1_000.0).unwrap_or_default();
        match self {
            Self::Loss => impairments.loss.ratio = number / 100.0,
            // A mean burst of one packet is independent loss.
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
    fn arrow_keys_reach_both_ends_of_a_slider() {
        for field in ALL {
            for (direction, start, end) in [(1, 0.0, 1.0), (-1, 1.0, 0.0)] {
                let mut value = field.value_at(start);
                let mut steps = 0;
                while value != field.value_at(end) {
                    let next = field.value_at(field.stepped(value, SliderStep::By(direction)));
                    assert_ne!(next, value, "{field:?}");
                    value = next;
                    steps += 1;
                    assert!(steps <= 200, "{field:?}: {value:?}");
                }
                assert!(steps >= 20, "{field:?}: {steps}");
            }
            assert_eq!(field.stepped(field.value_at(0.5), SliderStep::End), 1.0);
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
