//! Settings in a TOML document. Sans-I/O.
//!
//! [`read`] returns the valid settings of a document. [`write()`] changes only values that differ, so that manual edits
//! are kept: comments, formatting, order and unknown keys.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use toml_edit::{DocumentMut, Item, Table, Value};

use super::panels::{MAX_PANEL_WIDTH, MIN_PANEL_WIDTH, PanelKind, PanelSettings};
use super::problem::IgnoredValue;
use super::recents::Recent;
use super::tables::{Entry as _, read_entries, replace, write_entries, write_text};
use super::values::{
    Controls, FilmSettings, MAX_INTERFACE_SCALE, MIN_INTERFACE_SCALE, Settings, ThemePreference,
};
use super::{entries, window};
use crate::media::FrameRate;
use crate::proto::fec::ParityLayout;
use crate::recording::{RecordingFormat, SnapshotFormat};
use crate::session::{Scaling, TrustedCertificate};

/// Text of a new settings file, with the default values.
const TEMPLATE: &str = "\
# Settings of Reelay. Comments, and keys that Reelay does not know, are kept when it saves.

# Buttons: three (Play, Pause, Stop) or four (Setup, Play, Pause, Teardown).
controls = \"three\"

# Theme: system, dark or light.
theme = \"system\"

# Frames per second of films that state no rate, from 0.1 to 240, like 25, 29.97 or \"30000/1001\".
frame_rate = 20

# Playout delay in milliseconds, from 0 to 5000.
playout_delay_ms = 50

# Playout delay that follows the jitter of the network instead: true or false.
automatic_playout_delay = false

# Requests lost packets again where the server can send them: true or false.
retransmission = false

# Parity packets from which lost packets are recovered where the server offers them: off, one for a number of packets like
# \"5\" (2 to 24), or one for each row and column of a grid like \"10x10\" (at most 110 packets).
error_correction = \"off\"

# Size of text and controls in percent, from 100 to 200.
interface_scale = 100

# Format of recordings: mov (keeps the time of each frame), avi, or classroom (holds no times).
recording_format = \"mov\"

# Format of snapshots: jpeg (the frame as it arrived) or png.
snapshot_format = \"jpeg\"

# Frames of which a part was lost: shown with that part from the frame before (true), or not shown (false).
show_damaged_frames = true

# Colours the parts of a frame that were lost: true or false.
tint_missing_parts = false

# Open panels: network, statistics, messages, in the order in which they were opened.
panels = []

# Width of a panel in logical pixels, from 300 to 800.
panel_width = 380

# Lesson layout: a small picture, and all panels in a row.
lesson_layout = false

# Films and streams that are opened are remembered for the start screen: true or false.
keep_recents = true

# With three buttons, films play as soon as they are opened: true or false.
play_when_opened = false

# The window stays above all others: true or false.
keep_on_top = false

# Films continue where they were left: true or false.
resume_films = false

# Size of the picture: fit (all of it), fill (without bars), or actual (100 %).
picture_size = \"fit\"
";

/// Keys at the top of a document.
const KEYS: [&str; 26] = [
    "controls",
    "theme",
    "frame_rate",
    "playout_delay_ms",
    "automatic_playout_delay",
    "retransmission",
    "error_correction",
    "interface_scale",
    "recording_format",
    "snapshot_format",
    "film_folder",
    "save_folder",
    "show_damaged_frames",
    "tint_missing_parts",
    "panels",
    "panel_width",
    "lesson_layout",
    window::KEY,
    "keep_recents",
    Recent::KEY,
    "picture_size",
    "play_when_opened",
    "keep_on_top",
    "resume_films",
    TrustedCertificate::KEY,
    FilmSettings::KEY,
];

/// Value of a file without parity packets.
const ERROR_CORRECTION_OFF: &str = "off";

/// Rule that a value breaks.
type Rule = String;

/// Returns a new document with explanations and the default values.
pub fn template() -> DocumentMut {
    TEMPLATE.parse().unwrap_or_default()
}

/// Reads settings. A value that is missing or cannot be used is the default; the second result lists those that cannot
/// be used.
pub fn read(table: &Table) -> (Settings, Vec<IgnoredValue>) {
    let mut settings = Settings::default();
    let mut ignored = Vec::new();
    read_value(table, "controls", controls, &mut settings.controls, &mut ignored);
    read_value(table, "theme", theme, &mut settings.theme, &mut ignored);
    read_value(table, "frame_rate", frame_rate, &mut settings.frame_rate, &mut ignored);
    read_value(table, "playout_delay_ms", playout_delay_ms, &mut settings.playout_delay_ms, &mut ignored);
    read_value(table, "automatic_playout_delay", flag, &mut settings.automatic_playout_delay, &mut ignored);
    read_value(table, "retransmission", flag, &mut settings.retransmission, &mut ignored);
    read_value(table, "error_correction", error_correction, &mut settings.error_correction, &mut ignored);
    read_value(table, "interface_scale", interface_scale, &mut settings.interface_scale, &mut ignored);
    read_value(table, "recording_format", recording_format, &mut settings.recording_format, &mut ignored);
    read_value(table, "snapshot_format", snapshot_format, &mut settings.snapshot_format, &mut ignored);
    read_value(table, "film_folder", folder, &mut settings.film_folder, &mut ignored);
    read_value(table, "save_folder", folder, &mut settings.save_folder, &mut ignored);
    read_value(table, "show_damaged_frames", flag, &mut settings.show_damaged_frames, &mut ignored);
    read_value(table, "tint_missing_parts", flag, &mut settings.tint_missing_parts, &mut ignored);
    read_value(table, "panels", panels, &mut settings.panels.open, &mut ignored);
    read_value(table, "panel_width", panel_width, &mut settings.panels.width, &mut ignored);
    read_value(table, "lesson_layout", flag, &mut settings.panels.is_lesson, &mut ignored);
    read_value(table, "play_when_opened", flag, &mut settings.play_when_opened, &mut ignored);
    read_value(table, "keep_on_top", flag, &mut settings.keep_on_top, &mut ignored);
    read_value(table, "resume_films", flag, &mut settings.resume_films, &mut ignored);
    read_value(table, "picture_size", picture_size, &mut settings.picture_size, &mut ignored);
    if let Some(item) = table.get(window::KEY) {
        settings.window = window::read(item, &mut ignored);
    }
    read_value(table, "keep_recents", flag, &mut settings.keep_recents, &mut ignored);
    if let Some(item) = table.get(Recent::KEY) {
        settings.recents = read_entries(item, &mut ignored);
    }
    if let Some(item) = table.get(TrustedCertificate::KEY) {
        settings.certificates = read_entries(item, &mut ignored);
    }
    if let Some(item) = table.get(FilmSettings::KEY) {
        settings.films = read_entries(item, &mut ignored);
    }
    (settings, ignored)
}

fn read_value<T>(
    table: &Table,
    key: &str,
    parse: fn(&Item) -> Result<T, Rule>,
    value: &mut T,
    ignored: &mut Vec<IgnoredValue>,
) {
    match table.get(key).map(parse) {
        Some(Ok(parsed)) => *value = parsed,
        Some(Err(rule)) => ignored.push(IgnoredValue { key: key.to_owned(), rule }),
        None => {}
    }
}

/// Returns the keys that are not settings.
pub fn unknown_keys(table: &Table) -> impl Iterator<Item = (&str, &Item)> {
    table.iter().filter(|(key, _)| !KEYS.contains(key))
}

/// Writes settings into a document. A value with the same meaning is not touched. A value that cannot be used is kept
/// until the setting differs from its default.
pub fn write(document: &mut DocumentMut, settings: &Settings) {
    let defaults = Settings::default();
    write_value(document, "controls", controls, settings.controls, defaults.controls, |controls| {
        controls.as_str().into()
    });
    write_value(document, "theme", theme, settings.theme, defaults.theme, |theme| theme.as_str().into());
    write_value(
        document,
        "frame_rate",
        frame_rate,
        settings.frame_rate,
        defaults.frame_rate,
        entries::frame_rate_value,
    );
    write_value(
        document,
        "playout_delay_ms",
        playout_delay_ms,
        settings.playout_delay_ms,
        defaults.playout_delay_ms,
        |delay| i64::from(delay).into(),
    );
    write_later_settings(document, settings, &defaults);
    write_folder(document, "film_folder", settings.film_folder.as_deref());
    write_folder(document, "save_folder", settings.save_folder.as_deref());
    for (key, value, default) in [
        ("show_damaged_frames", settings.show_damaged_frames, defaults.show_damaged_frames),
        ("tint_missing_parts", settings.tint_missing_parts, defaults.tint_missing_parts),
        ("keep_recents", settings.keep_recents, defaults.keep_recents),
        ("automatic_playout_delay", settings.automatic_playout_delay, defaults.automatic_playout_delay),
        ("retransmission", settings.retransmission, defaults.retransmission),
        ("play_when_opened", settings.play_when_opened, defaults.play_when_opened),
        ("keep_on_top", settings.keep_on_top, defaults.keep_on_top),
        ("resume_films", settings.resume_films, defaults.resume_films),
    ] {
        // A file that does not have them is not changed for the default.
        if document.contains_key(key) || value != default {
            write_value(document, key, flag, value, default, Value::from);
        }
    }
    let (layout, default) = (settings.error_correction, defaults.error_correction);
    if document.contains_key("error_correction") || layout != default {
        write_value(document, "error_correction", error_correction, layout, default, |layout| {
            layout.map_or_else(|| ERROR_CORRECTION_OFF.to_owned(), |layout| layout.to_string()).into()
        });
    }
    write_panels(document, &settings.panels);
    let (size, default) = (settings.picture_size, defaults.picture_size);
    if document.contains_key("picture_size") || size != default {
        write_value(document, "picture_size", picture_size, size, default, |size| size.as_str().into());
    }
    window::write(document, settings.window);
    write_entries(document, &settings.recents);
    write_entries(document, &settings.certificates);
    write_entries(document, &settings.films);
}

/// Writes the settings that earlier files do not have. A file without one is not changed for the default.
fn write_later_settings(document: &mut DocumentMut, settings: &Settings, defaults: &Settings) {
    let scale = settings.interface_scale;
    if document.contains_key("interface_scale") || scale != defaults.interface_scale {
        write_value(document, "interface_scale", interface_scale, scale, defaults.interface_scale, |scale| {
            i64::from(scale).into()
        });
    }
    let (recording, snapshot) = (settings.recording_format, settings.snapshot_format);
    if document.contains_key("recording_format") || recording != defaults.recording_format {
        let default = defaults.recording_format;
        write_value(document, "recording_format", recording_format, recording, default, |format| {
            format.as_str().into()
        });
    }
    if document.contains_key("snapshot_format") || snapshot != defaults.snapshot_format {
        let default = defaults.snapshot_format;
        write_value(document, "snapshot_format", snapshot_format, snapshot, default, |format| {
            format.as_str().into()
        });
    }
}

/// Writes a folder that the program remembers, or removes it.
fn write_folder(document: &mut DocumentMut, key: &str, value: Option<&Path>) {
    match value.and_then(Path::to_str) {
        Some(path) => write_text(document, key, path),
        None if document.get(key).is_some_and(|item| folder(item).is_ok()) => {
            document.remove(key);
        }
        None => {}
    }
}

/// Writes the open panels and their width. A file that does not have them is not changed for the default.
fn write_panels(document: &mut DocumentMut, settings: &PanelSettings) {
    let defaults = PanelSettings::default();
    if document.contains_key("panels") || settings.open != defaults.open {
        write_value(document, "panels", panels, settings.open.clone(), defaults.open, |open| {
            Value::Array(open.iter().map(|panel| panel.as_str()).collect())
        });
    }
    if document.contains_key("panel_width") || settings.width != defaults.width {
        write_value(document, "panel_width", panel_width, settings.width, defaults.width, |width| {
            i64::from(width).into()
        });
    }
    if document.contains_key("lesson_layout") || settings.is_lesson != defaults.is_lesson {
        let default = defaults.is_lesson;
        write_value(document, "lesson_layout", flag, settings.is_lesson, default, Value::from);
    }
}

fn write_value<T: PartialEq>(
    table: &mut Table,
    key: &str,
    parse: fn(&Item) -> Result<T, Rule>,
    value: T,
    default: T,
    encode: fn(T) -> Value,
) {
    let is_kept = match table.get(key).map(parse) {
        Some(Ok(current)) => current == value,
        Some(Err(_)) => value == default,
        None => false,
    };
    if !is_kept {
        replace(table, key, encode(value));
    }
}

fn text(item: &Item) -> Result<&str, Rule> {
    item.as_str().ok_or_else(|| "it is a text in quotation marks".to_owned())
}

fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, Rule> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn controls(item: &Item) -> Result<Controls, Rule> {
    parse(text(item)?)
}

fn theme(item: &Item) -> Result<ThemePreference, Rule> {
    parse(text(item)?)
}

fn recording_format(item: &Item) -> Result<RecordingFormat, Rule> {
    parse(text(item)?)
}

fn snapshot_format(item: &Item) -> Result<SnapshotFormat, Rule> {
    parse(text(item)?)
}

fn error_correction(item: &Item) -> Result<Option<ParityLayout>, Rule> {
    match text(item)? {
        ERROR_CORRECTION_OFF => Ok(None),
        layout => parse(layout).map(Some),
    }
}

fn picture_size(item: &Item) -> Result<Scaling, Rule> {
    parse(text(item)?)
}

fn frame_rate(item: &Item) -> Result<FrameRate, Rule> {
    entries::frame_rate(Some(item))
}

fn folder(item: &Item) -> Result<Option<PathBuf>, Rule> {
    Ok(Some(text(item)?.into()))
}

fn flag(item: &Item) -> Result<bool, Rule> {
    item.as_bool().ok_or_else(|| "it is true or false".to_owned())
}

fn playout_delay_ms(item: &Item) -> Result<u32, Rule> {
    let milliseconds = item.as_integer().and_then(|number| u32::try_from(number).ok());
    milliseconds.ok_or_else(|| "a playout delay is a whole number of milliseconds".to_owned())
}

fn panels(item: &Item) -> Result<Vec<PanelKind>, Rule> {
    let names = item.as_array().ok_or_else(|| "the panels are a list of names".to_owned())?;
    let mut panels = Vec::new();
    for name in names {
        let panel = parse(name.as_str().unwrap_or_default())?;
        if !panels.contains(&panel) {
            panels.push(panel);
        }
    }
    Ok(panels)
}

fn panel_width(item: &Item) -> Result<u32, Rule> {
    let width = item.as_integer().and_then(|number| u32::try_from(number).ok());
    width.filter(|width| (MIN_PANEL_WIDTH..=MAX_PANEL_WIDTH).contains(width)).ok_or_else(|| {
        format!("the width of a panel is a whole number from {MIN_PANEL_WIDTH} to {MAX_PANEL_WIDTH}")
    })
}

fn interface_scale(item: &Item) -> Result<u8, Rule> {
    let percent = item.as_integer().and_then(|number| u8::try_from(number).ok());
    percent.filter(|percent| (MIN_INTERFACE_SCALE..=MAX_INTERFACE_SCALE).contains(percent)).ok_or_else(|| {
        format!("a size is a whole number of percent from {MIN_INTERFACE_SCALE} to {MAX_INTERFACE_SCALE}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    use crate::session::{Dialect, Fingerprint, PortSpelling, SourceUrl};
    use crate::settings::{RecentSource, RecentStream};

    fn read_text(text: &str) -> (Settings, Vec<IgnoredValue>) {
        read(&text.parse::<DocumentMut>().unwrap())
    }

    /// Returns the text after these settings were written into it.
    fn written(text: &str, settings: &Settings) -> String {
        let mut document: DocumentMut = text.parse().unwrap();
        write(&mut document, settings);
        let written = document.to_string();
        assert_eq!(read_text(&written).0, *settings, "{written}");
        written
    }

    /// Time of the recents in these tests.
    const OPENED: &str = "2026-11-29T14:05:00Z";

    fn stream(address: &str, dialect: Dialect) -> Recent {
        let address = address.to_owned();
        let (has_answered, port_spelling) = (None, PortSpelling::default());
        let stream = RecentStream { address, dialect, has_answered, port_spelling };
        Recent { source: RecentSource::Stream(stream), opened: OPENED.parse().unwrap() }
    }

    fn remember(settings: &mut Settings, address: &str, dialect: Dialect) {
        let url = SourceUrl::parse_as(address, dialect).unwrap();
        settings.remember_stream(&url, OPENED.parse::<Timestamp>().unwrap());
    }

    #[test]
    fn formats_are_written_where_they_differ() {
        let settings = Settings {
            recording_format: RecordingFormat::Avi,
            snapshot_format: SnapshotFormat::Png,
            ..Settings::default()
        };
        let text = written("", &settings);
        assert!(
            text.contains("recording_format = \"avi\"") && text.contains("snapshot_format = \"png\""),
            "{text}"
        );
        assert!(!written("", &Settings::default()).contains("format"));
        let (read, ignored) = read_text("recording_format = \"mkv\"");
        assert_eq!(read, Settings::default());
        assert_eq!(ignored[0].rule, "a recording is mov, avi or classroom");
    }

    #[test]
    fn picture_size_and_orientation_of_films_are_written() {
        let mut settings = Settings { picture_size: Scaling::Fill, ..Settings::default() };
        let path = || "/films/a.mjpeg".into();
        settings.change_film(path(), |film| film.orientation = film.orientation.rotated().flipped());
        let text = written("", &settings);
        let film = "[[films]]\npath = \"/films/a.mjpeg\"\nrotation = 270\nflipped = true\n";
        assert!(text.contains("picture_size = \"fill\"") && text.contains(film), "{text}");
        assert_eq!(written(&text, &settings), text);
        settings.remember_frame_rate(path(), FrameRate::per_second(5));
        settings.change_film(path(), |film| film.orientation = film.orientation.flipped());
        let text = written(&text, &settings);
        assert!(text.contains("rotation = 90\nframe_rate = 5\n") && !text.contains("flipped"), "{text}");
        assert!(!written("", &Settings::default()).contains("picture"));
        for (film, key) in [("rotation = 45", "rotation"), ("flipped = 1", "flipped")] {
            let (_, ignored) = read_text(&format!("[[films]]\npath = '/a'\n{film}\n"));
            assert_eq!(ignored[0].key, format!("films[1].{key}"));
        }
    }

    #[test]
    fn folders_are_remembered() {
        let settings = Settings {
            film_folder: Some("/films".into()),
            save_folder: Some("/home/ann/Übung".into()),
            ..Settings::default()
        };
        let text = written("", &settings);
        assert!(text.contains("film_folder = \"/films\""), "{text}");
        assert_eq!(written(&text, &settings), text);
        assert_eq!(written(&text, &Settings::default()).matches("folder").count(), 0);
    }

    #[test]
    fn switches_are_written_where_they_differ() {
        let settings =
            Settings { show_damaged_frames: false, tint_missing_parts: true, ..Settings::default() };
        let text = written("", &settings);
        assert!(text.contains("show_damaged_frames = false") && text.contains("tint_missing_parts = true"));
        assert!(!written("", &Settings::default()).contains("damaged"));
        let opening = Settings { play_when_opened: true, resume_films: true, ..Settings::default() };
        assert!(written("", &opening).contains("play_when_opened = true\nresume_films = true"));
        assert!(written(&text, &Settings::default()).contains("show_damaged_frames = true"));
    }

    #[test]
    fn panels_are_written_where_they_differ() {
        let panels = PanelSettings {
            open: vec![PanelKind::Messages, PanelKind::Network],
            width: 455,
            is_lesson: true,
        };
        let text = written("", &Settings { panels, ..Settings::default() });
        for line in ["panels = [\"messages\", \"network\"]", "panel_width = 455", "lesson_layout = true"] {
            assert!(text.contains(line), "{text}");
        }
        assert!(!written("", &Settings::default()).contains("panel"));
        let closed = written("panels = ['messages']\n", &Settings::default());
        assert!(closed.contains("panels = []"), "{closed}");
        let (twice, _) = read_text("panels = ['network', 'network']");
        assert_eq!(twice.panels.open, [PanelKind::Network]);
    }

    #[test]
    fn interface_scale_is_written_where_it_differs() {
        let settings = Settings { interface_scale: 150, ..Settings::default() };
        assert!(written("", &settings).contains("interface_scale = 150\n"));
        assert!(!written("", &Settings::default()).contains("interface_scale"));
        assert!(written("interface_scale = 150\n", &Settings::default()).contains("interface_scale = 100\n"));
    }

    #[test]
    fn template_holds_the_defaults() {
        assert_eq!(read_text(TEMPLATE), (Settings::default(), Vec::new()));
        assert_eq!(written(TEMPLATE, &Settings::default()), TEMPLATE);
        let remembered = ["film_folder", "save_folder", "window", "recents", "certificates", "films"];
        for key in KEYS.iter().filter(|key| !remembered.contains(key)) {
            assert!(TEMPLATE.contains(&format!("\n{key} = ")), "{key}");
        }
    }

    #[test]
    fn missing_and_unknown_keys_do_no_harm() {
        assert_eq!(read_text(""), (Settings::default(), Vec::new()));
        let (settings, ignored) =
            read_text("controls = 'four'\ntheme = 'light'\ncolour = 7\n[screen]\nwidth = 5");
        assert_eq!((settings.controls, settings.theme), (Controls::Four, ThemePreference::Light));
        assert_eq!((settings.frame_rate, ignored), (FrameRate::CLASSROOM, Vec::new()));
    }

    #[test]
    fn wrong_value_costs_only_itself() {
        for (line, key, rule) in [
            ("theme = 'purple'", "theme", "a theme is dark, light or system"),
            ("theme = 3", "theme", "it is a text in quotation marks"),
            ("frame_rate = 1000", "frame_rate", "a number from 0.1 to 240"),
            ("frame_rate = 'fast'", "frame_rate", "a number from 0.1 to 240"),
            ("frame_rate = nan", "frame_rate", "a number from 0.1 to 240"),
            ("frame_rate = []", "frame_rate", "a number from 0.1 to 240"),
            ("playout_delay_ms = -1", "playout_delay_ms", "whole number of milliseconds"),
            ("playout_delay_ms = '200'", "playout_delay_ms", "whole number of milliseconds"),
            ("show_damaged_frames = 1", "show_damaged_frames", "true or false"),
            ("tint_missing_parts = 'no'", "tint_missing_parts", "true or false"),
            ("panels = 'network'", "panels", "list of names"),
            ("panels = ['network', 'sound']", "panels", "a panel is network, statistics or messages"),
            ("panels = [7]", "panels", "a panel is network, statistics or messages"),
            ("panel_width = 299", "panel_width", "a whole number from 300 to 800"),
            ("panel_width = 801", "panel_width", "a whole number from 300 to 800"),
            ("lesson_layout = 'yes'", "lesson_layout", "true or false"),
            ("interface_scale = 99", "interface_scale", "percent from 100 to 200"),
            ("interface_scale = 500", "interface_scale", "percent from 100 to 200"),
            ("keep_recents = 'no'", "keep_recents", "true or false"),
            ("automatic_playout_delay = 50", "automatic_playout_delay", "true or false"),
            ("retransmission = 1", "retransmission", "true or false"),
            ("error_correction = 5", "error_correction", "it is a text in quotation marks"),
            ("error_correction = '1'", "error_correction", "protects 2 to 24 packets"),
            ("recents = 5", "recents[1]", "an entry has a source"),
            ("recents = ['rtsp://lab:1/']", "recents[1]", "an entry has a source"),
            ("[[recents]]\nkind = 'standard'", "recents[1]", "an entry has a source"),
            ("[[recents]]\nsource = '/a.avi'", "recents[1].opened", "a time like"),
            ("[[recents]]\nsource = '/a.avi'\nopened = 2026-11-29", "recents[1].opened", "a time like"),
            (
                "[[recents]]\nsource = 'lab:1'\nkind = 'classroom'\nopened = 2026-11-29T14:05:00Z",
                "recents[1].source",
                "the URL of a stream",
            ),
            (
                "[[recents]]\nsource = 'rtsp://a/?key=b'\nkind = 'standard'\nopened = 2026-11-29T14:05:00Z",
                "recents[1].source",
                "without a password",
            ),
            ("films = [{ frame_rate = 5 }]", "films[1]", "a film has a path"),
            ("[[films]]\npath = '/a'\nframe_rate = 0", "films[1].frame_rate", "a number from 0.1 to 240"),
            ("certificates = [{ sha256 = '00' }]", "certificates[1]", "a certificate has an address"),
            ("[[certificates]]\naddress = 'a:1'", "certificates[1].sha256", "64 hexadecimal digits"),
            (
                "[[certificates]]\naddress = 'a:1'\nsha256 = '00'",
                "certificates[1].sha256",
                "64 hexadecimal digits",
            ),
            (
                "[[recents]]\nsource = 'rtsp://a/'\nkind = 'klingon'\nopened = 2026-11-29T14:05:00Z",
                "recents[1].kind",
                "standard, classroom or http",
            ),
        ] {
            let (settings, ignored) = read_text(&format!("controls = 'four'\n{line}"));
            assert_eq!(settings, Settings { controls: Controls::Four, ..Settings::default() }, "{line}");
            assert_eq!(ignored.len(), 1, "{line}: {ignored:?}");
            assert!(ignored[0].key == key && ignored[0].rule.contains(rule), "{line}: {}", ignored[0]);
        }
    }

    #[test]
    fn trusted_certificates_are_written_and_keep_their_spelling() {
        let mut settings = Settings::default();
        let fingerprint = Fingerprint::of(b"a");
        settings.trust_certificate("camera:322".to_owned(), fingerprint);
        let text =
            written("theme = 'dark'\n", &Settings { theme: ThemePreference::Dark, ..settings.clone() });
        let table = format!("[[certificates]]\naddress = \"camera:322\"\nsha256 = \"{fingerprint}\"\n");
        assert!(text.contains(&table), "{text}");
        let plain = fingerprint.to_string().replace(':', "").to_lowercase();
        let edited = text.replace(&fingerprint.to_string(), &plain).replace("sha256", "note = 7\nsha256");
        let (mut settings, ignored) = read_text(&edited);
        assert_eq!((settings.certificates[0].fingerprint, ignored), (fingerprint, Vec::new()));
        settings.trust_certificate("other:322".to_owned(), Fingerprint::of(b"b"));
        let text = written(&edited, &settings);
        assert!(text.contains(&format!("note = 7\nsha256 = \"{plain}\"")), "{text}");
    }

    #[test]
    fn frame_rates_of_films_are_written() {
        let mut settings = Settings::default();
        settings.remember_frame_rate("/films/b.mjpeg".into(), FrameRate::new(30_000, 1_001).unwrap());
        settings.remember_frame_rate("/films/a.mjpeg".into(), FrameRate::per_second(5));
        let text = written("", &settings);
        let tables = "[[films]]\npath = \"/films/a.mjpeg\"\nframe_rate = 5\n\n\
                      [[films]]\npath = \"/films/b.mjpeg\"\nframe_rate = 29.97\n";
        assert!(text.contains(tables), "{text}");
        // The same rate in other words, and a comment.
        let edited = text.replace("frame_rate = 5", "frame_rate = 5.0 # slow");
        settings.remember_frame_rate("/films/A.mjpeg".into(), FrameRate::per_second(6));
        assert!(written(&edited, &settings).contains("frame_rate = 5.0 # slow"));
    }

    #[test]
    fn good_recents_are_read_beside_wrong_ones() {
        let text = format!(
            "[[recents]]\nsource = 'rtsp://a/'\nkind = 'standard'\nopened = {OPENED}\n[[recents]]\n\
             [[recents]]\nsource = 'rtsp://c:3/m.Mjpeg'\nkind = 'classroom'\nopened = {OPENED}"
        );
        let (settings, ignored) = read_text(&text);
        let expected =
            [stream("rtsp://a/", Dialect::Standard), stream("rtsp://c:3/m.Mjpeg", Dialect::Classroom)];
        assert_eq!(settings.recents, expected);
        assert_eq!(ignored[0].key, "recents[2]");
    }

    #[test]
    fn frame_rate_is_a_number_or_a_fraction() {
        let ntsc = FrameRate::new(30_000, 1_001).unwrap();
        for (value, rate, saved) in [
            ("25", FrameRate::per_second(25), "25"),
            ("12.5", FrameRate::new(25, 2).unwrap(), "12.5"),
            ("29.97", ntsc, "29.97"),
            ("'29.97'", ntsc, "29.97"),
            ("'30000/1001'", ntsc, "29.97"),
            ("'30001/1001'", FrameRate::new(30_001, 1_001).unwrap(), "\"30001/1001\""),
        ] {
            let line = format!("frame_rate = {value}\n");
            let (settings, ignored) = read_text(&line);
            assert_eq!((settings.frame_rate, ignored), (rate, Vec::new()), "{line}");
            assert!(written(&line, &settings).contains(&line), "an unchanged value keeps its form");
            let text = written("", &settings);
            assert!(text.contains(&format!("frame_rate = {saved}\n")), "{text}");
            assert_eq!(read_text(&text).0.frame_rate, rate);
        }
    }

    #[test]
    fn comments_formatting_and_unknown_keys_are_kept() {
        let text = "\
# my settings
theme   =  'dark' # easy on the eyes
  volume = 11

# slow network
playout_delay_ms = 0x3E8
controls = \"three\"
frame_rate = 20.0

[screen] # unknown table
width = 640
";
        let settings = read_text(text).0;
        assert_eq!((settings.theme, settings.playout_delay_ms), (ThemePreference::Dark, 1_000));
        assert_eq!(written(text, &settings), text);
        let changed = Settings { theme: ThemePreference::Light, playout_delay_ms: 300, ..settings };
        let expected = text.replace("'dark'", "\"light\"").replace("0x3E8", "300");
        assert_eq!(written(text, &changed), expected);
    }

    #[test]
    fn wrong_value_stays_until_the_setting_is_changed() {
        let text = "theme = 'solarized' # of a newer version\n";
        assert!(written(text, &Settings::default()).starts_with(text));
        let light = Settings { theme: ThemePreference::Light, ..Settings::default() };
        assert!(written(text, &light).starts_with("theme = \"light\" # of a newer version\n"));
    }

    #[test]
    fn recents_move_with_their_comments_and_unknown_keys() {
        let text = "\
controls = \"three\"
theme = \"system\"
frame_rate = 20
playout_delay_ms = 200

# the lab
[[recents]]
source = \"/films/talk.mjpeg\" # first floor
opened = 2026-11-29T14:05:00Z
room = 7

[[recents]]
nickname = \"no source\"

[[recents]]
source = \"rtsp://camera/live\"
kind = \"standard\"
opened = 2026-11-20T10:00:00Z # once

[screen]
width = 640
";
        let mut settings = read_text(text).0;
        assert_eq!(written(text, &settings), text);
        remember(&mut settings, "rtsp://camera/live", Dialect::Standard);
        remember(&mut settings, "rtsp://new:1/m.Mjpeg", Dialect::Classroom);
        let expected = "\
controls = \"three\"
theme = \"system\"
frame_rate = 20
playout_delay_ms = 200

[[recents]]
source = \"rtsp://new:1/m.Mjpeg\"
kind = \"classroom\"
opened = 2026-11-29T14:05:00Z

[[recents]]
source = \"rtsp://camera/live\"
kind = \"standard\"
opened = 2026-11-29T14:05:00Z # once

# the lab
[[recents]]
source = \"/films/talk.mjpeg\" # first floor
opened = 2026-11-29T14:05:00Z
room = 7

[[recents]]
nickname = \"no source\"

[screen]
width = 640
";
        assert_eq!(written(text, &settings), expected);
    }

    #[test]
    fn port_spelling_and_answer_are_written_where_they_are_known() {
        let text =
            format!("[[recents]]\nsource = \"rtsp://lab:1/m\"\nkind = \"classroom\"\nopened = {OPENED}\n");
        let mut settings = read_text(&text).0;
        let same = written(&text, &settings);
        assert!(!same.contains("port_spelling") && !same.contains("answered"), "{same}");
        settings.remember_port_spelling("lab:1", PortSpelling::Joined);
        let lab = SourceUrl::parse_as("rtsp://lab:1/m", Dialect::Classroom).unwrap();
        assert!(settings.set_answered(&lab, false));
        let changed = written(&text, &settings);
        assert!(changed.contains("answered = false\nport_spelling = \"joined\"\n"), "{changed}");
        settings.remember_port_spelling("lab:1", PortSpelling::Spaced);
        assert!(settings.set_answered(&lab, true));
        assert!(written(&changed, &settings).contains("answered = true\nport_spelling = \"spaced\"\n"));
        let known = [stream("rtsp://lab:1/m", Dialect::Classroom)].into();
        assert!(!written(&changed, &Settings { recents: known, ..settings }).contains("answered"));
    }

    #[test]
    fn recents_may_be_inline_tables() {
        let text = format!("recents = [{{ source = '/a.avi', opened = {OPENED}, room = 7 }}]\n");
        let mut settings = read_text(&text).0;
        assert_eq!(settings.recents.len(), 1);
        assert!(written(&text, &settings).starts_with(&text));
        remember(&mut settings, "rtsp://b/live", Dialect::Standard);
        let text = written(&text, &settings);
        assert!(
            text.contains("[[recents]]\nsource = \"rtsp://b/live\"") && text.contains("room = 7"),
            "{text}"
        );
    }

    #[test]
    fn forgotten_recents_are_removed() {
        let text = format!(
            "[[recents]]\nsource = '/a.avi'\nopened = {OPENED}\n\n[[recents]]\nsource = '/b.avi'\nopened = {OPENED}\n"
        );
        let mut settings = read_text(&text).0;
        settings.forget(&RecentSource::Film("/a.avi".into()));
        let changed = written(&text, &settings);
        assert!(!changed.contains("a.avi") && changed.contains("b.avi"), "{changed}");
        let private = Settings { keep_recents: false, ..Settings::default() };
        let cleared = written(&text, &private);
        assert!(!cleared.contains("[[recents]]") && cleared.contains("keep_recents = false"), "{cleared}");
    }
}
