//! Settings file: what is written is read again, and what the user wrote stays.

use reelay::media::FrameRate;
use reelay::recording::{RecordingFormat, SnapshotFormat};
use reelay::session::{Dialect, Orientation, PortSpelling, Scaling};
use reelay::settings::document::{self, template};
use reelay::settings::{
    Controls, FilmSettings, LastAttempt, PanelKind, PanelSettings, Recent, RecentSource, RecentStream,
    Settings, ThemePreference, WindowSettings,
};
use toml_edit::DocumentMut;

/// Writes settings into a document, and reads them from its text.
fn write_and_read(document: &mut DocumentMut, settings: &Settings) -> Settings {
    document::write(document, settings);
    let text = document.to_string();
    let again: DocumentMut = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    document::read(&again).0
}

fn recents() -> Vec<Recent> {
    let opened = "2026-11-29T14:05:00Z".parse().unwrap();
    let stream = RecentStream {
        address: "rtsp://lab.example:8554/movie.Mjpeg".to_owned(),
        dialect: Dialect::Classroom,
        last_attempt: Some(LastAttempt::Connected),
        port_spelling: PortSpelling::Bare,
    };
    let sources = [RecentSource::Stream(stream), RecentSource::Film("/films/talk.mjpeg".into())];
    sources.map(|source| Recent { source, opened }).into()
}

pub fn body(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(original) = text.parse::<DocumentMut>() else { return };
    let (settings, ignored) = document::read(&original);
    ignored.iter().for_each(|ignored| assert!(!ignored.rule.is_empty()));
    let other = Settings {
        recents_cleared: settings.recents_cleared,
        controls: Controls::Four,
        theme: ThemePreference::Dark,
        frame_rate: FrameRate::per_second(30),
        playout_delay_ms: 123,
        automatic_playout_delay: true,
        retransmission: true,
        error_correction: "10x5".parse().ok(),
        interface_scale: 150,
        recording_format: RecordingFormat::Avi,
        snapshot_format: SnapshotFormat::Png,
        film_folder: Some("/films".into()),
        save_folder: None,
        show_damaged_frames: false,
        tint_missing_parts: true,
        panels: PanelSettings { open: vec![PanelKind::Messages], width: 640, is_lesson: true },
        window: WindowSettings { size: Some((900, 640)), position: Some((0, -5)), is_maximized: true },
        keep_recents: false,
        recents: recents(),
        certificates: Vec::new(),
        picture_size: Scaling::Fill,
        play_when_opened: true,
        keep_on_top: true,
        resume_films: true,
        films: vec![FilmSettings {
            path: "/films/talk.mjpeg".into(),
            frame_rate: Some(FrameRate::per_second(5)),
            orientation: Orientation::default().rotated().flipped(),
            left_at_frame: Some(123),
        }],
    };
    for written in [settings, other] {
        let mut document = original.clone();
        assert_eq!(write_and_read(&mut document, &written), written);
        let once = document.to_string();
        assert_eq!(write_and_read(&mut document, &written), written);
        assert_eq!(document.to_string(), once, "writing the same settings again changes the file");
        let unknown = |document: &DocumentMut| document::unknown_keys(document).count();
        assert_eq!(unknown(&document), unknown(&original), "an unknown key is lost");
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let written = "controls = \"four\" # mine\n\n theme= 'dark'\nframe_rate = \"30000/1001\"\nplayout_delay_ms = 120\n\n\
        [[recents]]\nsource = \"rtsp://lab.example:8554/m\"\nkind = \"classroom\"\nopened = 2026-11-29T14:05:00Z\n\
        port_spelling = \"bare\"\n\n# another\n[[recents]]\nsource = \"/films/a.avi\"\nopened = 2026-11-29T14:05:00+01:00\nnote = \"roof\"\n";
    let inline = "recents = [{ source = \"http://ann:b@a:1/?pwd=c\", kind = \"http\", opened = 2026-11-29T14:05:00.5Z, last_attempt = \"failed\" }, 3]\nframe_rate = 29.97\nfuture = { a = 1 }\n";
    let odd = "playout_delay_ms = -1\r\npanels = ['messages', 'sound']\r\npanel_width = 1e3\r\ncontrols = 3\r\n[window]\r\nwidth = 0x500\r\n[servers]\r\naddress = \"x\"\r\n";
    let films = "[[films]]\npath = \"/films/talk.mjpeg\" # mine\nframe_rate = 5.0\n[[films]]\npath = '/films/talk.mjpeg/'\n\
        frame_rate = 24\n[[films]]\nframe_rate = 3\n[[films]]\npath = '/a'\nrotation = 90\nflipped = true\nleft_at_frame = 7\n";
    let window =
        "[window] # mine\nwidth = 900\nheight = 64e1\nscreen = 2\nx = 3\ny = 0x7fffffff\nmaximized = true\n";
    [template().to_string().as_str(), written, inline, odd, films, window]
        .iter()
        .map(|text| text.as_bytes().to_vec())
        .collect()
}
