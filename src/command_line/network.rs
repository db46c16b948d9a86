//! Options of the emulated network.

use std::time::Duration;

use clap::Args;

use super::argument_error::ArgumentError;
use super::values;
use crate::impairment::{Bottleneck, EmulatorSettings, Impairments, LossModel, PRESETS};

/// Size of the queue, in bytes, if a rate is given without one.
const DEFAULT_QUEUE: u32 = 64 * 1024;

/// Upper bound of the seeds that are chosen at random, low so that people can read and type them.
const RANDOM_SEED_LIMIT: u64 = 1_000_000;

// The fields' doc comments are the help texts. The struct has none: it would replace that of the command.
#[derive(Debug, Clone, Copy, PartialEq, Default, Args)]
#[command(next_help_heading = "Emulated network, for RTP and RTCP")]
#[allow(missing_docs)]
pub struct NetworkOptions {
    /// Packets that are lost, like 5%
    #[arg(long, value_name = "P%", value_parser = values::parse_percentage, allow_hyphen_values = true)]
    loss: Option<f64>,

    /// Mean number of packets lost in a row, 1 to 1000; needs --loss [default: losses are independent]
    #[arg(long, value_name = "N", value_parser = values::parse_mean_burst, allow_hyphen_values = true)]
    burst: Option<f64>,

    /// Throughput in bits per second, IP and UDP headers included, like 500K or 2M (1K to 100G)
    #[arg(long, value_name = "BITS", value_parser = values::parse_bit_rate, allow_hyphen_values = true)]
    rate: Option<u64>,

    /// Bytes that can wait for that throughput, like 64K or 1M (K is 1024); needs --rate [default: 64K]
    #[arg(long, value_name = "BYTES", value_parser = values::parse_queue_size, allow_hyphen_values = true)]
    queue: Option<u32>,

    /// Delay of every packet, like 40ms or 1.5s (at most 10s)
    #[arg(long, value_name = "TIME", value_parser = values::parse_delay, allow_hyphen_values = true)]
    delay: Option<Duration>,

    /// Variation of the delay, like 10ms (at most 10s)
    #[arg(long, value_name = "TIME", value_parser = values::parse_delay, allow_hyphen_values = true)]
    jitter: Option<Duration>,

    /// Let packets overtake each other; needs --jitter
    #[arg(long)]
    reorder: bool,

    /// Packets that arrive twice, like 1%
    #[arg(long, value_name = "P%", value_parser = values::parse_percentage, allow_hyphen_values = true)]
    duplicate: Option<f64>,

    /// Packets with one inverted bit, like 0.1%
    #[arg(long, value_name = "P%", value_parser = values::parse_percentage, allow_hyphen_values = true)]
    corrupt: Option<f64>,

    /// Random seed: the same seed and packets give the same faults [default: random]
    #[arg(long, value_name = "N", value_parser = values::parse_seed, allow_hyphen_values = true)]
    seed: Option<u64>,

    #[arg(long, value_name = "NAME", value_parser = values::parse_preset, help = preset_help())]
    preset: Option<Impairments>,
}

fn preset_help() -> String {
    let names = PRESETS.map(|preset| match preset.name.contains(' ') {
        true => format!("\"{}\"", preset.name),
        false => preset.name.to_owned(),
    });
    format!("Settings of a typical network: {}; the other options change them", names.join(", "))
}

impl NetworkOptions {
    /// Returns the settings of the emulator, with a random seed if none was given; `None` if no option was given.
    /// Options replace what the preset sets, in whatever order they stand.
    ///
    /// # Errors
    /// Returns [`ArgumentError::Needs`] if an option has no effect without another one.
    pub fn settings(&self) -> Result<Option<EmulatorSettings>, ArgumentError> {
        if *self == Self::default() {
            return Ok(None);
        }
        let impairments = self.impairments()?;
        let seed = self.seed.unwrap_or_else(|| rand::random_range(0..RANDOM_SEED_LIMIT));
        Ok(Some(EmulatorSettings { is_on: true, seed, impairments }))
    }

    fn impairments(&self) -> Result<Impairments, ArgumentError> {
        let mut all = self.preset.unwrap_or_default();
        all.loss = LossModel {
            ratio: self.loss.unwrap_or(all.loss.ratio),
            mean_burst: self.burst.or(all.loss.mean_burst),
        };
        if self.burst.is_some() && all.loss.ratio <= 0.0 {
            return Err(ArgumentError::Needs { option: "--burst", other: "--loss" });
        }
        let rate = self.rate.or(all.bottleneck.map(|bottleneck| bottleneck.bits_per_second));
        let queue = self.queue.or(all.bottleneck.map(|bottleneck| bottleneck.queue));
        if rate.is_none() && queue.is_some() {
            return Err(ArgumentError::Needs { option: "--queue", other: "--rate" });
        }
        all.bottleneck =
            rate.map(|bits_per_second| Bottleneck { bits_per_second, queue: queue.unwrap_or(DEFAULT_QUEUE) });
        all.delay = self.delay.unwrap_or(all.delay);
        all.jitter.spread = self.jitter.unwrap_or(all.jitter.spread);
        all.jitter.reorders |= self.reorder;
        if self.reorder && all.jitter.spread.is_zero() {
            return Err(ArgumentError::Needs { option: "--reorder", other: "--jitter" });
        }
        all.duplication = self.duplicate.unwrap_or(all.duplication);
        all.corruption = self.corrupt.unwrap_or(all.corruption);
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::command_line::argument_error::ArgumentError;
    use crate::impairment::Preset;

    #[derive(Debug, clap::Parser)]
    struct TestCommand {
        #[command(flatten)]
        network: NetworkOptions,
    }

    fn parse(line: &str) -> Result<Option<EmulatorSettings>, String> {
        let arguments = std::iter::once("reelay").chain(line.split_whitespace());
        let command = TestCommand::try_parse_from(arguments)
            .map_err(|error| ArgumentError::from_clap(&error, None).to_string())?;
        command.network.settings().map_err(|error| error.to_string())
    }

    #[test]
    fn every_option_is_parsed() {
        assert_eq!(parse(""), Ok(None));
        let all = "--loss 5% --burst 3 --rate 2M --queue 64K --delay 40ms --jitter 0.01s --reorder \
                   --duplicate 1% --corrupt 0.1% --seed 7";
        let EmulatorSettings { is_on, seed, impairments } = parse(all).unwrap().unwrap();
        assert_eq!((is_on, seed), (true, 7));
        let text = "5 % loss in bursts of 3, 2 Mbit/s with a queue of 64 KiB, 40 ms delay, \
                    10 ms uniform jitter that reorders, 1 % duplicated, 0.1 % corrupted";
        assert_eq!(impairments.to_string(), text);
    }

    #[test]
    fn options_replace_what_the_preset_sets() {
        let preset = Preset::by_name("3G").unwrap().impairments;
        let expected = Impairments { loss: LossModel { ratio: 0.07, ..preset.loss }, ..preset };
        for line in ["--loss 7% --preset 3g", "--preset 3G --loss 7%"] {
            let EmulatorSettings { impairments, seed, .. } = parse(line).unwrap().unwrap();
            assert!(seed < RANDOM_SEED_LIMIT);
            assert_eq!(impairments, expected);
        }
    }

    #[test]
    fn invalid_values_give_one_sentence() {
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
            let error = parse(line).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
            assert!(error.ends_with('.') && !error.contains('\n'), "{line}: {error}");
        }
    }

    #[test]
    fn help_names_every_preset() {
        let help = preset_help();
        for preset in &PRESETS {
            assert!(help.contains(preset.name), "{help}");
        }
    }
}
