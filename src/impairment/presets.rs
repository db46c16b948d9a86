//! Settings of well-known networks.

use std::time::Duration;

use super::settings::{Bottleneck, Distribution, Impairments, JitterModel, LossModel};

/// Named impairments of a well-known network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    /// Name for display; see [`Preset::by_name`].
    pub name: &'static str,
    /// Origin of the values, in sentences for the user.
    pub source: &'static str,
    /// Impairments of the network.
    pub impairments: Impairments,
}

const PERFECT: Impairments = Impairments {
    loss: LossModel { ratio: 0.0, mean_burst: None },
    duplication: 0.0,
    corruption: 0.0,
    bottleneck: None,
    delay: Duration::ZERO,
    jitter: JitterModel { spread: Duration::ZERO, distribution: Distribution::Uniform, reorders: false },
};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A bottleneck whose queue holds 200 ms of data, as in common access routers, rounded down to whole KiB.
const fn bottleneck(bits_per_second: u64) -> Option<Bottleneck> {
    Some(Bottleneck { bits_per_second, queue: (bits_per_second / 8 / 5 / 1024 * 1024) as u32 })
}

const fn jitter(spread: Duration, distribution: Distribution) -> JitterModel {
    JitterModel { spread, distribution, reorders: false }
}

/// All presets, from the best network to the worst.
pub const PRESETS: [Preset; 7] = [
    Preset { name: "Perfect", source: "A network without faults.", impairments: PERFECT },
    Preset {
        name: "Office Wi-Fi",
        source: "Rate and delay of \"Wi-Fi\" in Firefox's network throttling; loss and jitter are estimates.",
        impairments: Impairments {
            loss: LossModel { ratio: 0.001, mean_burst: None },
            bottleneck: bottleneck(30_000_000),
            delay: ms(2),
            jitter: jitter(ms(2), Distribution::Pareto),
            ..PERFECT
        },
    },
    Preset {
        name: "Busy Wi-Fi",
        source: "Estimates for a lecture hall where everyone uses the same access point.",
        impairments: Impairments {
            loss: LossModel { ratio: 0.03, mean_burst: Some(3.0) },
            bottleneck: bottleneck(5_000_000),
            delay: ms(10),
            jitter: jitter(ms(15), Distribution::Pareto),
            ..PERFECT
        },
    },
    Preset {
        name: "4G",
        source: "Rate and delay of \"4G\" in WebPageTest; loss and jitter are estimates.",
        impairments: Impairments {
            loss: LossModel { ratio: 0.002, mean_burst: Some(2.0) },
            bottleneck: bottleneck(9_000_000),
            delay: ms(85),
            jitter: jitter(ms(5), Distribution::Normal),
            ..PERFECT
        },
    },
    Preset {
        name: "3G",
        source: "Rate and delay of \"3G\" in WebPageTest; loss and jitter are estimates.",
        impairments: Impairments {
            loss: LossModel { ratio: 0.005, mean_burst: Some(2.0) },
            bottleneck: bottleneck(1_600_000),
            delay: ms(150),
            jitter: jitter(ms(20), Distribution::Normal),
            ..PERFECT
        },
    },
    Preset {
        name: "Satellite",
        source: "Delay of a geostationary link (ITU-T G.114); rate, loss and jitter are estimates.",
        impairments: Impairments {
            loss: LossModel { ratio: 0.005, mean_burst: Some(4.0) },
            bottleneck: bottleneck(10_000_000),
            delay: ms(260),
            jitter: jitter(ms(3), Distribution::Normal),
            ..PERFECT
        },
    },
    Preset {
        name: "2015 student project",
        source: "A student's solution of 2015: 5 % loss in its code, and each packet from 13 ms early to 6 ms late. \
                 Since no packet can arrive before it is sent, all are 13 ms later here.",
        impairments: Impairments {
            loss: LossModel { ratio: 0.05, mean_burst: None },
            delay: Duration::from_micros(9_500),
            jitter: jitter(Duration::from_micros(9_500), Distribution::Uniform),
            ..PERFECT
        },
    },
];

impl Preset {
    /// Returns the preset with this name, ignoring case, spaces and punctuation; `None` if there is none.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        let normalized = |name: &str| name.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "");
        PRESETS.iter().find(|preset| normalized(preset.name) == normalized(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_found_by_name() {
        for preset in &PRESETS {
            assert_eq!(Preset::by_name(preset.name), Some(preset));
        }
        assert_eq!(Preset::by_name("office wifi").map(|preset| preset.name), Some("Office Wi-Fi"));
        assert_eq!(Preset::by_name("5G"), None);
    }

    #[test]
    fn impairments_are_formatted_as_text() {
        let texts = PRESETS.map(|preset| preset.impairments.to_string());
        assert_eq!(texts[0], "no faults");
        assert_eq!(
            texts[2],
            "3 % loss in bursts of 3, 5 Mbit/s with a queue of 122 KiB, 10 ms delay, 15 ms Pareto jitter"
        );
        assert_eq!(texts[6], "5 % loss, 9.5 ms delay, 9.5 ms uniform jitter");
    }
}
