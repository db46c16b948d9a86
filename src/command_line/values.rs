//! Values of options: numbers with units, addresses and times. Sans-I/O.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::impairment::{Impairments, PRESETS, Preset};
use crate::proto::rtsp::Npt;
use crate::recording::RecordingFormat;
use crate::session::PlayoutDelay;

/// Maximum value of `--delay` and `--jitter`.
const MAX_DELAY: Duration = Duration::from_secs(10);

/// Maximum value of `--playout-delay`.
const MAX_PLAYOUT_DELAY: Duration = Duration::from_secs(5);

/// Maximum value of `--seconds`: one year. `Instant` cannot express arbitrarily distant deadlines.
const MAX_PLAY_SECONDS: f64 = 31_536_000.0;

/// Renderer of the window that the user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RendererOption {
    /// Graphics card if there is one that is known to work, otherwise the processor.
    #[default]
    Auto,
    /// Graphics card, or the renderer that the system offers in its place.
    Gpu,
    /// Processor, even if there is a graphics card.
    Software,
}

/// Rule that the value of an option breaks. It completes the sentence `--option cannot be "value": …`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ValueError {
    /// Rule of `--loss`, `--duplicate` and `--corrupt`: a percentage from 0 % to 100 %.
    #[error("it is a percentage from 0% to 100%, like 5% or 0.1%")]
    Percentage,
    /// Rule of `--burst`: 1 to 1,000 packets.
    #[error("it is the mean number of packets lost in a row, from 1 to 1000, like 3 or 2.5")]
    MeanBurst,
    /// Rule of `--rate`: 1 kbit/s to 100 Gbit/s.
    #[error("it is bits per second from 1K to 100G, like 500K or 2M")]
    BitRate,
    /// Rule of `--queue`: 1 byte to 1 GiB.
    #[error("it is bytes from 1 to 1G, like 64K or 1M")]
    QueueSize,
    /// Rule of `--delay` and `--jitter`: 0 to 10 s.
    #[error("it is a time from 0ms to 10s, like 40ms or 1.5s")]
    Delay,
    /// Rule of `--seed`: any unsigned 64-bit number.
    #[error("it is a whole number from 0 to {}, like 7", u64::MAX)]
    Seed,
    /// Rule of `--preset`: the name of a preset.
    #[error("it is one of {}", PRESETS.map(|preset| preset.name).join(", "))]
    Preset,
    /// Rule of `--seconds`: above 0, at most one year.
    #[error("it is a number above 0, like 10 or 2.5, at most one year")]
    PlaySeconds,
    /// Rule of `--playout-delay`: `auto`, or 0 to 5 s.
    #[error("it is auto or a time from 0ms to 5s, like 100ms")]
    PlayoutDelay,
    /// Rule of `--frames`: at least 1.
    #[error("it is a whole number above 0")]
    FrameCount,
    /// Rule of `--session-timeout`: 5 s to one day.
    #[error("it is a number of seconds from 5 to 86400")]
    SessionTimeout,
    /// Rule of `--max-connections` and `--max-connections-per-address`: 1 to 100,000.
    #[error("it is a whole number from 1 to 100000")]
    ConnectionCount,
    /// Rule of `--rtp-port`: an even number from 2 to 65534, or an odd one with `--classroom`.
    #[error(
        "it is an even number from 2 to 65534, as RTCP uses the next one; with --classroom it may be odd"
    )]
    RtpPort,
    /// Rule of `--listen`: an IP address and a port.
    #[error("it is ADDR:PORT, like 127.0.0.1:8554 or [::]:8554")]
    ListenAddress,
    /// Rule of `--to`: a host and a port.
    #[error("it is HOST:PORT, like camera.local:554")]
    ServerAddress,
    /// Rule of `--from` and `--to`: a time in the film.
    #[error("it is a time like 90, 1:30 or 0:01:30.5")]
    Position,
    /// Rule of `--report`: a file name that ends in `.csv` or `.json`.
    #[error("its name ends in .csv for one row per second, or in .json for the complete report")]
    ReportFile,
    /// Rule of `--record`: a file name that ends in `.mov`, `.avi`, `.mpjpeg` or `.mjpeg`.
    #[error("its name ends in .mov, .avi, .mpjpeg, or .mjpeg for the classroom format")]
    RecordFile,
}

/// Parses a percentage such as `5%` to a ratio from 0 to 1.
pub fn parse_percentage(text: &str) -> Result<f64, ValueError> {
    let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    percent
        .filter(|percent| (0.0..=100.0).contains(percent))
        .map(|percent| percent / 100.0)
        .ok_or(ValueError::Percentage)
}

/// Parses the mean length of a loss burst, in packets.
pub fn parse_mean_burst(text: &str) -> Result<f64, ValueError> {
    let mean = text.parse::<f64>().ok().filter(|mean| (1.0..=1_000.0).contains(mean));
    mean.ok_or(ValueError::MeanBurst)
}

/// Parses a number that may end in `K`, `M` or `G`, the first three powers of `thousand` (1,000 or 1,024).
fn parse_scaled(text: &str, thousand: f64) -> Option<f64> {
    let (number, scale) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], thousand),
        (at, 'm' | 'M') => (&text[..at], thousand * thousand),
        (at, 'g' | 'G') => (&text[..at], thousand * thousand * thousand),
        _ => (text, 1.0),
    };
    number.trim().parse::<f64>().ok().map(|number| number * scale)
}

/// Parses a throughput, in bits per second; `K`, `M` and `G` are decimal.
pub fn parse_bit_rate(text: &str) -> Result<u64, ValueError> {
    let rate = parse_scaled(text, 1_000.0).filter(|rate| (1e3..=1e11).contains(rate));
    rate.map(|rate| rate as u64).ok_or(ValueError::BitRate)
}

/// Parses the size of a queue, in bytes; `K`, `M` and `G` are powers of 1024.
pub fn parse_queue_size(text: &str) -> Result<u32, ValueError> {
    let bytes = parse_scaled(text, 1_024.0).filter(|bytes| (1.0..=f64::from(1 << 30)).contains(bytes));
    bytes.map(|bytes| bytes as u32).ok_or(ValueError::QueueSize)
}

/// Parses a time with its unit, `ms` or `s`.
pub fn parse_delay(text: &str) -> Result<Duration, ValueError> {
    let seconds = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => number.trim().parse::<f64>().ok().map(|number| number / 1_000.0),
        (None, Some(number)) => number.trim().parse::<f64>().ok(),
        (None, None) => None,
    };
    let delay = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    delay.filter(|delay| *delay <= MAX_DELAY).ok_or(ValueError::Delay)
}

/// Parses a random seed.
pub fn parse_seed(text: &str) -> Result<u64, ValueError> {
    text.parse().map_err(|_| ValueError::Seed)
}

/// Returns the impairments of the preset of this name; case, spaces and hyphens do not matter.
pub fn parse_preset(text: &str) -> Result<Impairments, ValueError> {
    Preset::by_name(text).map(|preset| preset.impairments).ok_or(ValueError::Preset)
}

/// Parses a playout delay: `auto`, or a time as [`parse_delay`] reads it.
pub fn parse_playout_delay(text: &str) -> Result<PlayoutDelay, ValueError> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(PlayoutDelay::Auto);
    }
    let delay = parse_delay(text).ok().filter(|delay| *delay <= MAX_PLAYOUT_DELAY);
    delay.map(PlayoutDelay::Fixed).ok_or(ValueError::PlayoutDelay)
}

/// Parses a playing time, in seconds.
pub fn parse_play_seconds(text: &str) -> Result<Duration, ValueError> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0 && *seconds <= MAX_PLAY_SECONDS);
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).ok_or(ValueError::PlaySeconds)
}

/// Parses a time in a film: seconds, minutes and seconds, or hours, minutes and seconds.
pub fn parse_position(text: &str) -> Result<Npt, ValueError> {
    let whole = |text: &str, limit| text.parse::<u32>().ok().filter(|number| *number < limit).map(f64::from);
    let (larger, seconds) = match text.split(':').collect::<Vec<_>>()[..] {
        [seconds] => (Some(0.0), seconds.parse::<f64>().ok()),
        [minutes, seconds] => {
            (whole(minutes, u32::MAX).map(|m| m * 60.0), seconds.parse().ok().filter(|s| *s < 60.0))
        }
        [hours, minutes, seconds] => {
            let larger = whole(hours, u32::MAX).zip(whole(minutes, 60)).map(|(h, m)| h * 3_600.0 + m * 60.0);
            (larger, seconds.parse().ok().filter(|s| *s < 60.0))
        }
        _ => (None, None),
    };
    let position =
        larger.zip(seconds.filter(|seconds| *seconds >= 0.0)).map(|(larger, seconds)| larger + seconds);
    let position = position.filter(|position| *position <= MAX_PLAY_SECONDS).ok_or(ValueError::Position)?;
    Ok(Npt::from_micros((position * 1e6).round() as u64))
}

/// Parses a number of frames.
pub fn parse_frame_count(text: &str) -> Result<u64, ValueError> {
    text.parse().ok().filter(|count| *count > 0).ok_or(ValueError::FrameCount)
}

/// Parses a maximum number of connections.
pub fn parse_connection_count(text: &str) -> Result<usize, ValueError> {
    text.parse().ok().filter(|count| (1..=100_000).contains(count)).ok_or(ValueError::ConnectionCount)
}

/// Parses a session timeout, in seconds.
pub fn parse_session_timeout(text: &str) -> Result<Duration, ValueError> {
    let seconds = text.parse().ok().filter(|seconds| (5..=86_400).contains(seconds));
    seconds.map(Duration::from_secs).ok_or(ValueError::SessionTimeout)
}

/// Parses an RTP port, even or odd: RTP itself takes an even one (RFC 3550 §11), a classroom server any.
pub fn parse_rtp_port(text: &str) -> Result<u16, ValueError> {
    text.parse().ok().filter(|port| (1..=65_534).contains(port)).ok_or(ValueError::RtpPort)
}

/// Parses the address to listen on.
pub fn parse_listen_address(text: &str) -> Result<SocketAddr, ValueError> {
    text.parse().map_err(|_| ValueError::ListenAddress)
}

/// Splits `HOST:PORT` of a server. An IPv6 address is enclosed in brackets, which the returned host lacks.
pub fn parse_server_address(text: &str) -> Result<(String, u16), ValueError> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.or((!host.contains([':', '/'])).then_some(host))?;
        Some((host.to_owned(), port.parse().ok().filter(|port| *port > 0)?))
    });
    parts.filter(|(host, _)| !host.is_empty()).ok_or(ValueError::ServerAddress)
}

/// File that `reelay probe` writes its report to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// Path of the file; an existing file is overwritten.
    pub path: PathBuf,
    /// Format, known from the extension of the path.
    pub format: ReportFormat,
}

/// Format of a report file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFormat {
    /// CSV with one row per second of playing time.
    Csv,
    /// JSON with the complete report as one object.
    Json,
}

/// File of `--record`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFile {
    /// Path of the file.
    pub path: PathBuf,
    /// Format that its extension selects.
    pub format: RecordingFormat,
}

impl TryFrom<OsString> for RecordFile {
    type Error = ValueError;

    fn try_from(value: OsString) -> Result<Self, ValueError> {
        let path = PathBuf::from(value);
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        let format = RecordingFormat::from_extension(&extension).ok_or(ValueError::RecordFile)?;
        Ok(Self { path, format })
    }
}

impl OutputFormat {
    /// Returns true if a reader of the format finds the end of a frame by EOI.
    pub fn ends_frames_at_eoi(self) -> bool {
        self.recording_format().ends_frames_at_eoi()
    }

    /// Returns true if the two fields of an interlaced frame stay together.
    pub fn keeps_fields(self) -> bool {
        self.recording_format().keeps_fields()
    }

    /// Returns the same format of a recording.
    pub fn recording_format(self) -> RecordingFormat {
        match self {
            Self::Avi => RecordingFormat::Avi,
            Self::Mov => RecordingFormat::Mov,
            Self::Multipart => RecordingFormat::Multipart,
            Self::Raw => RecordingFormat::Raw,
            Self::Classroom => RecordingFormat::Classroom,
            Self::Image => RecordingFormat::Image,
            Self::Folder => RecordingFormat::Folder,
        }
    }
}

/// Format of a film that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// AVI, with the extensions of OpenDML.
    Avi,
    /// QuickTime.
    Mov,
    /// Multipart, as cameras send it over HTTP.
    Multipart,
    /// Frames one after the other.
    Raw,
    /// The classroom format: each frame after its length in five digits.
    Classroom,
    /// One frame, as a JPEG file.
    Image,
    /// A folder with a JPEG file of each frame.
    Folder,
}

impl TryFrom<OsString> for ReportFile {
    type Error = ValueError;

    fn try_from(value: OsString) -> Result<Self, ValueError> {
        let path = PathBuf::from(value);
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        let format = match extension.as_deref() {
            Some("csv") => ReportFormat::Csv,
            Some("json") => ReportFormat::Json,
            _ => return Err(ValueError::ReportFile),
        };
        Ok(Self { path, format })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_scale_numbers() {
        assert_eq!(parse_percentage("0.5 %"), Ok(0.005));
        assert_eq!(
            ["1500", "500k", "2M", "0.5G"].map(parse_bit_rate),
            [Ok(1_500), Ok(500_000), Ok(2_000_000), Ok(500_000_000)]
        );
        assert_eq!(["1500", "64K", "1m"].map(parse_queue_size), [Ok(1_500), Ok(65_536), Ok(1_048_576)]);
        let delays = ["40ms", "1.5s", "10 s", "0ms"].map(parse_delay);
        assert_eq!(delays, [40, 1_500, 10_000, 0].map(|ms| Ok(Duration::from_millis(ms))));
    }

    #[test]
    fn server_address_has_host_and_port() {
        for (text, host, port) in [
            ("camera.local:554", "camera.local", 554),
            ("[::1]:8554", "::1", 8_554),
            ("10.0.0.7:1", "10.0.0.7", 1),
        ] {
            assert_eq!(parse_server_address(text), Ok((host.to_owned(), port)));
        }
        for text in ["camera", ":554", "::1:554", "camera:0", "camera:99999", "rtsp://camera:554", "[]:554"] {
            assert_eq!(parse_server_address(text), Err(ValueError::ServerAddress), "{text}");
        }
    }

    #[test]
    fn positions_have_up_to_three_parts() {
        for (text, seconds) in
            [("90", 90.0), ("0.5", 0.5), ("1:30", 90.0), ("100:00.25", 6_000.25), ("1:02:03.5", 3_723.5)]
        {
            let micros = (seconds * 1e6) as u64;
            assert_eq!(parse_position(text), Ok(Npt::from_micros(micros)), "{text}");
        }
        for text in ["", "-1", "1:60", "1:60:00", "1:-5", "a", "1:2:3:4", "nan", "inf", "1e99", "1.5:00"] {
            assert_eq!(parse_position(text), Err(ValueError::Position), "{text}");
        }
    }

    #[test]
    fn report_format_follows_the_extension() {
        let format = |path: &str| ReportFile::try_from(OsString::from(path)).map(|file| file.format);
        assert_eq!(format("a/b.csv"), Ok(ReportFormat::Csv));
        assert_eq!(format("report.JSON"), Ok(ReportFormat::Json));
        for path in ["report", "report.txt", "csv", ""] {
            assert_eq!(format(path), Err(ValueError::ReportFile), "{path}");
        }
    }
}
