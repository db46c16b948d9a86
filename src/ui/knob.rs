//! The sliders of the Network panel: what each sets, and how its place becomes a number.

use std::time::Duration;

use crate::impairment::{Bottleneck, Impairments};

/// One slider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Knob {
    Loss,
    Burst,
    Rate,
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
    Square(f64),
    /// From one number to another, each part of the way times as much.
    Logarithm(f64, f64),
}

/// Octets in a KiB.
const KIB: f64 = 1_024.0;

impl Knob {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "Loss",
            Self::Burst => "Mean burst of losses",
            Self::Rate => "Throughput",
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
            Self::Burst => "packets",
            Self::Rate => "Mbit/s",
            Self::Queue => "KiB",
            Self::Delay | Self::Jitter => "ms",
        }
    }

    fn scale(self) -> Scale {
        match self {
            Self::Loss => Scale::Square(100.0),
            Self::Burst => Scale::Logarithm(1.0, 50.0),
            Self::Rate => Scale::Logarithm(0.1, 100.0),
            Self::Queue => Scale::Logarithm(1.0, 4_096.0),
            Self::Delay => Scale::Square(2_000.0),
            Self::Jitter => Scale::Square(500.0),
            Self::Duplication | Self::Corruption => Scale::Square(50.0),
        }
    }

    /// The smallest and the largest number that can be typed.
    fn range(self) -> (f64, f64) {
        match self {
            Self::Loss | Self::Duplication | Self::Corruption => (0.0, 100.0),
            Self::Burst => (1.0, 1_000.0),
            Self::Rate => (0.001, 100_000.0),
            Self::Queue => (1.0, KIB * KIB),
            Self::Delay | Self::Jitter => (0.0, 10_000.0),
        }
    }

    /// The number at a place from 0 to 1; the right end of the throughput is no limit.
    pub fn at(self, position: f32) -> Option<f64> {
        let position = f64::from(position);
        if self == Self::Rate && position >= 0.999 {
            return None;
        }
        let number = match self.scale() {
            Scale::Square(most) => most * position * position,
            Scale::Logarithm(least, most) => least * (most / least).powf(position),
        };
        // Two digits are what a hand can aim at.
        let grain = 10f64.powf(number.max(0.01).log10().floor() - 1.0);
        Some((number / grain).round() * grain)
    }

    /// The place of a number.
    pub fn position(self, value: Option<f64>) -> f32 {
        let Some(value) = value else { return 1.0 };
        let position = match self.scale() {
            Scale::Square(most) => (value / most).sqrt(),
            Scale::Logarithm(least, most) => (value.max(least) / least).ln() / (most / least).ln(),
        };
        position.clamp(0.0, 1.0) as f32
    }

    /// What was typed; `None` if it is no number that can be set.
    pub fn read(self, words: &str) -> Option<Option<f64>> {
        let words = words.trim().replace(',', ".");
        if words.is_empty() && self == Self::Rate {
            return Some(None);
        }
        let (least, most) = self.range();
        words.parse().ok().filter(|number| (least..=most).contains(number)).map(Some)
    }

    /// Which numbers can be set, for somebody who has typed another one.
    pub fn rule(self) -> String {
        let (least, most) = self.range();
        match self {
            Self::Rate => format!("A number from {least} to {most}; empty: no limit"),
            _ => format!("A number from {least} to {most}"),
        }
    }

    /// A number as it would be typed.
    pub fn write(self, value: Option<f64>) -> String {
        let Some(value) = value else { return String::new() };
        let text = format!("{value:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// What is set. `queue` is how many octets may wait should there be a limit.
    pub fn get(self, impairments: &Impairments, queue: u32) -> Option<f64> {
        let milliseconds = |span: Duration| span.as_secs_f64() * 1_000.0;
        Some(match self {
            Self::Loss => impairments.loss.ratio * 100.0,
            Self::Burst => impairments.loss.mean_burst.unwrap_or(1.0),
            Self::Rate => impairments.bottleneck?.bits_per_second as f64 / 1e6,
            Self::Queue => f64::from(queue) / KIB,
            Self::Delay => milliseconds(impairments.delay),
            Self::Jitter => milliseconds(impairments.jitter.spread),
            Self::Duplication => impairments.duplication * 100.0,
            Self::Corruption => impairments.corruption * 100.0,
        })
    }

    /// Sets a number that [`Knob::at`] or [`Knob::read`] gave.
    pub fn set(self, impairments: &mut Impairments, queue: &mut u32, value: Option<f64>) {
        let number = value.unwrap_or_default();
        let span = Duration::try_from_secs_f64(number / 1_000.0).unwrap_or_default();
        match self {
            Self::Loss => impairments.loss.ratio = number / 100.0,
            // A burst of one is a loss that knows nothing of the one before.
            Self::Burst => impairments.loss.mean_burst = (number > 1.0).then_some(number),
            Self::Rate => {
                impairments.bottleneck = value.map(|megabits| Bottleneck {
                    bits_per_second: (megabits * 1e6).round() as u64,
                    queue: *queue,
                });
            }
            Self::Queue => {
                *queue = (number * KIB).round() as u32;
                if let Some(bottleneck) = &mut impairments.bottleneck {
                    bottleneck.queue = *queue;
                }
            }
            Self::Delay => impairments.delay = span,
            Self::Jitter => impairments.jitter.spread = span,
            Self::Duplication => impairments.duplication = number / 100.0,
            Self::Corruption => impairments.corruption = number / 100.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Knob; 8] = [
        Knob::Loss,
        Knob::Burst,
        Knob::Rate,
        Knob::Queue,
        Knob::Delay,
        Knob::Jitter,
        Knob::Duplication,
        Knob::Corruption,
    ];

    #[test]
    fn places_and_numbers_belong_together() {
        for knob in ALL {
            for step in 0..=10 {
                let position = step as f32 / 10.0;
                let value = knob.at(position);
                assert!((knob.position(value) - position).abs() < 0.02, "{knob:?} at {position}: {value:?}");
                let (mut impairments, mut queue) = (Impairments::default(), 0);
                knob.set(&mut impairments, &mut queue, value);
                let set = knob.get(&impairments, queue);
                assert_eq!(knob.write(set), knob.write(value), "{knob:?} at {position}");
                assert_eq!(knob.read(&knob.write(value)).map(|read| read.is_some()), Some(value.is_some()));
            }
        }
    }

    #[test]
    fn what_is_typed_is_a_number_within_reason() {
        assert_eq!(Knob::Loss.read(" 2,5 "), Some(Some(2.5)));
        assert_eq!(Knob::Rate.read(""), Some(None));
        for (knob, words) in [
            (Knob::Loss, ""),
            (Knob::Loss, "101"),
            (Knob::Burst, "0"),
            (Knob::Delay, "-1"),
            (Knob::Rate, "nan"),
        ] {
            assert_eq!(knob.read(words), None, "{knob:?} {words}");
        }
    }
}
