//! Randomness that can be repeated.

use std::f64::consts::TAU;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

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
    /// Sources that begin with a seed.
    pub fn new(seed: u64) -> Self {
        // Each source has a seed of its own; that of a neighbouring purpose must not be that of a neighbouring seed.
        let source = |purpose: u64| Pcg64Mcg::seed_from_u64(seed.wrapping_mul(4).wrapping_add(purpose));
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
                let leave = 1.0 / mean.max(1.0);
                let enter = (leave * ratio / (1.0 - ratio)).min(1.0);
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
