//! Report of a session as text, CSV or JSON.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::definitions::{FIGURE_GROUPS, Figure, NO_PACKETS_NOTE};
use super::{Second, Snapshot};
use crate::format::{clock, count};
use crate::impairment::{EmulatorSettings, Impairments};

/// Source and options of a session.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ReportSubject {
    /// Name of the film or stream.
    pub name: String,
    /// URL without user and password; `None` for a local film.
    pub url: Option<String>,
    /// Name of the server software, if stated.
    pub server: Option<String>,
    /// Protocol of the server: `standard` or `classroom`.
    pub dialect: &'static str,
    /// Transport of RTP: `udp` or `tcp`; `None` before SETUP.
    pub transport: Option<&'static str>,
    /// Repair of lost packets that the server offers: `retransmission` and `error correction`.
    pub repair: Vec<&'static str>,
    /// Playout delay in milliseconds.
    pub playout_delay_ms: u64,
    /// Place of the emulated network, as text.
    pub network_place: String,
}

/// Change of the settings of the emulated network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmulatorChange {
    /// Playing time in seconds from which the settings apply.
    pub from_s: f64,
    /// True if the emulated network is on.
    pub is_on: bool,
    /// Seed of the random generator of the impairments.
    pub seed: u64,
    /// Impairments as text, or `off`.
    pub words: String,
    /// Impairments that are set, even while the network is off.
    pub impairments: Impairments,
}

impl EmulatorChange {
    /// Creates a change to these settings at `from_s` seconds of playing time.
    pub fn new(from_s: f64, settings: &EmulatorSettings) -> Self {
        let EmulatorSettings { is_on, seed, impairments } = *settings;
        let words = if is_on { impairments.to_string() } else { "off".to_owned() };
        Self { from_s, is_on, seed, words, impairments }
    }

    /// Returns true if both settings have the same effect. All settings that are off have.
    pub fn has_same_effect(&self, other: &Self) -> bool {
        match (self.is_on, other.is_on) {
            (false, false) => true,
            (true, true) => (self.seed, self.impairments) == (other.seed, other.impairments),
            _ => false,
        }
    }
}

/// Report of a session.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionReport {
    program: &'static str,
    version: &'static str,
    /// Date and time of the start, in UTC (RFC 3339).
    began: String,
    subject: ReportSubject,
    network: Vec<EmulatorChange>,
    figures: Snapshot,
    seconds: Vec<Second>,
}

/// Figure of a session, formatted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportLine {
    /// Name of the figure.
    pub name: &'static str,
    /// Definition of the figure.
    pub description: &'static str,
    /// Measured value with its unit.
    pub measured: String,
    /// True value, counted by the emulated network; `None` if it counts no such figure or was not used.
    pub emulated: Option<String>,
}

impl SessionReport {
    /// Creates the report of a session that was started at `started_at`.
    pub fn new(
        subject: ReportSubject,
        started_at: SystemTime,
        figures: Snapshot,
        seconds: Vec<Second>,
        network: Vec<EmulatorChange>,
    ) -> Self {
        Self {
            program: "Reelay",
            version: env!("CARGO_PKG_VERSION"),
            began: humantime::format_rfc3339_seconds(started_at).to_string(),
            subject,
            network,
            figures,
            seconds,
        }
    }

    /// Source and options of the session.
    pub fn subject(&self) -> &ReportSubject {
        &self.subject
    }

    /// Seconds of the timeline, the oldest first.
    pub fn seconds(&self) -> &[Second] {
        &self.seconds
    }

    /// Settings of the emulated network, in the order in which they applied.
    pub fn network(&self) -> &[EmulatorChange] {
        &self.network
    }

    /// Returns the figures of the session by group. Figures of the last second are left out.
    pub fn figure_groups(&self) -> impl Iterator<Item = (&'static str, Vec<ReportLine>)> {
        FIGURE_GROUPS.iter().map(|group| {
            let figures = group.figures.iter().filter(|figure| !figure.is_instantaneous());
            (group.name, figures.map(|figure| self.report_line(figure)).collect())
        })
    }

    fn report_line(&self, figure: &'static Figure) -> ReportLine {
        let emulated = figure.emulated.zip(self.figures.emulated).map(|(write, emulated)| write(&emulated));
        ReportLine {
            name: figure.name,
            description: figure.description,
            measured: figure.value(&self.figures),
            emulated,
        }
    }

    /// Returns a few lines about the source, the playing time, the frames and the emulated network.
    pub fn heading(&self) -> Vec<String> {
        let ReportSubject { name, url, transport, repair, .. } = &self.subject;
        let mut first = url.as_deref().unwrap_or(name).to_owned();
        if let Some(transport) = transport {
            first += &format!(", {}", transport.to_uppercase());
        }
        let played = clock(Duration::from_secs_f64(self.figures.playing_s.max(0.0)));
        // The number of frames of which no packet arrived is unknown.
        let Snapshot { frames_complete, frames_incomplete, .. } = self.figures;
        let second = format!(
            "{played} played, {} frames complete, {} incomplete",
            count(frames_complete),
            count(frames_incomplete)
        );
        let mut heading = vec![first, second];
        // Over an RTSP connection no packet is lost that could be repaired.
        if *transport == Some("udp") && !repair.is_empty() {
            heading.push(format!("The server offers to repair lost packets by {}", repair.join(" and ")));
        }
        if self.figures.lacks_packets {
            heading.push(NO_PACKETS_NOTE.to_owned());
        }
        if self.network.iter().any(|setting| setting.is_on) {
            heading.push(format!("Emulated network {}:", self.subject.network_place));
            heading.extend(self.network.iter().map(|setting| {
                let seed = if setting.is_on { format!(", seed {}", setting.seed) } else { String::new() };
                format!("from {:.1} s: {}{seed}", setting.from_s, setting.words)
            }));
        }
        heading
    }

    /// Formats the report as text in columns.
    pub fn to_text(&self) -> String {
        let mut text = format!("Reelay {}, session of {}\n", self.version, self.began);
        for line in self.heading() {
            text += &line;
            text.push('\n');
        }
        let is_emulated = self.figures.emulated.is_some();
        for (group, lines) in self.figure_groups() {
            let right = if is_emulated { "counted by the emulator" } else { "" };
            text.push('\n');
            push_columns(&mut text, group, "measured", right);
            for ReportLine { name, measured, emulated, .. } in lines {
                push_columns(&mut text, &format!("  {name}"), &measured, &emulated.unwrap_or_default());
            }
        }
        text
    }

    /// Formats the timeline as CSV, with a header line and a row per second.
    ///
    /// # Errors
    /// Returns an error if the CSV writer fails, which would be a bug: it writes to memory.
    pub fn to_csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        if self.seconds.is_empty() {
            // Serialize a row for the header line, and drop the row.
            writer.serialize(Second::default())?;
            let bytes = writer.into_inner().map_err(|error| error.into_error())?;
            return Ok(bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default().to_vec());
        }
        for second in &self.seconds {
            writer.serialize(second)?;
        }
        Ok(writer.into_inner().map_err(|error| error.into_error())?)
    }

    /// Formats the complete report as JSON.
    ///
    /// # Errors
    /// Returns an error if a figure cannot be serialized, which would be a bug.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }
}

/// Width of the column of names, in characters; the longest name is "Interarrival jitter, mean / maximum".
const NAME_WIDTH: usize = 40;

/// Width of the column of measured values, in characters.
const VALUE_WIDTH: usize = 36;

fn push_columns(text: &mut String, name: &str, measured: &str, emulated: &str) {
    *text += format!("{name:<NAME_WIDTH$}{measured:<VALUE_WIDTH$}{emulated}").trim_end();
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::impairment::EmulatorStats;

    fn report(seconds: Vec<Second>) -> SessionReport {
        let figures = Snapshot {
            playing_s: 10.2,
            packets_expected: 1_400,
            packets_received: 1_330,
            packets_lost: 70,
            loss_ratio: Some(0.05),
            frames_complete: 150,
            frames_incomplete: 50,
            emulated: Some(EmulatorStats {
                offered: 1_400,
                delivered: 1_330,
                lost_random: 70,
                seed: 7,
                ..EmulatorStats::default()
            }),
            ..Snapshot::default()
        };
        let subject = ReportSubject {
            name: "sample.mjpeg".to_owned(),
            transport: Some("udp"),
            repair: vec!["retransmission", "error correction"],
            network_place: "at the server's output".to_owned(),
            ..ReportSubject::default()
        };
        let settings = EmulatorSettings { is_on: true, seed: 7, ..EmulatorSettings::default() };
        let began = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        SessionReport::new(subject, began, figures, seconds, vec![EmulatorChange::new(0.0, &settings)])
    }

    #[test]
    fn text_shows_measured_beside_emulated() {
        let text = report(Vec::new()).to_text();
        assert!(text.contains("session of 2023-11-14T22:13:20Z\nsample.mjpeg, UDP\n"), "{text}");
        assert!(text.contains("0:10 played, 150 frames complete, 50 incomplete\n"), "{text}");
        assert!(
            text.contains(
                "\nThe server offers to repair lost packets by retransmission and error correction\n"
            ),
            "{text}"
        );
        assert!(text.contains("from 0.0 s: no faults, seed 7\n"), "{text}");
        let lost = text.lines().find(|line| line.starts_with("  Lost  ")).unwrap();
        let words: Vec<_> = lost.split("  ").filter(|word| !word.is_empty()).map(str::trim).collect();
        assert_eq!(words, ["Lost", "70 (5.0 %)", "70 (5.0 %)"]);
        assert!(text.lines().all(|line| line == line.trim_end()));
    }

    #[test]
    fn offered_repair_is_named_over_udp_only() {
        let is_named = |transport, repair| {
            let mut report = report(Vec::new());
            (report.subject.transport, report.subject.repair) = (Some(transport), repair);
            report.to_text().contains("offers to repair")
        };
        assert!(is_named("udp", vec!["retransmission"]));
        assert!(!is_named("tcp", vec!["retransmission"]) && !is_named("udp", Vec::new()));
    }

    #[test]
    fn csv_has_a_row_per_second_and_empty_unknown_fields() {
        let packets = Some(0);
        let second = Second {
            time_s: 1.0,
            span_s: 1.0,
            packets_expected: packets,
            packets_received: packets,
            packets_lost: Some(-2),
            ..Second::default()
        };
        let csv = String::from_utf8(report(vec![second; 3]).to_csv().unwrap()).unwrap();
        let lines: Vec<_> = csv.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[0].starts_with("time_s,span_s,packets_expected,packets_received,packets_lost,"));
        assert!(lines[1].starts_with("1.0,1.0,0,0,-2,"));
        assert!(lines[1].ends_with(",,,,0"), "{}", lines[1]);
        assert_eq!(lines[0].split(',').count(), lines[1].split(',').count());
        let none = String::from_utf8(report(Vec::new()).to_csv().unwrap()).unwrap();
        assert_eq!(none.lines().collect::<Vec<_>>(), [lines[0]]);
    }

    #[test]
    fn json_contains_everything() {
        let json = report(vec![Second::default()]).to_json().unwrap();
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(value["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(value["figures"]["packets_lost"], 70);
        assert_eq!(value["figures"]["emulated"]["lost_random"], 70);
        assert_eq!(value["subject"]["repair"][0], "retransmission");
        assert_eq!(value["network"][0]["seed"], 7);
        assert_eq!(value["seconds"].as_array().unwrap().len(), 1);
    }
}
