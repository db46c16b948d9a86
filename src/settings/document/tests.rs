use super::*;
use jiff::Timestamp;

use crate::session::{Dialect, Fingerprint, PortSpelling, SourceUrl};
use crate::settings::{LastAttempt, RecentSource, RecentStream};

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
    let (last_attempt, port_spelling) = (None, PortSpelling::default());
    let stream = RecentStream { address, dialect, last_attempt, port_spelling };
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
    let settings = Settings { show_damaged_frames: false, tint_missing_parts: true, ..Settings::default() };
    let text = written("", &settings);
    assert!(text.contains("show_damaged_frames = false") && text.contains("tint_missing_parts = true"));
    assert!(!written("", &Settings::default()).contains("damaged"));
    let opening = Settings { play_when_opened: true, resume_films: true, ..Settings::default() };
    assert!(written("", &opening).contains("play_when_opened = true\nresume_films = true"));
    assert!(written(&text, &Settings::default()).contains("show_damaged_frames = true"));
}

#[test]
fn panels_are_written_where_they_differ() {
    let panels =
        PanelSettings { open: vec![PanelKind::Messages, PanelKind::Network], width: 455, is_lesson: true };
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
    let text = written("theme = 'dark'\n", &Settings { theme: ThemePreference::Dark, ..settings.clone() });
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
    let expected = [stream("rtsp://a/", Dialect::Standard), stream("rtsp://c:3/m.Mjpeg", Dialect::Classroom)];
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
    let text = format!("[[recents]]\nsource = \"rtsp://lab:1/m\"\nkind = \"classroom\"\nopened = {OPENED}\n");
    let mut settings = read_text(&text).0;
    let same = written(&text, &settings);
    assert!(!same.contains("port_spelling") && !same.contains("last_attempt"), "{same}");
    settings.remember_port_spelling("lab:1", PortSpelling::Joined);
    let lab = SourceUrl::parse_as("rtsp://lab:1/m", Dialect::Classroom).unwrap();
    assert!(settings.set_last_attempt(&lab, LastAttempt::Unreachable));
    let changed = written(&text, &settings);
    assert!(changed.contains("last_attempt = \"unreachable\"\nport_spelling = \"joined\"\n"), "{changed}");
    settings.remember_port_spelling("lab:1", PortSpelling::Spaced);
    assert!(settings.set_last_attempt(&lab, LastAttempt::Connected));
    assert!(
        written(&changed, &settings).contains("last_attempt = \"connected\"\nport_spelling = \"spaced\"\n")
    );
    let known = [stream("rtsp://lab:1/m", Dialect::Classroom)].into();
    assert!(!written(&changed, &Settings { recents: known, ..settings }).contains("last_attempt"));
}

#[test]
fn recents_may_be_inline_tables() {
    let text = format!("recents = [{{ source = '/a.avi', opened = {OPENED}, room = 7 }}]\n");
    let mut settings = read_text(&text).0;
    assert_eq!(settings.recents.len(), 1);
    assert!(written(&text, &settings).starts_with(&text));
    remember(&mut settings, "rtsp://b/live", Dialect::Standard);
    let text = written(&text, &settings);
    assert!(text.contains("[[recents]]\nsource = \"rtsp://b/live\"") && text.contains("room = 7"), "{text}");
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
