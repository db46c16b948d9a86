//! The dialog that asks for a server and what to play from it.

use std::path::PathBuf;

use iced::widget::{Row, TextInput, button, column, row, text, text_input};
use iced::{Element, Fill};

use super::dialog;
use super::theme::{self, size, space as distance};
use crate::file_url;
use crate::proto::rtsp::RtspUrl;
use crate::session::{ClassroomUrl, ClassroomUrlError, Dialect, MachineOptions, SourceUrl, TransportChoice};
use crate::settings::KnownServer;

/// What has been typed so far.
#[derive(Debug, Clone)]
pub struct Form {
    dialect: Dialect,
    /// The user has chosen the dialect; what is remembered of a server chooses no more.
    is_chosen: bool,
    known: Vec<KnownServer>,
    url: String,
    rtp_port: String,
    shows_more: bool,
    transport: TransportChoice,
    classroom: Classroom,
    fault: Option<Fault>,
}

/// What has been typed of a classroom server.
#[derive(Debug, Clone)]
struct Classroom {
    host: String,
    port: String,
    file: String,
    rtp_port: String,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            dialect: Dialect::Standard,
            is_chosen: false,
            known: Vec::new(),
            url: String::new(),
            rtp_port: String::new(),
            shows_more: false,
            transport: TransportChoice::Auto,
            // The film and the port that the exercise names.
            classroom: Classroom {
                host: String::new(),
                port: String::new(),
                file: "movie.Mjpeg".to_owned(),
                rtp_port: "25000".to_owned(),
            },
            fault: None,
        }
    }
}

/// What is wrong with what was typed, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    field: Field,
    sentence: String,
}

/// Something that is typed into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Field {
    Url,
    RtpPort,
    Host,
    Port,
    File,
    ClassroomRtpPort,
}

/// What happens in the dialog.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Message {
    Dialect(Dialect),
    Typed(Field, String),
    Transport(TransportChoice),
    More,
    Submit,
    Cancel,
}

/// What the dialog wants.
#[derive(Debug)]
pub enum Action {
    /// Nothing yet.
    None,
    /// The cursor in this field.
    Focus(Field),
    /// Play this.
    Connect(SourceUrl, MachineOptions),
    /// Play this film; its path was typed, as is needed where the system has no dialog for files.
    Open(PathBuf),
    /// Go away.
    Close,
}

impl Field {
    /// How it is found.
    pub fn id(self) -> &'static str {
        match self {
            Self::Url => "connect-url",
            Self::RtpPort => "connect-rtp-port",
            Self::Host => "connect-host",
            Self::Port => "connect-port",
            Self::File => "connect-file",
            Self::ClassroomRtpPort => "connect-classroom-rtp-port",
        }
    }
}

/// What happens.
impl Form {
    /// The dialog is shown (again), and these servers are known.
    pub fn open(&mut self, known: Vec<KnownServer>) {
        self.known = known;
        self.is_chosen = false;
    }

    /// The field that is typed into first.
    pub fn first_field(&self) -> Field {
        match self.dialect {
            Dialect::Standard => Field::Url,
            Dialect::Classroom => Field::Host,
        }
    }

    /// Takes what happened.
    pub fn update(&mut self, message: Message) -> Action {
        match message {
            Message::Dialect(dialect) => {
                self.dialect = dialect;
                self.is_chosen = true;
                self.fault = None;
                return Action::Focus(self.first_field());
            }
            Message::Typed(field, words) => {
                *self.words_mut(field) = words;
                self.fault = None;
                return self.look_up(field);
            }
            Message::Transport(transport) => self.transport = transport,
            Message::More => {
                self.shows_more = !self.shows_more;
                return Action::Focus(if self.shows_more { Field::RtpPort } else { Field::Url });
            }
            Message::Cancel => return Action::Close,
            Message::Submit => return self.submit(),
        }
        Action::None
    }

    fn submit(&mut self) -> Action {
        if let Some(path) = self.path() {
            return Action::Open(path);
        }
        match self.read() {
            Ok((url, options)) => {
                self.fault = None;
                Action::Connect(url, options)
            }
            Err(fault) => {
                self.shows_more |= fault.field == Field::RtpPort;
                self.fault = Some(fault);
                Action::None
            }
        }
    }

    /// The file that was typed where a URL is expected. A name without its folder could be that of a server.
    fn path(&self) -> Option<PathBuf> {
        let typed = self.url.trim();
        let path = file_url::path_of(typed).unwrap_or_else(|| PathBuf::from(typed));
        (self.dialect == Dialect::Standard && path.is_absolute()).then_some(path)
    }

    fn words_mut(&mut self, field: Field) -> &mut String {
        match field {
            Field::Url => &mut self.url,
            Field::RtpPort => &mut self.rtp_port,
            Field::Host => &mut self.classroom.host,
            Field::Port => &mut self.classroom.port,
            Field::File => &mut self.classroom.file,
            Field::ClassroomRtpPort => &mut self.classroom.rtp_port,
        }
    }

    /// What is remembered of the server that is being typed chooses the dialect, unless the user has.
    fn look_up(&mut self, field: Field) -> Action {
        match field {
            // Whoever knows the server by its URL means one that understands URLs.
            Field::Host if self.classroom.host.contains("://") => {
                self.url = std::mem::take(&mut self.classroom.host);
                self.dialect = Dialect::Standard;
                Action::Focus(Field::Url)
            }
            Field::Url if !self.is_chosen => self.look_up_url(),
            Field::Host => {
                let known = self.known.iter().filter(|known| known.dialect == Dialect::Classroom);
                let mut addresses = known.filter_map(|known| known.address.rsplit_once(':'));
                let typed = self.classroom.host.trim();
                if let Some((_, port)) = addresses.find(|(host, _)| host.eq_ignore_ascii_case(typed)) {
                    self.classroom.port = port.to_owned();
                }
                Action::None
            }
            _ => Action::None,
        }
    }

    /// A server's name is typed to its end when a path follows. Where a scheme was typed, it says what the server speaks.
    fn look_up_url(&mut self) -> Action {
        let typed = self.url.trim();
        if typed.contains("://") {
            return Action::None;
        }
        let Some((address, file)) = typed.split_once('/') else { return Action::None };
        let Some(known) = self.known.iter().find(|known| known.address.eq_ignore_ascii_case(address)) else {
            return Action::None;
        };
        let Some((host, port)) = address.rsplit_once(':') else { return Action::None };
        if known.dialect != Dialect::Classroom {
            return Action::None;
        }
        let (host, port, file) = (host.to_owned(), port.to_owned(), file.to_owned());
        self.classroom = Classroom { host, port, file, ..self.classroom.clone() };
        self.dialect = Dialect::Classroom;
        Action::Focus(Field::File)
    }

    fn read(&self) -> Result<(SourceUrl, MachineOptions), Fault> {
        match self.dialect {
            Dialect::Standard => self.read_standard(),
            Dialect::Classroom => self.classroom.read(),
        }
    }

    fn read_standard(&self) -> Result<(SourceUrl, MachineOptions), Fault> {
        let typed = self.url.trim();
        let whole = if typed.contains("://") { typed.to_owned() } else { format!("rtsp://{typed}") };
        let url = RtspUrl::parse(&whole).map_err(|error| Fault {
            field: Field::Url,
            sentence: format!("This is no RTSP URL: {error}. Try rtsp://host:8554/path."),
        })?;
        let url = SourceUrl::from(url);
        let rtp_port = read_rtp_port(Field::RtpPort, &self.rtp_port)?;
        let options =
            MachineOptions { transport: self.transport, rtp_port, ..MachineOptions::for_source(&url) };
        Ok((url, options))
    }
}

impl Classroom {
    fn read(&self) -> Result<(SourceUrl, MachineOptions), Fault> {
        let fault = |field, sentence: String| Fault { field, sentence };
        let port = self.port.trim().parse().ok().filter(|port: &u16| *port > 0).ok_or_else(|| {
            fault(Field::Port, "Type the port that the server was started with, like 1025.".to_owned())
        })?;
        let url = ClassroomUrl::new(&self.host, port, self.file.trim()).map_err(|error| match error {
            ClassroomUrlError::File(error) => {
                fault(Field::File, format!("This is no file name: {error}. Try movie.Mjpeg."))
            }
            _ => fault(Field::Host, "A host is a name or an address, like 127.0.0.1.".to_owned()),
        })?;
        let rtp_port = read_rtp_port(Field::ClassroomRtpPort, &self.rtp_port)?;
        let url = SourceUrl::from(url);
        let options = MachineOptions { rtp_port, ..MachineOptions::for_source(&url) };
        Ok((url, options))
    }
}

fn read_rtp_port(field: Field, typed: &str) -> Result<Option<u16>, Fault> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(None);
    }
    // A classroom server sends no RTCP, for which the next port would be.
    let (is_any, rule) = match field {
        Field::ClassroomRtpPort => (true, "An RTP port is a number from 1 to 65534."),
        _ => (false, "An RTP port is an even number from 2 to 65534; RTCP takes the next one."),
    };
    let port = typed
        .parse()
        .ok()
        .filter(|port: &u16| (1..=65_534).contains(port) && (is_any || port.is_multiple_of(2)));
    port.map(Some).ok_or_else(|| Fault { field, sentence: rule.to_owned() })
}

/// What is seen.
impl Form {
    /// The dialog.
    pub fn view(&self) -> Element<'_, Message> {
        let dialects = [("RTSP server", Dialect::Standard), ("Classroom server", Dialect::Classroom)];
        let mut content = column![
            text("Connect to a stream").size(size::LARGE + 2.0).font(theme::STRONG),
            row![super::preferences::choices(dialects, self.dialect, Message::Dialect)],
        ]
        .spacing(distance::NORMAL);
        content = match self.dialect {
            Dialect::Standard => content.push(self.standard()),
            Dialect::Classroom => content.push(self.classroom()),
        };
        if let Some(Fault { sentence, .. }) = &self.fault {
            content = content.push(text(sentence.as_str()).size(size::NORMAL).style(theme::danger));
        }
        content.push(self.buttons()).width(Fill).into()
    }

    fn standard(&self) -> Element<'_, Message> {
        let content = column![
            about("An RTSP server or camera that sends Motion JPEG, or the path of a film."),
            self.field(Field::Url, "rtsp://host:port/path", &self.url).padding(10).size(size::LARGE),
        ]
        .spacing(distance::NORMAL);
        match self.shows_more {
            true => content.push(self.more()).into(),
            false => content.into(),
        }
    }

    fn classroom(&self) -> Element<'_, Message> {
        let Classroom { host, port, file, rtp_port } = &self.classroom;
        column![
            about("The server of a networking class, which speaks a dialect of its own."),
            row![
                labelled("Host", self.field(Field::Host, "127.0.0.1", host)),
                labelled("Port", self.field(Field::Port, "like 1025", port).width(PORT_WIDTH)),
            ]
            .spacing(distance::NORMAL),
            row![
                labelled("File name", self.field(Field::File, "movie.Mjpeg", file)),
                labelled(
                    "Own RTP port",
                    self.field(Field::ClassroomRtpPort, "any", rtp_port).width(PORT_WIDTH)
                ),
            ]
            .spacing(distance::NORMAL),
        ]
        .spacing(distance::NORMAL)
        .into()
    }

    fn field<'a>(&self, field: Field, hint: &str, words: &str) -> TextInput<'a, Message> {
        let is_wrong = self.fault.as_ref().is_some_and(|fault| fault.field == field);
        text_input(hint, words)
            .id(field.id())
            .on_input(move |words| Message::Typed(field, words))
            .on_submit(Message::Submit)
            .padding(8)
            .size(size::NORMAL)
            .style(theme::field(is_wrong))
    }

    fn more(&self) -> Element<'_, Message> {
        let port = self.field(Field::RtpPort, "any", &self.rtp_port).width(PORT_WIDTH);
        let transports = [
            ("Automatic", TransportChoice::Auto),
            ("UDP", TransportChoice::Udp),
            ("TCP", TransportChoice::Tcp),
        ];
        column![
            super::preferences::setting("The player's own RTP port", port),
            super::preferences::setting(
                "Transport",
                super::preferences::choices(transports, self.transport, Message::Transport)
            ),
        ]
        .spacing(distance::SMALL)
        .into()
    }

    fn buttons(&self) -> Row<'_, Message> {
        let more = (self.dialect == Dialect::Standard).then(|| {
            button(text(if self.shows_more { "Less" } else { "More" }).size(size::NORMAL))
                .padding([9, 14])
                .style(theme::quiet)
                .on_press(Message::More)
        });
        Row::new().push(more).push(dialog::buttons(Message::Cancel, "Connect", Some(Message::Submit)))
    }
}

/// Room for a port, and for what is said above it.
const PORT_WIDTH: f32 = 110.0;

fn about<'a>(words: &'a str) -> Element<'a, Message> {
    text(words).size(size::NORMAL).style(theme::muted).into()
}

fn labelled<'a>(label: &'a str, field: TextInput<'a, Message>) -> Element<'a, Message> {
    column![text(label).size(size::SMALL).style(theme::muted), field].spacing(distance::TIGHT).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submit(url: &str, port: &str) -> (Action, Form) {
        let mut form = Form::default();
        form.update(Message::Typed(Field::Url, url.to_owned()));
        form.update(Message::Typed(Field::RtpPort, port.to_owned()));
        (form.update(Message::Submit), form)
    }

    #[test]
    fn the_scheme_may_be_left_out_and_the_port_may_be_fixed() {
        let (Action::Connect(url, options), _) = submit(" camera:8554/live ", "") else { panic!() };
        assert_eq!((url.to_string().as_str(), options.rtp_port), ("rtsp://camera:8554/live", None));
        let (Action::Connect(_, options), _) = submit("rtsp://h/f", "25000") else { panic!() };
        assert_eq!(options.rtp_port, Some(25_000));
    }

    #[test]
    #[cfg(unix)]
    fn a_path_is_a_film() {
        for (typed, path) in [
            ("/films/a talk.mjpeg", "/films/a talk.mjpeg"),
            (" file:///films/a%20talk.mjpeg ", "/films/a talk.mjpeg"),
        ] {
            let (Action::Open(found), _) = submit(typed, "") else { panic!("{typed}") };
            assert_eq!(found, PathBuf::from(path));
        }
        let (action, form) = submit("file://elsewhere/talk.mjpeg", "");
        assert_eq!(fault(&action, &form), Some(Field::Url));
    }

    fn fault(action: &Action, form: &Form) -> Option<Field> {
        assert!(matches!(action, Action::None));
        form.fault.as_ref().map(|fault| fault.field)
    }

    #[test]
    fn what_is_wrong_is_said_where_it_is() {
        let (action, form) = submit("http://h/f", "");
        assert_eq!(fault(&action, &form), Some(Field::Url));
        let (action, form) = submit("rtsp://h/f", "25001");
        assert_eq!((fault(&action, &form), form.shows_more), (Some(Field::RtpPort), true));
    }

    fn classroom(host: &str, port: &str, file: &str, rtp_port: &str) -> (Action, Form) {
        let mut form = Form::default();
        form.update(Message::Dialect(Dialect::Classroom));
        for (field, words) in [
            (Field::Host, host),
            (Field::Port, port),
            (Field::File, file),
            (Field::ClassroomRtpPort, rtp_port),
        ] {
            form.update(Message::Typed(field, words.to_owned()));
        }
        (form.update(Message::Submit), form)
    }

    #[test]
    fn a_classroom_server_has_fields_of_its_own() {
        let (Action::Connect(url, options), _) = classroom("lab", "1025", "movie.Mjpeg", "") else {
            panic!()
        };
        assert_eq!((url.server().as_str(), url.name().as_str()), ("lab:1025", "movie.Mjpeg"));
        assert_eq!((url.dialect(), options.rtp_port), (Dialect::Classroom, None));
        let (Action::Connect(_, options), _) = classroom("lab", "1025", "f", "25001") else { panic!() };
        assert_eq!(options.rtp_port, Some(25_001), "there is no RTCP");
        for (host, port, file, rtp_port, field) in [
            ("", "1025", "f", "", Field::Host),
            ("lab", "", "f", "", Field::Port),
            ("lab", "1025", "my film", "", Field::File),
            ("lab", "1025", "f", "65535", Field::ClassroomRtpPort),
        ] {
            let (action, form) = classroom(host, port, file, rtp_port);
            assert_eq!(fault(&action, &form), Some(field));
        }
    }

    #[test]
    fn a_known_server_chooses_its_dialect_unless_the_user_has() {
        let known = vec![
            KnownServer { address: "lab:1025".to_owned(), dialect: Dialect::Classroom },
            KnownServer { address: "camera:554".to_owned(), dialect: Dialect::Standard },
        ];
        let mut form = Form::default();
        form.open(known);
        let typed = |form: &mut Form, words: &str| form.update(Message::Typed(Field::Url, words.to_owned()));
        assert!(matches!(typed(&mut form, "camera:554/live"), Action::None));
        assert!(matches!(typed(&mut form, "lab:1025"), Action::None), "it may go on");
        assert!(matches!(typed(&mut form, "Lab:1025/"), Action::Focus(Field::File)));
        assert_eq!((form.dialect, form.classroom.port.as_str()), (Dialect::Classroom, "1025"));
        form.update(Message::Dialect(Dialect::Standard));
        typed(&mut form, "lab:1025/f");
        assert_eq!(form.dialect, Dialect::Standard);
        form.update(Message::Typed(Field::Port, String::new()));
        form.update(Message::Typed(Field::Host, "lab".to_owned()));
        assert_eq!(form.classroom.port, "1025");
    }

    #[test]
    fn a_scheme_says_that_the_server_understands_urls_whatever_is_remembered() {
        let known = vec![KnownServer { address: "lab:1025".to_owned(), dialect: Dialect::Classroom }];
        let mut form = Form::default();
        form.open(known);
        let url = "rtsp://lab:1025/f".to_owned();
        assert!(matches!(form.update(Message::Typed(Field::Url, url.clone())), Action::None));
        assert_eq!(form.dialect, Dialect::Standard);
        form.update(Message::Dialect(Dialect::Classroom));
        assert!(matches!(form.update(Message::Typed(Field::Host, url.clone())), Action::Focus(Field::Url)));
        assert_eq!((form.dialect, form.url, form.classroom.host), (Dialect::Standard, url, String::new()));
    }
}
