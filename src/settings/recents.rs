//! Films and streams that were opened before. Sans-I/O.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use toml_edit::{Datetime, Item, Table, TableLike};

use super::problem::IgnoredValue;
use super::tables::{Entry, replace, text, write_text};
use crate::session::{Dialect, PortSpelling, SourceUrl};

/// Maximum number of recents. Beyond it, those that were not opened for the longest time are forgotten.
pub const MAX_RECENTS: usize = 20;

/// Film or stream that was opened before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    /// Film or stream that was opened.
    pub source: RecentSource,
    /// Time at which it was opened last, in seconds.
    pub opened: Timestamp,
}

/// Path of a film, or address of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecentSource {
    /// Absolute path of a film, of a folder, or of a list of films.
    Film(PathBuf),
    /// Stream of a server, as it is stored.
    Stream(RecentStream),
}

/// Stream of a server, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentStream {
    /// Address as [`SourceUrl::without_secrets`] returns it.
    pub address: String,
    /// Protocol of the server.
    pub dialect: Dialect,
    /// Result of the last attempt to connect; `None` before it is known.
    pub last_attempt: Option<LastAttempt>,
    /// Spelling of the RTP port that a classroom server reads in SETUP.
    pub port_spelling: PortSpelling,
}

/// Result of the last attempt to connect to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastAttempt {
    /// The server has set up a session.
    Connected,
    /// The stream cannot be played, although the server has responded: a wrong path, or a sign-in that is missing.
    Failed,
    /// The server has not responded.
    Unreachable,
}

impl LastAttempt {
    /// Results that the settings file can name.
    const ALL: [Self; 3] = [Self::Connected, Self::Failed, Self::Unreachable];

    /// Returns the name in the settings file.
    fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
        }
    }
}

impl RecentStream {
    /// Returns the address for connecting; `None` if a password was left out of it.
    pub fn url(&self) -> Option<SourceUrl> {
        let is_complete = !self.address.contains(SourceUrl::LEFT_OUT);
        SourceUrl::parse_as(&self.address, self.dialect).filter(|_| is_complete)
    }

    /// Returns host and port of the server.
    pub fn host_and_port(&self) -> Option<String> {
        SourceUrl::parse_as(&self.address, self.dialect).map(|url| url.host_and_port())
    }
}

/// Server of a stream that was opened before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownServer {
    /// Host and port as in a URL.
    pub address: String,
    /// Protocol that was chosen for the server.
    pub dialect: Dialect,
}

impl RecentSource {
    /// Returns the text that identifies the source: its path or its address. Of a path that is not Unicode, parts are
    /// replaced.
    pub fn text(&self) -> String {
        match self {
            Self::Film(path) => path.to_string_lossy().into_owned(),
            Self::Stream(stream) => stream.address.clone(),
        }
    }

    /// Returns true if the path or the address is the same.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Film(path), Self::Film(other)) => path == other,
            (Self::Stream(stream), Self::Stream(other)) => stream.address == other.address,
            (Self::Film(_), Self::Stream(_)) | (Self::Stream(_), Self::Film(_)) => false,
        }
    }
}

impl RecentStream {
    /// Returns true if this is the address of its server, and that is a classroom server.
    pub fn is_classroom_server(&self, address: &str) -> bool {
        self.dialect == Dialect::Classroom
            && self.host_and_port().is_some_and(|known| known.eq_ignore_ascii_case(address))
    }
}

impl Entry for Recent {
    const KEY: &'static str = "recents";
    const ID_KEY: &'static str = "source";

    fn has_id(&self, source: &str) -> bool {
        match &self.source {
            RecentSource::Film(path) => path == Path::new(source),
            RecentSource::Stream(stream) => stream.address == source,
        }
    }

    fn read(table: Option<&dyn TableLike>) -> Result<Self, IgnoredValue> {
        let found =
            table.and_then(|table| Some((table, text(table, "source").filter(|text| !text.is_empty())?)));
        let ignored = |key: &str, rule: &str| IgnoredValue { key: key.to_owned(), rule: rule.to_owned() };
        let rule = "an entry has a source like \"/films/talk.mjpeg\"";
        let (table, source) = found.ok_or_else(|| ignored("", rule))?;
        let opened = table.get("opened").and_then(Item::as_datetime);
        let opened = opened
            .and_then(|opened| opened.to_string().parse().ok())
            .ok_or_else(|| ignored(".opened", "it is a time like 2026-11-29T14:05:00Z"))?;
        let source = match table.get("kind").is_some() {
            true => RecentSource::Stream(read_stream(table, source)?),
            false => RecentSource::Film(source.into()),
        };
        Ok(Self { source, opened })
    }

    fn write(&self, table: &mut Table) {
        write_text(table, "source", &self.source.text());
        if let RecentSource::Stream(stream) = &self.source {
            write_stream(stream, table);
        }
        let known =
            table.get("opened").and_then(Item::as_datetime).and_then(|at| at.to_string().parse().ok());
        if known != Some(self.opened)
            && let Ok(opened) = self.opened.to_string().parse::<Datetime>()
        {
            replace(table, "opened", opened.into());
        }
    }
}

fn read_stream(table: &dyn TableLike, source: &str) -> Result<RecentStream, IgnoredValue> {
    let ignored = |key: &str, rule: &str| IgnoredValue { key: key.to_owned(), rule: rule.to_owned() };
    let kind = text(table, "kind");
    let all = [Dialect::Standard, Dialect::Classroom, Dialect::Http];
    let dialect = all.into_iter().find(|dialect| kind == Some(dialect.as_str()));
    let dialect = dialect.ok_or_else(|| ignored(".kind", "a kind is standard, classroom or http"))?;
    let address = SourceUrl::parse_as(source, dialect).and_then(|url| url.without_secrets());
    let last_attempt = text(table, "last_attempt");
    let port_spelling = text(table, "port_spelling");
    let port_spelling = PortSpelling::ALL.into_iter().find(|known| port_spelling == Some(known.as_str()));
    Ok(RecentStream {
        address: address
            .ok_or_else(|| ignored(".source", "it is the URL of a stream, without a password"))?,
        dialect,
        last_attempt: LastAttempt::ALL.into_iter().find(|known| last_attempt == Some(known.as_str())),
        port_spelling: port_spelling.unwrap_or_default(),
    })
}

fn write_stream(stream: &RecentStream, table: &mut Table) {
    write_text(table, "kind", stream.dialect.as_str());
    match stream.last_attempt {
        Some(last_attempt) => write_text(table, "last_attempt", last_attempt.as_str()),
        None => {
            table.remove("last_attempt");
        }
    }
    let is_default = stream.port_spelling == PortSpelling::default();
    if !is_default || text(table, "port_spelling").is_some() {
        write_text(table, "port_spelling", stream.port_spelling.as_str());
    }
}
