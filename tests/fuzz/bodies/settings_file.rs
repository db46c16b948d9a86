//! Settings file: what is written is read again, and what the user wrote stays.

use reelay::media::FrameRate;
use reelay::recording::{RecordingFormat, SnapshotFormat};
use reelay::session::{Dialect, Orientation, PortSpelling, Scaling};
use reelay::settings::document::{self, template};
use reelay::settings::{
    Controls, FilmSettings, KnownServer, PanelKind, PanelSettings, Settings, ThemePreference,
};
use toml_edit::DocumentMut;

/// Writes settings into a document, and reads them from its text.
fn write_and_read(document: &mut DocumentMut, settings: &Settings) -> Settings {
    document::write(document, settings);
    let text = document.to_string();
    let again: DocumentMut = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    document::read(&again).0
}

pub fn body(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(original) = text.parse::<DocumentMut>() else { return };
    let (settings, ignored) = document::read(&original);
    ignored.iter().for_each(|ignored| assert!(!ignored.rule.is_empty()));
    let other = Settings {
        controls: Controls::Four,
        theme: ThemePreference::Dark,
        frame_rate: FrameRate::per_second(30),
        playout_delay_ms: 123,
        interface_scale: 150,
        recording_format: RecordingFormat::Avi,
        snapshot_format: SnapshotFormat::Png,
        film_folder: Some("/films".into()),
        save_folder: None,
        show_damaged_frames: false,
        tint_missing_parts: true,
        panels: PanelSettings { open: vec![PanelKind::Messages], width: 640, is_lesson: true },
        servers: vec![KnownServer {
            address: "lab.example:8554".to_owned(),
            dialect: Dialect::Classroom,
            port_spelling: PortSpelling::Bare,
        }],
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
        [[servers]]\naddress = \"lab.example:8554\"\ndialect = \"classroom\"\nport_spelling = \"bare\"\n\n# another\n\
        [[servers]]\naddress = \"camera.example\"\nnote = \"roof\"\n";
    let inline = "servers = [{ address = \"a:1\", dialect = \"standard\" }, 3]\nframe_rate = 29.97\nfuture = { a = 1 }\n";
    let odd = "playout_delay_ms = -1\r\npanels = ['messages', 'sound']\r\npanel_width = 1e3\r\ncontrols = 3\r\n[window]\r\nwidth = 0x500\r\n[servers]\r\naddress = \"x\"\r\n";
    let films = "[[films]]\npath = \"/films/talk.mjpeg\" # mine\nframe_rate = 5.0\n[[films]]\npath = '/films/talk.mjpeg/'\n\
        frame_rate = 24\n[[films]]\nframe_rate = 3\n[[films]]\npath = '/a'\nrotation = 90\nflipped = true\nleft_at_frame = 7\n";
    [template().to_string().as_str(), written, inline, odd, films]
        .iter()
        .map(|text| text.as_bytes().to_vec())
        .collect()
}
