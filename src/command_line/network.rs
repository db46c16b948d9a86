//! The options that set the emulated network.

use std::time::Duration;

use lexopt::{Parser, ValueExt};

use super::argument_error::ArgumentError;
use crate::impairment::{Bottleneck, EmulatorSettings, Impairments, LossModel, PRESETS, Preset};

/// What was asked of the emulated network. What stands in an option of its own goes before what a preset says,
/// whichever stands first.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NetworkArguments {
    preset: Option<Impairments>,
    loss: Option<f64>,
    burst: Option<f64>,
    rate: Option<u64>,
    queue: Option<u32>,
    delay: Option<Duration>,
    jitter: Option<Duration>,
    reorders: bool,
    duplication: Option<f64>,
    corruption: Option<f64>,
    seed: Option<u64>,
}

/// Bytes that may wait if only a rate is given.
const DEFAULT_QUEUE: u32 = 64 * 1024;

/// The longest delay, and the widest jitter.
const LONGEST: Duration = Duration::from_secs(10);

/// Seeds that nobody chose are below this, so that people can read and type them.
const SEEDS: u64 = 1_000_000;

impl NetworkArguments {
    /// Reads the value of an option; `false` if it is none of ours.
    ///
    /// # Errors
    /// A sentence about a value that means nothing.
    pub fn take(&mut self, option: &str, parser: &mut Parser) -> Result<bool, ArgumentError> {
        match option {
            "loss" => self.loss = Some(percentage(parser, "--loss")?),
            "burst" => self.burst = Some(burst(parser)?),
            "rate" => self.rate = Some(rate(parser)?),
            "queue" => self.queue = Some(queue(parser)?),
            "delay" => self.delay = Some(span(parser, "--delay")?),
            "jitter" => self.jitter = Some(span(parser, "--jitter")?),
            "reorder" => self.reorders = true,
            "duplicate" => self.duplication = Some(percentage(parser, "--duplicate")?),
            "corrupt" => self.corruption = Some(percentage(parser, "--corrupt")?),
            "seed" => self.seed = Some(seed(parser)?),
            "preset" => self.preset = Some(preset(parser)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What is set, if anything is; with a seed by chance if none was chosen.
    ///
    /// # Errors
    /// A sentence about an option that does nothing without another.
    pub fn conditions(&self) -> Result<Option<EmulatorSettings>, ArgumentError> {
        if *self == Self::default() {
            return Ok(None);
        }
        let impairments = self.impairments()?;
        let seed = self.seed.unwrap_or_else(|| rand::random_range(0..SEEDS));
        Ok(Some(EmulatorSettings { is_on: true, seed, impairments }))
    }

    fn impairments(&self) -> Result<Impairments, ArgumentError> {
        let mut all = self.preset.unwrap_or_default();
        all.loss = LossModel {
            ratio: self.loss.unwrap_or(all.loss.ratio),
            mean_burst: self.burst.or(all.loss.mean_burst),
        };
        if self.burst.is_some() && all.loss.ratio <= 0.0 {
            return Err(needs("--burst", "--loss"));
        }
        let rate = self.rate.or(all.bottleneck.map(|bottleneck| bottleneck.bits_per_second));
        let queue = self.queue.or(all.bottleneck.map(|bottleneck| bottleneck.queue));
        if rate.is_none() && queue.is_some() {
            return Err(needs("--queue", "--rate"));
        }
        all.bottleneck =
            rate.map(|bits_per_second| Bottleneck { bits_per_second, queue: queue.unwrap_or(DEFAULT_QUEUE) });
        all.delay = self.delay.unwrap_or(all.delay);
        all.jitter.spread = self.jitter.unwrap_or(all.jitter.spread);
        all.jitter.reorders |= self.reorders;
        if self.reorders && all.jitter.spread.is_zero() {
            return Err(needs("--reorder", "--jitter"));
        }
        all.duplication = self.duplication.unwrap_or(all.duplication);
        all.corruption = self.corruption.unwrap_or(all.corruption);
        Ok(all)
    }
}

fn needs(option: &str, other: &str) -> ArgumentError {
    ArgumentError::new(format!("{option} changes nothing without {other}; give both."))
}

fn value(parser: &mut Parser) -> Result<String, ArgumentError> {
    Ok(parser.value()?.string()?)
}

fn wrong(option: &str, text: &str, rule: &str) -> ArgumentError {
    ArgumentError::new(format!("{option} cannot be \"{text}\": it is {rule}."))
}

fn percentage(parser: &mut Parser, option: &str) -> Result<f64, ArgumentError> {
    let text = value(parser)?;
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    number
        .filter(|percent| (0.0..=100.0).contains(percent))
        .map(|percent| percent / 100.0)
        .ok_or_else(|| wrong(option, &text, "a percentage from 0% to 100%, like 5% or 0.1%"))
}

fn burst(parser: &mut Parser) -> Result<f64, ArgumentError> {
    let text = value(parser)?;
    let number = text.parse::<f64>().ok().filter(|mean| (1.0..=1_000.0).contains(mean));
    number.ok_or_else(|| {
        wrong("--burst", &text, "the mean number of packets lost in a row, from 1 to 1000, like 3 or 2.5")
    })
}

/// A number and a letter for its thousands.
fn scaled(text: &str, thousand: f64) -> Option<f64> {
    let (number, scale) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], thousand),
        (at, 'm' | 'M') => (&text[..at], thousand * thousand),
        (at, 'g' | 'G') => (&text[..at], thousand * thousand * thousand),
        _ => (text, 1.0),
    };
    number.trim().parse::<f64>().ok().map(|number| number * scale)
}

fn rate(parser: &mut Parser) -> Result<u64, ArgumentError> {
    let text = value(parser)?;
    let rate = scaled(&text, 1_000.0).filter(|rate| (1e3..=1e11).contains(rate));
    rate.map(|rate| rate as u64)
        .ok_or_else(|| wrong("--rate", &text, "bits a second from 1K to 100G, like 500K or 2M"))
}

fn queue(parser: &mut Parser) -> Result<u32, ArgumentError> {
    let text = value(parser)?;
    let bytes = scaled(&text, 1_024.0).filter(|bytes| (1.0..=f64::from(1 << 30)).contains(bytes));
    bytes
        .map(|bytes| bytes as u32)
        .ok_or_else(|| wrong("--queue", &text, "bytes from 1 to 1G, like 64K or 1M"))
}

fn span(parser: &mut Parser, option: &str) -> Result<Duration, ArgumentError> {
    let text = value(parser)?;
    let seconds = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => number.trim().parse::<f64>().ok().map(|number| number / 1_000.0),
        (None, Some(number)) => number.trim().parse::<f64>().ok(),
        (None, None) => None,
    };
    let span = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    span.filter(|span| *span <= LONGEST)
        .ok_or_else(|| wrong(option, &text, "a time from 0ms to 10s, like 40ms or 1.5s"))
}

fn seed(parser: &mut Parser) -> Result<u64, ArgumentError> {
    let text = value(parser)?;
    text.parse().map_err(|_| wrong("--seed", &text, "a whole number from 0 to 18446744073709551615, like 7"))
}

fn preset(parser: &mut Parser) -> Result<Impairments, ArgumentError> {
    let text = value(parser)?;
    let names = PRESETS.map(|preset| preset.name).join(", ");
    Preset::by_name(&text)
        .map(|preset| preset.impairments)
        .ok_or_else(|| wrong("--preset", &text, &format!("one of {names}")))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use lexopt::Arg;

    use super::*;

    fn of(line: &str) -> Result<Option<EmulatorSettings>, String> {
        let mut parser = Parser::from_args(line.split_whitespace().map(OsString::from));
        let mut network = NetworkArguments::default();
        while let Some(argument) = parser.next().unwrap() {
            let Arg::Long(name) = argument else { panic!("{line}") };
            let name = name.to_owned();
            assert!(network.take(&name, &mut parser).map_err(|error| error.to_string())?, "{name}");
        }
        network.conditions().map_err(|error| error.to_string())
    }

    #[test]
    fn every_option_is_read() {
        assert_eq!(of(""), Ok(None));
        let all = "--loss 5% --burst 3 --rate 2M --queue 64K --delay 40ms --jitter 0.01s --reorder \
                   --duplicate 1% --corrupt 0.1% --seed 7";
        let EmulatorSettings { is_on, seed, impairments } = of(all).unwrap().unwrap();
        assert_eq!((is_on, seed), (true, 7));
        let said = "5 % loss in bursts of 3, 2 Mbit/s with a queue of 64 KiB, 40 ms delay, \
                    10 ms uniform jitter that reorders, 1 % duplicated, 0.1 % corrupted";
        assert_eq!(impairments.to_string(), said);
    }

    #[test]
    fn an_option_goes_before_a_preset_and_a_seed_is_found_if_none_is_given() {
        let EmulatorSettings { impairments, seed, .. } = of("--loss 7% --preset 3g").unwrap().unwrap();
        assert!(seed < SEEDS);
        let preset = Preset::by_name("3G").unwrap().impairments;
        assert_eq!(impairments, Impairments { loss: LossModel { ratio: 0.07, ..preset.loss }, ..preset });
    }

    #[test]
    fn what_means_nothing_gets_one_sentence() {
        for (line, part) in [
            ("--loss 5", "like 5%"),
            ("--loss 101%", "0% to 100%"),
            ("--loss NaN%", "0% to 100%"),
            ("--burst 0.5 --loss 5%", "from 1 to 1000"),
            ("--burst 3", "without --loss"),
            ("--rate fast", "500K"),
            ("--rate 0", "1K"),
            ("--rate 2é", "500K"),
            ("--queue 64K", "without --rate"),
            ("--queue -1 --rate 1M", "64K"),
            ("--delay 40", "40ms"),
            ("--delay -1ms", "40ms"),
            ("--jitter 11s", "0ms to 10s"),
            ("--reorder", "without --jitter"),
            ("--seed x", "whole number"),
            ("--preset 5G", "Office Wi-Fi"),
        ] {
            let error = of(line).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
            assert!(error.ends_with('.') && !error.contains('\n'), "{line}: {error}");
        }
    }
}
