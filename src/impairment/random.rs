//! Random faults of packets, reproducible by a seed.

use std::f64::consts::TAU;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::packet::PacketKind;
use super::settings::{Distribution, JitterModel, LossModel};

/// Random number generators, one for each kind of fault.
///
/// Each packet draws the same number of values from each generator, whatever the settings are. Equal seeds and packets
/// have equal faults, and a change of one setting does not affect the faults of the others.
#[derive(Debug, Clone)]
pub struct FaultSampler {
    loss: Pcg64Mcg,
    duplication: Pcg64Mcg,
    corruption: Pcg64Mcg,
    jitter: Pcg64Mcg,
    /// The Gilbert model is in its bad state.
    is_in_bad_state: bool,
}

/// Faults of one packet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PacketFaults {
    /// The packet is lost at random.
    pub is_lost: bool,
    /// The packet is sent twice.
    pub is_duplicated: bool,
    /// Bit to be inverted, modulo the number of bits; `None` if the packet is not corrupted.
    pub flipped_bit: Option<u64>,
    /// Difference to the constant delay, in seconds; can be negative.
    pub jitter: f64,
}

/// Shape of the Pareto distribution. With minimum 1 and shape 3, the mean is 1.5.
const PARETO_SHAPE: f64 = 3.0;

impl FaultSampler {
    /// Creates the generators for one kind of packets.
    pub fn new(seed: u64, kind: PacketKind) -> Self {
        let (seed, kind_offset) = match kind {
            PacketKind::Rtp => (seed, 0),
            PacketKind::Rtcp => (seed, 4),
            // The eight values of a seed are taken by the others; small seeds are far from their complements.
            PacketKind::Retransmission => (!seed, 0),
            PacketKind::Parity => (!seed, 4),
        };
        // Each generator has its own seed, different from those of all generators for neighbouring values of `seed`.
        let generator =
            |purpose: u64| Pcg64Mcg::seed_from_u64(seed.wrapping_mul(8).wrapping_add(kind_offset + purpose));
        Self {
            loss: generator(0),
            duplication: generator(1),
            corruption: generator(2),
            jitter: generator(3),
            is_in_bad_state: false,
        }
    }

    /// Draws the faults of the next packet.
    pub fn sample(
        &mut self,
        loss: LossModel,
        duplication: f64,
        corruption: f64,
        jitter: JitterModel,
    ) -> PacketFaults {
        let is_lost = self.sample_loss(loss);
        let is_duplicated = self.duplication.random::<f64>() < duplication;
        let (corrupted, bit) = (self.corruption.random::<f64>(), self.corruption.random());
        let flipped_bit = (corrupted < corruption).then_some(bit);
        let jitter = self.sample_jitter(jitter);
        PacketFaults { is_lost, is_duplicated, flipped_bit, jitter }
    }

    fn sample_loss(&mut self, loss: LossModel) -> bool {
        let probability = self.loss.random::<f64>();
        let ratio = loss.ratio.clamp(0.0, 1.0);
        match loss.mean_burst {
            None => probability < ratio,
            Some(_) if ratio <= 0.0 => {
                self.is_in_bad_state = false;
                false
            }
            Some(_) if ratio >= 1.0 => true,
            Some(mean) => {
                // The probability to leave the bad state is 1/mean. The probability to enter it follows from `ratio`,
                // the fraction of packets in the bad state. It is at most 1 (a single good packet between two bursts),
                // so higher ratios require longer bursts.
                let min_burst = ratio / (1.0 - ratio);
                let leave = 1.0 / mean.max(1.0).max(min_burst);
                let enter = leave * min_burst;
                self.is_in_bad_state =
                    if self.is_in_bad_state { probability >= leave } else { probability < enter };
                self.is_in_bad_state
            }
        }
    }

    fn sample_jitter(&mut self, jitter: JitterModel) -> f64 {
        let (first, second) = (self.jitter.random::<f64>(), self.jitter.random::<f64>());
        let spread = jitter.spread.as_secs_f64();
        match jitter.distribution {
            Distribution::Uniform => spread * (2.0 * first - 1.0),
            // Box–Muller transform; 1 - first is never 0.
            Distribution::Normal => spread * (-2.0 * (1.0 - first).ln()).sqrt() * (TAU * second).cos(),
            Distribution::Pareto => 2.0 * spread * ((1.0 - first).powf(-1.0 / PARETO_SHAPE) - 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NO_JITTER: JitterModel =
        JitterModel { spread: Duration::ZERO, distribution: Distribution::Uniform, reorders: false };

    fn sample_faults(
        seed: u64,
        loss: LossModel,
        duplication: f64,
        corruption: f64,
        jitter: JitterModel,
        count: usize,
    ) -> Vec<PacketFaults> {
        let mut sampler = FaultSampler::new(seed, PacketKind::Rtp);
        (0..count).map(|_| sampler.sample(loss, duplication, corruption, jitter)).collect()
    }

    fn sample_losses(seed: u64, ratio: f64, mean_burst: Option<f64>, count: usize) -> Vec<bool> {
        let faults = sample_faults(seed, LossModel { ratio, mean_burst }, 0.0, 0.0, NO_JITTER, count);
        faults.into_iter().map(|faults| faults.is_lost).collect()
    }

    /// Returns the numbers of consecutive losses.
    fn burst_lengths(losses: &[bool]) -> Vec<usize> {
        losses.split(|lost| !lost).map(<[bool]>::len).filter(|length| *length > 0).collect()
    }

    /// Pearson's chi-square statistic for pairs of observed and expected counts.
    fn chi_square(pairs: impl IntoIterator<Item = (f64, f64)>) -> f64 {
        pairs.into_iter().map(|(seen, expected)| (seen - expected).powi(2) / expected).sum()
    }

    /// Asserts that burst lengths have a geometric distribution with this mean. The lengths 1 to 6, and 7 or more, have
    /// six degrees of freedom; one seed in a thousand exceeds 22.46.
    fn assert_geometric(bursts: &[usize], mean: f64) {
        let stays = 1.0 - 1.0 / mean;
        let all = bursts.len() as f64;
        let lengths = (1..=7).map(|length| {
            let is_last = length == 7;
            let seen = bursts.iter().filter(|burst| if is_last { **burst >= 7 } else { **burst == length });
            let chance = stays.powi(length as i32 - 1) * if is_last { 1.0 } else { 1.0 - stays };
            (seen.count() as f64, all * chance)
        });
        let sum = chi_square(lengths);
        assert!(sum < 22.46, "{sum} for a mean of {mean}");
    }

    #[test]
    fn independent_losses_match_ratio_and_are_uncorrelated() {
        for (seed, ratio) in [(1, 0.05), (2, 0.2), (3, 0.5)] {
            let losses = sample_losses(seed, ratio, None, 200_000);
            let all = losses.len() as f64;
            let lost = losses.iter().filter(|lost| **lost).count() as f64;
            let sum = chi_square([(lost, all * ratio), (all - lost, all * (1.0 - ratio))]);
            // One degree of freedom: one seed in a thousand exceeds 10.83.
            assert!(sum < 10.83, "{sum} for a ratio of {ratio}");
            assert_geometric(&burst_lengths(&losses), 1.0 / (1.0 - ratio));
        }
    }

    #[test]
    fn loss_bursts_match_configured_length_and_ratio() {
        for (seed, ratio, mean) in [(1, 0.05, 3.0), (2, 0.1, 1.5), (3, 0.3, 8.0), (4, 0.9, 9.0)] {
            let losses = sample_losses(seed, ratio, Some(mean), 400_000);
            assert_geometric(&burst_lengths(&losses), mean);
            let measured = losses.iter().filter(|lost| **lost).count() as f64 / losses.len() as f64;
            assert!((measured / ratio - 1.0).abs() < 0.04, "{measured} for {ratio} in bursts of {mean}");
        }
    }

    #[test]
    fn high_loss_ratio_lengthens_bursts() {
        let losses = sample_losses(5, 0.9, Some(1.0), 100_000);
        let measured = losses.iter().filter(|lost| **lost).count() as f64 / losses.len() as f64;
        assert!((measured - 0.9).abs() < 0.005, "{measured}");
    }

    #[test]
    fn duplication_and_corruption_match_configured_ratios() {
        let faults = sample_faults(4, LossModel::default(), 0.03, 0.01, NO_JITTER, 200_000);
        let all = faults.len() as f64;
        for (seen, ratio) in [
            (faults.iter().filter(|faults| faults.is_duplicated).count(), 0.03),
            (faults.iter().filter(|faults| faults.flipped_bit.is_some()).count(), 0.01),
        ] {
            let seen = seen as f64;
            let sum = chi_square([(seen, all * ratio), (all - seen, all * (1.0 - ratio))]);
            assert!(sum < 10.83, "{sum} for a ratio of {ratio}");
        }
    }

    /// The error function (Abramowitz and Stegun 7.1.26), with an error below 1.5·10⁻⁷.
    fn erf(x: f64) -> f64 {
        let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
        let terms = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
        let sum = terms.into_iter().fold(0.0, |sum, term| (sum + term) * t);
        (1.0 - sum * (-x * x).exp()).copysign(x)
    }

    /// Kolmogorov–Smirnov test: the maximum distance between the sample and the expected distribution.
    #[test]
    fn jitter_matches_configured_distribution() {
        let spread = 0.010;
        let uniform = |x: f64| ((x + spread) / (2.0 * spread)).clamp(0.0, 1.0);
        let normal = |x: f64| 0.5 * (1.0 + erf(x / spread / std::f64::consts::SQRT_2));
        let pareto = |x: f64| 1.0 - (1.0 + x.max(0.0) / (2.0 * spread)).powf(-PARETO_SHAPE);
        let shapes: [(Distribution, &dyn Fn(f64) -> f64); 3] = [
            (Distribution::Uniform, &uniform),
            (Distribution::Normal, &normal),
            (Distribution::Pareto, &pareto),
        ];
        for (distribution, shape) in shapes {
            let jitter = JitterModel { spread: Duration::from_millis(10), distribution, reorders: true };
            let faults = sample_faults(6, LossModel::default(), 0.0, 0.0, jitter, 50_000);
            let mut sample: Vec<_> = faults.iter().map(|faults| faults.jitter).collect();
            sample.sort_by(f64::total_cmp);
            let all = sample.len() as f64;
            let distance = sample.iter().enumerate().map(|(index, x)| {
                let (below, above) = (index as f64 / all, (index + 1) as f64 / all);
                (shape(*x) - below).abs().max((above - shape(*x)).abs())
            });
            let distance = distance.fold(0.0, f64::max) * all.sqrt();
            // One seed in a thousand exceeds 1.95.
            assert!(distance < 1.95, "{distance} for {distribution:?}");
        }
    }

    #[test]
    fn rtp_and_rtcp_use_separate_generators() {
        let loss = LossModel { ratio: 0.5, mean_burst: None };
        let losses = |kind| {
            let mut sampler = FaultSampler::new(9, kind);
            (0..64).map(|_| sampler.sample(loss, 0.0, 0.0, NO_JITTER).is_lost).collect::<Vec<_>>()
        };
        assert_ne!(losses(PacketKind::Rtp), losses(PacketKind::Rtcp));
    }
}
