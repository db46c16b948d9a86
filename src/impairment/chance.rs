//! Randomness that can be repeated.

use std::f64::consts::TAU;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::datagram::Kind;
use super::settings::{Distribution, Jitter, Loss};

/// One source of random numbers for each purpose.
///
/// Every packet takes the same count of numbers from every source, whatever is set. So the same seed and packets give
/// the same fates, and changing one setting leaves what the others do untouched.
#[derive(Debug, Clone)]
pub struct Chance {
    loss: Pcg64Mcg,
    duplication: Pcg64Mcg,
    corruption: Pcg64Mcg,
    jitter: Pcg64Mcg,
    /// The bad state of the burst model.
    is_bad: bool,
}

/// What chance has in store for one packet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fate {
    /// It vanishes.
    pub is_lost: bool,
    /// It comes twice.
    pub is_duplicated: bool,
    /// One of its bits is wrong: this one, modulo how many there are.
    pub wrong_bit: Option<u64>,
    /// Later than the delay by this many seconds; negative if earlier.
    pub jitter: f64,
}

/// The shape of the Pareto distribution. With 3, the average of what exceeds 1 is one half.
const PARETO_SHAPE: f64 = 3.0;

impl Chance {
    /// Sources for one kind of packets that begin with a seed.
    pub fn new(seed: u64, kind: Kind) -> Self {
        let of_kind = match kind {
            Kind::Rtp => 0,
            Kind::Rtcp => 4,
        };
        // Each source has a seed of its own; that of a neighbouring purpose must not be that of a neighbouring seed.
        let source =
            |purpose: u64| Pcg64Mcg::seed_from_u64(seed.wrapping_mul(8).wrapping_add(of_kind + purpose));
        Self {
            loss: source(0),
            duplication: source(1),
            corruption: source(2),
            jitter: source(3),
            is_bad: false,
        }
    }

    /// The next packet's fate.
    pub fn next(&mut self, loss: Loss, duplication: f64, corruption: f64, jitter: Jitter) -> Fate {
        let is_lost = self.is_lost(loss);
        let is_duplicated = self.duplication.random::<f64>() < duplication;
        let (corrupted, bit) = (self.corruption.random::<f64>(), self.corruption.random());
        let wrong_bit = (corrupted < corruption).then_some(bit);
        let jitter = self.jitter(jitter);
        Fate { is_lost, is_duplicated, wrong_bit, jitter }
    }

    fn is_lost(&mut self, loss: Loss) -> bool {
        let chance = self.loss.random::<f64>();
        let ratio = loss.ratio.clamp(0.0, 1.0);
        match loss.mean_burst {
            None => chance < ratio,
            Some(_) if ratio <= 0.0 => {
                self.is_bad = false;
                false
            }
            Some(_) if ratio >= 1.0 => true,
            Some(mean) => {
                // The bad state is left with 1/mean and entered so often that it holds for `ratio` of all packets.
                // More loss than that of one good packet between two bursts needs longer bursts.
                let shortest = ratio / (1.0 - ratio);
                let leave = 1.0 / mean.max(1.0).max(shortest);
                let enter = leave * shortest;
                self.is_bad = if self.is_bad { chance >= leave } else { chance < enter };
                self.is_bad
            }
        }
    }

    fn jitter(&mut self, jitter: Jitter) -> f64 {
        let (first, second) = (self.jitter.random::<f64>(), self.jitter.random::<f64>());
        let spread = jitter.spread.as_secs_f64();
        match jitter.distribution {
            Distribution::Uniform => spread * (2.0 * first - 1.0),
            // Box and Muller; 1 - first is never 0.
            Distribution::Normal => spread * (-2.0 * (1.0 - first).ln()).sqrt() * (TAU * second).cos(),
            Distribution::Pareto => 2.0 * spread * ((1.0 - first).powf(-1.0 / PARETO_SHAPE) - 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NO_JITTER: Jitter =
        Jitter { spread: Duration::ZERO, distribution: Distribution::Uniform, reorders: false };

    fn fates(
        seed: u64,
        loss: Loss,
        duplication: f64,
        corruption: f64,
        jitter: Jitter,
        count: usize,
    ) -> Vec<Fate> {
        let mut chance = Chance::new(seed, Kind::Rtp);
        (0..count).map(|_| chance.next(loss, duplication, corruption, jitter)).collect()
    }

    fn losses(seed: u64, ratio: f64, mean_burst: Option<f64>, count: usize) -> Vec<bool> {
        let fates = fates(seed, Loss { ratio, mean_burst }, 0.0, 0.0, NO_JITTER, count);
        fates.into_iter().map(|fate| fate.is_lost).collect()
    }

    /// The lengths of the runs of losses.
    fn bursts(losses: &[bool]) -> Vec<usize> {
        losses.split(|lost| !lost).map(<[bool]>::len).filter(|length| *length > 0).collect()
    }

    /// Pearson's sum for observations and what was expected of them.
    fn chi_square(pairs: impl IntoIterator<Item = (f64, f64)>) -> f64 {
        pairs.into_iter().map(|(seen, expected)| (seen - expected).powi(2) / expected).sum()
    }

    /// Whether burst lengths are geometric with this mean: lengths 1 to 6 and more, six degrees of freedom; 22.46 is
    /// passed by one seed in a thousand.
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
    fn independent_losses_are_as_many_as_was_set_and_know_nothing_of_each_other() {
        for (seed, ratio) in [(1, 0.05), (2, 0.2), (3, 0.5)] {
            let losses = losses(seed, ratio, None, 200_000);
            let all = losses.len() as f64;
            let lost = losses.iter().filter(|lost| **lost).count() as f64;
            let sum = chi_square([(lost, all * ratio), (all - lost, all * (1.0 - ratio))]);
            // One degree of freedom.
            assert!(sum < 10.83, "{sum} for a ratio of {ratio}");
            assert_geometric(&bursts(&losses), 1.0 / (1.0 - ratio));
        }
    }

    #[test]
    fn bursts_have_the_length_and_the_ratio_that_were_set() {
        for (seed, ratio, mean) in [(1, 0.05, 3.0), (2, 0.1, 1.5), (3, 0.3, 8.0), (4, 0.9, 9.0)] {
            let losses = losses(seed, ratio, Some(mean), 400_000);
            assert_geometric(&bursts(&losses), mean);
            let part = losses.iter().filter(|lost| **lost).count() as f64 / losses.len() as f64;
            assert!((part / ratio - 1.0).abs() < 0.04, "{part} for {ratio} in bursts of {mean}");
        }
    }

    #[test]
    fn a_ratio_that_short_bursts_cannot_reach_makes_them_longer() {
        let losses = losses(5, 0.9, Some(1.0), 100_000);
        let part = losses.iter().filter(|lost| **lost).count() as f64 / losses.len() as f64;
        assert!((part - 0.9).abs() < 0.005, "{part}");
    }

    #[test]
    fn duplication_and_corruption_are_as_frequent_as_was_set() {
        let fates = fates(4, Loss::default(), 0.03, 0.01, NO_JITTER, 200_000);
        let all = fates.len() as f64;
        for (seen, ratio) in [
            (fates.iter().filter(|fate| fate.is_duplicated).count(), 0.03),
            (fates.iter().filter(|fate| fate.wrong_bit.is_some()).count(), 0.01),
        ] {
            let seen = seen as f64;
            let sum = chi_square([(seen, all * ratio), (all - seen, all * (1.0 - ratio))]);
            assert!(sum < 10.83, "{sum} for a ratio of {ratio}");
        }
    }

    /// The error function (Abramowitz and Stegun 7.1.26), good to seven digits.
    fn erf(x: f64) -> f64 {
        let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
        let terms = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
        let sum = terms.into_iter().fold(0.0, |sum, term| (sum + term) * t);
        (1.0 - sum * (-x * x).exp()).copysign(x)
    }

    /// Kolmogorov and Smirnov: the largest distance between a sample and what it should be a sample of.
    #[test]
    fn jitter_is_distributed_as_was_set() {
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
            let jitter = Jitter { spread: Duration::from_millis(10), distribution, reorders: true };
            let fates = fates(6, Loss::default(), 0.0, 0.0, jitter, 50_000);
            let mut sample: Vec<_> = fates.iter().map(|fate| fate.jitter).collect();
            sample.sort_by(f64::total_cmp);
            let all = sample.len() as f64;
            let distance = sample.iter().enumerate().map(|(index, x)| {
                let (below, above) = (index as f64 / all, (index + 1) as f64 / all);
                (shape(*x) - below).abs().max((above - shape(*x)).abs())
            });
            let distance = distance.fold(0.0, f64::max) * all.sqrt();
            // One seed in a thousand passes 1.95.
            assert!(distance < 1.95, "{distance} for {distribution:?}");
        }
    }

    #[test]
    fn reports_have_chances_of_their_own() {
        let loss = Loss { ratio: 0.5, mean_burst: None };
        let of = |kind| {
            let mut chance = Chance::new(9, kind);
            (0..64).map(|_| chance.next(loss, 0.0, 0.0, NO_JITTER).is_lost).collect::<Vec<_>>()
        };
        assert_ne!(of(Kind::Rtp), of(Kind::Rtcp));
    }
}
