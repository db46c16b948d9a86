//! Connect dialog: address, transport and RTP port of a stream, for standard and classroom servers.

use std::path::PathBuf;
use std::time::Duration;

use iced::Fill;
use iced::widget::{column, row, text, text_input};

use crate::file_url;
use crate::media::FrameRate;
use crate::proto::http::HttpUrl;
use crate::proto::rtsp::{RtspUrl, UrlError};
use crate::session::{
    ClassroomUrl, ClassroomUrlError, DEFAULT_SNAPSHOT_INTERVAL, Dialect, HttpOptions, SourceUrl,
    StreamOptions, TransportPreference,
};
use crate::settings::KnownServer;
use crate::ui::dialog::layout::{buttons, setting_row, title};
use crate::ui::renderer::{Element, Row, TextInput};
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::choices::choices;
use crate::ui::widget::control::button;

/// Input of the dialog. The application keeps it for the next time the dialog is opened.
#[derive(Debug, Clone)]
pub struct Form {
    dialect: Dialect,
    /// True once the user has chosen a dialect; a known server then no longer selects one.
    is_dialect_chosen: bool,
    known_servers: Vec<KnownServer>,
    url: String,
    rtp_port: String,
    /// Snapshots per second over HTTP; empty for the default.
    snapshot_rate: String,
    is_expanded: bool,
    transport: TransportPreference,
    classroom: ClassroomFields,
    error: Option<FieldError>,
}

/// Input for a classroom server.
#[derive(Debug, Clone)]
struct ClassroomFields {
    host: String,
    port: String,
    file: String,
    rtp_port: String,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            dialect: Dialect::Standard,
            is_dialect_chosen: false,
            known_servers: Vec::new(),
            url: String::new(),
            rtp_port: String::new(),
            snapshot_rate: String::new(),
            is_expanded: false,
            transport: TransportPreference::Auto,
            // File and RTP port as in the instructions of the exercise.
            classroom: ClassroomFields {
                host: String::new(),
                port: String::new(),
                file: "movie.Mjpeg".to_owned(),
                rtp_port: "25000".to_owned(),
            },
            error: None,
        }
    }
}

/// Invalid field, with a sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FieldError {
    field: Field,
    message: String,
}

/// Text field of the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Field {
    Url,
    RtpPort,
    SnapshotRate,
    Host,
    Port,
    File,
    ClassroomRtpPort,
}

/// Message of the dialog.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Message {
    Dialect(Dialect),
    Input(Field, String),
    Transport(TransportPreference),
    ToggleMore,
    Submit,
    Cancel,
}

/// Request of the dialog to the application.
#[derive(Debug)]
pub enum Action {
    /// No request to the application.
    None,
    /// Move the keyboard focus to this field.
    Focus(Field),
    /// Move the keyboard focus to this field, unless a control has it.
    FocusUnlessControl(Field),
    /// Connect to this stream, and close the dialog.
    Connect(SourceUrl, StreamOptions),
    /// Open the file with this path, and close the dialog. Needed on systems without a file dialog.
    Open(PathBuf),
    /// Close the dialog without connecting.
    Close,
}

impl Field {
    /// Returns the id of the widget.
    pub fn id(self) -> &'static str {
        match self {
            Self::Url => "connect-url",
            Self::RtpPort => "connect-rtp-port",
            Self::SnapshotRate => "connect-snapshot-rate",
            Self::Host => "connect-host",
            Self::Port => "connect-port",
            Self::File => "connect-file",
            Self::ClassroomRtpPort => "connect-classroom-rtp-port",
        }
    }
}

/// Input of the dialog, and its validation.
impl Form {
    /// Prepares the form for being shown, with the servers that were used before.
    pub fn open(&mut self, known_servers: Vec<KnownServer>) {
        self.known_servers = known_servers;
        self.is_dialect_chosen = false;
    }

    /// Returns the field to focus.
    pub fn first_field(&self) -> Field {
        match self.dialect {
            Dialect::Standard | Dialect::Http => Field::Url,
            Dialect::Classroom => Field::Host,
        }
    }

    /// Applies a message to the input.
    pub fn update(&mut self, message: Message) -> Action {
        match message {
            Message::Dialect(dialect) => {
                self.dialect = dialect;
                self.is_dialect_chosen = true;
                self.error = None;
                return Action::FocusUnlessControl(self.first_field());
            }
            Message::Input(field, input) => {
                *self.input_mut(field) = input;
                self.error = None;
                return self.apply_known_server(field);
            }
            Message::Transport(transport) => self.transport = transport,
            Message::ToggleMore => {
                self.is_expanded = !self.is_expanded;
                let first = if self.is_http() { Field::SnapshotRate } else { Field::RtpPort };
                return Action::Focus(if self.is_expanded { first } else { Field::Url });
            }
            Message::Cancel => return Action::Close,
            Message::Submit => return self.submit(),
        }
        Action::None
    }

    /// Returns true if the typed address is a camera over HTTP.
    fn is_http(&self) -> bool {
        HttpUrl::has_http_scheme(self.url.trim())
    }

    fn submit(&mut self) -> Action {
        if let Some(path) = self.typed_path() {
            return Action::Open(path);
        }
        match self.parse() {
            Ok((url, options)) => {
                self.error = None;
                Action::Connect(url, options)
            }
            Err(error) => {
                self.is_expanded |= matches!(error.field, Field::RtpPort | Field::SnapshotRate);
                self.error = Some(error);
                Action::None
            }
        }
    }

    /// Returns the path of a file that was typed instead of a URL: an absolute path, a `file:` URL, or the relative
    /// path of a film. A name in the current folder is the film of that name, and not a host.
    fn typed_path(&self) -> Option<PathBuf> {
        let typed = self.url.trim();
        let path = file_url::to_path(typed).unwrap_or_else(|| PathBuf::from(typed));
        (self.dialect == Dialect::Standard && (path.is_absolute() || path.is_file())).then_some(path)
    }

    fn input_mut(&mut self, field: Field) -> &mut String {
        match field {
            Field::Url => &mut self.url,
            Field::RtpPort => &mut self.rtp_port,
            Field::SnapshotRate => &mut self.snapshot_rate,
            Field::Host => &mut self.classroom.host,
            Field::Port => &mut self.classroom.port,
            Field::File => &mut self.classroom.file,
            Field::ClassroomRtpPort => &mut self.classroom.rtp_port,
        }
    }

    /// Fills in the saved properties of the typed server: its dialect, unless the user has chosen one, and its port.
    fn apply_known_server(&mut self, field: Field) -> Action {
        match field {
            // A URL as the host means a standard RTSP server.
            Field::Host if self.classroom.host.contains("://") => {
                self.url = std::mem::take(&mut self.classroom.host);
                self.dialect = Dialect::Standard;
                Action::Focus(Field::Url)
            }
            Field::Url if !self.is_dialect_chosen => self.apply_known_server_of_url(),
            Field::Host => {
                self.apply_known_port();
                Action::None
            }
            _ => Action::None,
        }
    }

    fn apply_known_port(&mut self) {
        let known = self.known_servers.iter().filter(|known| known.dialect == Dialect::Classroom);
        let mut addresses = known.filter_map(|known| known.address.rsplit_once(':'));
        let typed = self.classroom.host.trim();
        if let Some((_, port)) = addresses.find(|(host, _)| host.eq_ignore_ascii_case(typed)) {
            self.classroom.port = port.to_owned();
        }
    }

    /// Switches to the classroom dialect if the typed address is that of a known classroom server. The address is
    /// complete once a path follows; a typed scheme selects the standard dialect.
    fn apply_known_server_of_url(&mut self) -> Action {
        let typed = self.url.trim();
        if typed.contains("://") {
            return Action::None;
        }
        let Some((address, file)) = typed.split_once('/') else { return Action::None };
        let Some(known) = self.known_servers.iter().find(|known| known.address.eq_ignore_ascii_case(address))
        else {
            return Action::None;
        };
        let Some((host, port)) = address.rsplit_once(':') else { return Action::None };
        if known.dialect != Dialect::Classroom {
            return Action::None;
        }
        let (host, port, file) = (host.to_owned(), port.to_owned(), file.to_owned());
        self.classroom = ClassroomFields { host, port, file, ..self.classroom.clone() };
        self.dialect = Dialect::Classroom;
        Action::Focus(Field::File)
    }

    fn parse(&self) -> Result<(SourceUrl, StreamOptions), FieldError> {
        match self.dialect {
            Dialect::Standard | Dialect::Http => self.parse_standard(),
            Dialect::Classroom => self.classroom.parse(),
        }
    }

    fn parse_standard(&self) -> Result<(SourceUrl, StreamOptions), FieldError> {
        let typed = self.url.trim();
        if HttpUrl::has_http_scheme(typed) {
            return self.parse_http(typed);
        }
        let full_url = if typed.contains("://") { typed.to_owned() } else { format!("rtsp://{typed}") };
        let url = RtspUrl::parse(&full_url).map_err(|error| FieldError {
            field: Field::Url,
            message: match error {
                _ if typed.is_empty() => {
                    "Enter the URL of a stream, such as rtsp://host:8554/path.".to_owned()
                }
                UrlError::Scheme => "A stream begins with rtsp://, rtsps://, http:// or https://.".to_owned(),
                // The port may be the rest of a mistyped scheme.
                UrlError::Port if full_url != typed => {
                    "This is not the URL of a stream. Try rtsp://host:8554/path.".to_owned()
                }
                error => format!("This is not the URL of a stream: {error}. Try rtsp://host:8554/path."),
            },
        })?;
        let url = SourceUrl::from(url);
        let rtp_port = parse_rtp_port(Field::RtpPort, &self.rtp_port)?;
        let options =
            StreamOptions { transport: self.transport, rtp_port, ..StreamOptions::for_source(&url) };
        Ok((url, options))
    }

    fn parse_http(&self, typed: &str) -> Result<(SourceUrl, StreamOptions), FieldError> {
        let url = HttpUrl::parse(typed).map_err(|error| FieldError {
            field: Field::Url,
            message: format!("This is not a URL of a camera: {error}. Try http://host/path."),
        })?;
        let url = SourceUrl::from(url);
        let snapshot_interval = parse_snapshot_rate(&self.snapshot_rate)?;
        let http = HttpOptions { snapshot_interval, ..HttpOptions::default() };
        let options = StreamOptions { http, ..StreamOptions::for_source(&url) };
        Ok((url, options))
    }
}

impl ClassroomFields {
    fn parse(&self) -> Result<(SourceUrl, StreamOptions), FieldError> {
        let field_error = |field, message: String| FieldError { field, message };
        let port = self.port.trim().parse().ok().filter(|port: &u16| *port > 0).ok_or_else(|| {
            field_error(
                Field::Port,
                "Enter the port that the server was started with, such as 1025.".to_owned(),
            )
        })?;
        let url = ClassroomUrl::new(&self.host, port, self.file.trim()).map_err(|error| match error {
            ClassroomUrlError::FileName(error) => {
                field_error(Field::File, format!("This is not a file name: {error}. Try movie.Mjpeg."))
            }
            _ => {
                field_error(Field::Host, "Enter a host name or an IP address, such as 127.0.0.1.".to_owned())
            }
        })?;
        let rtp_port = parse_rtp_port(Field::ClassroomRtpPort, &self.rtp_port)?;
        let url = SourceUrl::from(url);
        let options = StreamOptions { rtp_port, ..StreamOptions::for_source(&url) };
        Ok((url, options))
    }
}

/// Parses the number of snapshots per second, and returns their interval; an empty field means the default.
fn parse_snapshot_rate(typed: &str) -> Result<Duration, FieldError> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(DEFAULT_SNAPSHOT_INTERVAL);
    }
    let rate: Option<FrameRate> = typed.parse().ok();
    rate.map(FrameRate::interval).ok_or_else(|| FieldError {
        field: Field::SnapshotRate,
        message: "A snapshot rate is a number from 0.1 to 240, in snapshots per second.".to_owned(),
    })
}

/// Parses an RTP port; an empty field means any free port (`None`).
fn parse_rtp_port(field: Field, typed: &str) -> Result<Option<u16>, FieldError> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(None);
    }
    // RTP uses an even port and RTCP the next one (RFC 3550 §11). A classroom server sends no RTCP.
    let (allows_odd, rule) = match field {
        Field::ClassroomRtpPort => (true, "An RTP port is a number from 1 to 65534."),
        _ => (false, "An RTP port is an even number from 2 to 65534; RTCP uses the next port."),
    };
    let port = typed
        .parse()
        .ok()
        .filter(|port: &u16| (1..=65_534).contains(port) && (allows_odd || port.is_multiple_of(2)));
    port.map(Some).ok_or_else(|| FieldError { field, message: rule.to_owned() })
}

/// View of the dialog.
impl Form {
    /// Returns the content of the dialog.
    pub fn view(&self) -> Element<'_, Message> {
        let dialects = [("Server or camera", Dialect::Standard), ("Classroom server", Dialect::Classroom)];
        let mut content =
            column![title("Connect to a stream"), row![choices(dialects, self.dialect, Message::Dialect)],]
                .spacing(distance::NORMAL);
        content = match self.dialect {
            Dialect::Standard | Dialect::Http => content.push(self.standard()),
            Dialect::Classroom => content.push(self.classroom()),
        };
        content.push(self.buttons()).width(Fill).into()
    }

    fn standard(&self) -> Element<'_, Message> {
        let content = column![
            self.description_or_error(
                "The URL of a server or camera that sends Motion JPEG over RTSP or HTTP, or the path of a film."
            ),
            self.field(Field::Url, "rtsp://host:port/path", &self.url).padding(10).size(size::LARGE),
        ]
        .spacing(distance::NORMAL);
        match self.is_expanded {
            true => content.push(self.more()).into(),
            false => content.into(),
        }
    }

    fn classroom(&self) -> Element<'_, Message> {
        let ClassroomFields { host, port, file, rtp_port } = &self.classroom;
        column![
            self.description_or_error(
                "The server of a networking course, which uses its own dialect of RTSP."
            ),
            row![
                labelled("Host", self.field(Field::Host, "127.0.0.1", host)),
                labelled("Port", self.field(Field::Port, "e.g. 1025", port).width(PORT_WIDTH)),
            ]
            .spacing(distance::NORMAL),
            row![
                labelled("File name", self.field(Field::File, "movie.Mjpeg", file)),
                labelled(
                    "Local RTP port",
                    self.field(Field::ClassroomRtpPort, "any free", rtp_port).width(PORT_WIDTH)
                ),
            ]
            .spacing(distance::NORMAL),
        ]
        .spacing(distance::NORMAL)
        .into()
    }

    /// Returns the error in place of the description, so that the dialog does not grow beyond a small window.
    fn description_or_error(&self, sentence: &'static str) -> Element<'_, Message> {
        match &self.error {
            Some(FieldError { message, .. }) => {
                text(message.as_str()).size(size::NORMAL).style(theme::danger).into()
            }
            None => description(sentence),
        }
    }

    fn field<'a>(&self, field: Field, placeholder: &str, value: &str) -> TextInput<'a, Message> {
        let is_invalid = self.error.as_ref().is_some_and(|error| error.field == field);
        text_input(placeholder, value)
            .id(field.id())
            .on_input(move |value| Message::Input(field, value))
            .on_submit(Message::Submit)
            .padding(8)
            .size(size::NORMAL)
            .style(theme::field(is_invalid))
    }

    fn more(&self) -> Element<'_, Message> {
        if self.is_http() {
            let rate = self.field(Field::SnapshotRate, "5", &self.snapshot_rate).width(PORT_WIDTH);
            return setting_row("Snapshots per second", rate);
        }
        let port = self.field(Field::RtpPort, "any free", &self.rtp_port).width(PORT_WIDTH);
        let transports = [
            ("Automatic", TransportPreference::Auto),
            ("UDP", TransportPreference::Udp),
            ("TCP", TransportPreference::Tcp),
        ];
        column![
            setting_row("Local RTP port", port),
            setting_row("Transport", choices(transports, self.transport, Message::Transport)),
        ]
        .spacing(distance::SMALL)
        .into()
    }

    fn buttons(&self) -> Row<'_, Message> {
        let more = (self.dialect == Dialect::Standard).then(|| {
            button(text(if self.is_expanded { "Less" } else { "More" }).size(size::NORMAL))
                .padding([9, 14])
                .style(theme::quiet)
                .on_press(Message::ToggleMore)
        });
        Row::new().push(more).push(buttons(Message::Cancel, "Connect", Some(Message::Submit)))
    }
}

/// Width of a port field and its label, in logical pixels.
const PORT_WIDTH: f32 = 110.0;

fn description<'a>(content: &'a str) -> Element<'a, Message> {
    text(content).size(size::NORMAL).style(theme::muted).into()
}

fn labelled<'a>(label: &'a str, field: TextInput<'a, Message>) -> Element<'a, Message> {
    column![text(label).size(size::SMALL).style(theme::muted), field].spacing(distance::TIGHT).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submit(url: &str, port: &str) -> (Action, Form) {
        let mut form = Form::default();
        form.update(Message::Input(Field::Url, url.to_owned()));
        form.update(Message::Input(Field::RtpPort, port.to_owned()));
        (form.update(Message::Submit), form)
    }

    #[test]
    fn scheme_is_optional_and_rtp_port_can_be_set() {
        let (Action::Connect(url, options), _) = submit(" camera:8554/live ", "") else { panic!() };
        assert_eq!((url.to_string().as_str(), options.rtp_port), ("rtsp://camera:8554/live", None));
        let (Action::Connect(_, options), _) = submit("rtsp://h/f", "25000") else { panic!() };
        assert_eq!(options.rtp_port, Some(25_000));
    }

    #[test]
    #[cfg(unix)]
    fn file_path_or_file_url_opens_file() {
        for (typed, path) in [
            ("/films/a talk.mjpeg", "/films/a talk.mjpeg"),
            (" file:///films/a%20talk.mjpeg ", "/films/a talk.mjpeg"),
        ] {
            let (Action::Open(found), _) = submit(typed, "") else { panic!("{typed}") };
            assert_eq!(found, PathBuf::from(path));
        }
        let (action, form) = submit("file://elsewhere/talk.mjpeg", "");
        assert_eq!(error_field(&action, &form), Some(Field::Url));
    }

    fn error_field(action: &Action, form: &Form) -> Option<Field> {
        assert!(matches!(action, Action::None));
        form.error.as_ref().map(|error| error.field)
    }

    #[test]
    fn error_belongs_to_invalid_field() {
        for url in ["ftp://h/f", "http://h:x/f"] {
            let (action, form) = submit(url, "");
            assert_eq!(error_field(&action, &form), Some(Field::Url));
        }
        let (action, form) = submit("rtsp://h/f", "25001");
        assert_eq!((error_field(&action, &form), form.is_expanded), (Some(Field::RtpPort), true));
    }

    #[test]
    fn http_address_is_accepted_with_a_snapshot_rate() {
        let with_rate = |rate: &str| {
            let mut form = Form::default();
            form.update(Message::Input(Field::Url, "HTTP://ann:pw@camera/image.jpg".to_owned()));
            form.update(Message::Input(Field::SnapshotRate, rate.to_owned()));
            (form.update(Message::Submit), form)
        };
        let (Action::Connect(url, options), _) = with_rate("") else { panic!() };
        assert_eq!((url.dialect(), url.to_string().as_str()), (Dialect::Http, "http://camera/image.jpg"));
        assert_eq!((options.http.snapshot_interval, options.reconnects), (DEFAULT_SNAPSHOT_INTERVAL, true));
        let (Action::Connect(_, options), _) = with_rate("10") else { panic!() };
        assert_eq!(options.http.snapshot_interval, Duration::from_millis(100));
        let (action, form) = with_rate("0");
        assert_eq!((error_field(&action, &form), form.is_expanded), (Some(Field::SnapshotRate), true));
    }

    fn known(address: &str, dialect: Dialect) -> KnownServer {
        KnownServer { address: address.to_owned(), dialect }
    }

    fn classroom(host: &str, port: &str, file: &str, rtp_port: &str) -> (Action, Form) {
        let mut form = Form::default();
        form.update(Message::Dialect(Dialect::Classroom));
        for (field, input) in [
            (Field::Host, host),
            (Field::Port, port),
            (Field::File, file),
            (Field::ClassroomRtpPort, rtp_port),
        ] {
            form.update(Message::Input(field, input.to_owned()));
        }
        (form.update(Message::Submit), form)
    }

    #[test]
    fn classroom_fields_are_parsed() {
        let (Action::Connect(url, options), _) = classroom("lab", "1025", "movie.Mjpeg", "") else {
            panic!()
        };
        assert_eq!((url.host_and_port().as_str(), url.display_name().as_str()), ("lab:1025", "movie.Mjpeg"));
        assert_eq!((url.dialect(), options.rtp_port), (Dialect::Classroom, None));
        let (Action::Connect(_, options), _) = classroom("lab", "1025", "f", "25001") else { panic!() };
        assert_eq!(options.rtp_port, Some(25_001), "an odd port is valid without RTCP");
        for (host, port, file, rtp_port, field) in [
            ("", "1025", "f", "", Field::Host),
            ("lab", "", "f", "", Field::Port),
            ("lab", "1025", "my film", "", Field::File),
            ("lab", "1025", "f", "65535", Field::ClassroomRtpPort),
        ] {
            let (action, form) = classroom(host, port, file, rtp_port);
            assert_eq!(error_field(&action, &form), Some(field));
        }
    }

    #[test]
    fn known_server_selects_dialect_unless_user_chose() {
        let known_servers =
            vec![known("lab:1025", Dialect::Classroom), known("camera:554", Dialect::Standard)];
        let mut form = Form::default();
        form.open(known_servers);
        let typed = |form: &mut Form, input: &str| form.update(Message::Input(Field::Url, input.to_owned()));
        assert!(matches!(typed(&mut form, "camera:554/live"), Action::None));
        assert!(matches!(typed(&mut form, "lab:1025"), Action::None), "the address may not be complete");
        assert!(matches!(typed(&mut form, "Lab:1025/"), Action::Focus(Field::File)));
        assert_eq!((form.dialect, form.classroom.port.as_str()), (Dialect::Classroom, "1025"));
        form.update(Message::Dialect(Dialect::Standard));
        typed(&mut form, "lab:1025/f");
        assert_eq!(form.dialect, Dialect::Standard);
        form.update(Message::Input(Field::Port, String::new()));
        form.update(Message::Input(Field::Host, "lab".to_owned()));
        assert_eq!(form.classroom.port, "1025");
    }

    #[test]
    fn url_with_scheme_selects_standard_dialect() {
        let known_servers = vec![known("lab:1025", Dialect::Classroom)];
        let mut form = Form::default();
        form.open(known_servers);
        let url = "rtsp://lab:1025/f".to_owned();
        assert!(matches!(form.update(Message::Input(Field::Url, url.clone())), Action::None));
        assert_eq!(form.dialect, Dialect::Standard);
        form.update(Message::Dialect(Dialect::Classroom));
        assert!(matches!(form.update(Message::Input(Field::Host, url.clone())), Action::Focus(Field::Url)));
        assert_eq!((form.dialect, form.url, form.classroom.host), (Dialect::Standard, url, String::new()));
    }
}
