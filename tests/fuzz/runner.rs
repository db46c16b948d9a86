//! Runs of a body with many inputs.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::mutator::mutate;

/// Number of failures after which a run ends.
const MAX_FAILURES: usize = 8;

/// Number of inputs from which on a run uses all processors, and prints its figures.
const LONG_RUN: u64 = 100_000;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// Runs a body with inputs mutated from its seeds.
///
/// # Panics
/// Panics if the body has panicked, with the numbers that reproduce it.
pub fn run(name: &str, body: fn(&[u8]), seeds: &[Vec<u8>], inputs: u64) {
    if let Ok(folder) = std::env::var("REELAY_FUZZ_CORPUS") {
        return write_corpus(&Path::new(&folder).join(name), seeds);
    }
    let random_seed = variable("REELAY_FUZZ_SEED").unwrap_or(1);
    if let Some(number) = variable("REELAY_FUZZ_INPUT") {
        return body(&input(random_seed, number, seeds));
    }
    let inputs = variable("REELAY_FUZZ_INPUTS").unwrap_or(inputs);
    let is_long = inputs >= LONG_RUN;
    let threads = if is_long { thread::available_parallelism().map_or(1, |count| count.get()) } else { 1 };
    let (start, next) = (Instant::now(), AtomicU64::new(0));
    let results: Vec<_> = thread::scope(|scope| {
        let work = || run_inputs(body, seeds, random_seed, inputs, &next);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("the runner panics")).collect()
    });
    let failures: Vec<_> = results.iter().flat_map(|result| &result.failures).collect();
    let slowest = results.iter().map(|result| result.slowest).max().unwrap_or_default();
    if is_long {
        let done = next.into_inner().min(inputs);
        println!(
            "{name}: {done} inputs with seed {random_seed} in {:.0} s, slowest input {} with {:.0} ms, failures {failures:?}",
            start.elapsed().as_secs_f64(),
            slowest.1,
            slowest.0.as_secs_f64() * 1_000.0
        );
    }
    assert!(
        failures.is_empty(),
        "{name} fails; repeat it with REELAY_FUZZ_SEED={random_seed} and REELAY_FUZZ_INPUT= one of {failures:?}"
    );
}

#[derive(Default)]
struct ThreadResult {
    /// Numbers of the inputs with which the body has panicked.
    failures: Vec<u64>,
    /// Longest time of an input, and its number.
    slowest: (Duration, u64),
}

fn run_inputs(
    body: fn(&[u8]),
    seeds: &[Vec<u8>],
    random_seed: u64,
    inputs: u64,
    next: &AtomicU64,
) -> ThreadResult {
    let mut result = ThreadResult::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= inputs || result.failures.len() >= MAX_FAILURES {
            return result;
        }
        let bytes = input(random_seed, number, seeds);
        let start = Instant::now();
        if catch_unwind(|| body(&bytes)).is_err() {
            result.failures.push(number);
        }
        result.slowest = result.slowest.max((start.elapsed(), number));
    }
}

/// Returns the input of a number. The first ones are the seeds.
fn input(random_seed: u64, number: u64, seeds: &[Vec<u8>]) -> Vec<u8> {
    match seeds.get(usize::try_from(number).unwrap_or(usize::MAX)) {
        Some(seed) => seed.clone(),
        None => mutate(&mut SmallRng::seed_from_u64(random_seed << 40 ^ number), seeds),
    }
}

fn write_corpus(folder: &Path, seeds: &[Vec<u8>]) {
    fs::create_dir_all(folder).unwrap();
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("seed-{number}")), seed).unwrap();
    }
}
