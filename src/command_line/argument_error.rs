//! Errors of the command line, each one sentence. Sans-I/O.

use std::error::Error as _;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use thiserror::Error;

use super::values::ValueError;

/// Reason why the command line cannot be understood: one sentence that says what was typed, what is wrong with it and
/// what to try.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArgumentError {
    /// The value of an option breaks the option's rule.
    #[error("{option} cannot be \"{value}\": {rule}.")]
    OptionValue {
        /// The option with its hyphens.
        option: String,
        /// The value as it was typed.
        value: String,
        /// The rule, which completes the sentence.
        rule: String,
    },
    /// A positional argument names no film, folder or stream; holds a sentence with the reason.
    #[error("{0}")]
    Positional(String),
    /// An option has no effect without another one.
    #[error("{option} has no effect without {other}; give both.")]
    Needs {
        /// The option that was given.
        option: &'static str,
        /// The option that is missing.
        other: &'static str,
    },
    /// `probe` was given several films or streams.
    #[error("One film or stream is probed at a time; name one.")]
    SeveralForProbe,
    /// `probe` was given no film and no stream.
    #[error("Nothing to probe; name a film or a stream.")]
    NothingToProbe,
    /// `convert` was given several films or streams.
    #[error("One film or stream is converted at a time; name one, and the file to write.")]
    SeveralToConvert,
    /// `serve` was given no path.
    #[error("Nothing to serve; name at least one film or folder.")]
    NothingToServe,
    /// `proxy` was given no server.
    #[error("No server to connect to; name it with --to HOST:PORT.")]
    NoServer,
    /// `--user` was given without `--password-file`, or the reverse.
    #[error("--user and --password-file require each other; give both or neither.")]
    IncompleteUser,
    /// `--tls-cert` was given without `--tls-key`, or the reverse.
    #[error("--tls-cert and --tls-key require each other; give both or neither.")]
    IncompleteTls,
    /// `--tls-fingerprint` was given for a film or a classroom server.
    #[error("--tls-fingerprint is for URLs that begin with rtsps:// or https://; omit it.")]
    TlsFingerprint,
    /// `--transport udp` was given for a URL that begins with `rtsps://`.
    #[error("Over TLS, packets arrive on the encrypted connection and not over UDP; omit --transport udp.")]
    UdpOverTls,
    /// `--transport tcp` was given together with `--classroom`.
    #[error("Classroom servers send over UDP only; omit --transport.")]
    ClassroomTransport,
    /// `convert` was given a target whose extension is not one of a format that is written.
    #[error("{} has no extension of a format that is written; end the name in .mov, .avi, .mpjpeg, .mjpeg, .jpg, or in / for a folder.", .0.display())]
    OutputExtension(PathBuf),
    /// `--format` was given for a target whose extension decides the format.
    #[error("--format is for names that end in .mjpeg; omit it.")]
    FormatByExtension,
    /// An option of RTP was given for a URL of HTTP.
    #[error("Cameras over HTTP send no RTP; omit --transport, --rtp-port, --retransmission and --fec.")]
    RtpOptions,
    /// `--retransmission` was given for a transport that loses no packets, or for a classroom server.
    #[error(
        "Lost packets are sent again over UDP only, and not by classroom servers; omit --retransmission."
    )]
    Retransmission,
    /// `--fec` was given for a transport that loses no packets, or for a classroom server.
    #[error("Parity packets are sent over UDP only, and not by classroom servers; omit --fec.")]
    Fec,
    /// `--snapshot-rate` was given for a film or a stream over RTSP.
    #[error("--snapshot-rate is for URLs that begin with http:// or https://; omit it.")]
    SnapshotRate,
    /// `--from` is at or after `--to`.
    #[error("--from is not before --to; name a part of the film.")]
    EmptyPart,
    /// `--duration` is zero.
    #[error("--duration is zero; give the length of the part, like 90 or 1:30.")]
    EmptyDuration,
    /// The command line does not follow the usage of the command.
    #[error("{message}; \"{help}\" lists the options.")]
    Usage {
        /// The first part of the sentence.
        message: String,
        /// The command that prints the usage.
        help: String,
    },
}

impl ArgumentError {
    /// Error of an option whose value breaks a rule.
    pub fn option_value(option: &str, value: impl ToString, rule: &ValueError) -> Self {
        Self::OptionValue { option: option.to_owned(), value: value.to_string(), rule: rule.to_string() }
    }

    /// Converts an error of clap; `command` is the subcommand whose arguments were parsed, `None` for the window.
    pub fn from_clap(error: &clap::Error, command: Option<&str>) -> Self {
        let argument = text_of(error, ContextKind::InvalidArg);
        let value = text_of(error, ContextKind::InvalidValue);
        match (error.kind(), command) {
            (ErrorKind::ValueValidation, _) => Self::from_value_error(error, &argument, value),
            (ErrorKind::InvalidValue, _) if argument.starts_with('-') && !value.is_empty() => {
                let option = argument_name(&argument).to_owned();
                Self::OptionValue { option, value, rule: format!("it is {}", valid_values(error)) }
            }
            (ErrorKind::MissingRequiredArgument, Some("serve")) => Self::NothingToServe,
            (ErrorKind::MissingRequiredArgument, Some("proxy")) => Self::NoServer,
            (ErrorKind::UnknownArgument, Some("probe")) if !argument.starts_with('-') => {
                Self::SeveralForProbe
            }
            _ => {
                let message = usage_message(error, &argument, &value, command);
                Self::Usage { message, help: help_command(command) }
            }
        }
    }

    /// Converts the error of a value parser: the rule of an option, or the sentence of a positional argument.
    fn from_value_error(error: &clap::Error, argument: &str, value: String) -> Self {
        let reason = error.source().map(ToString::to_string).unwrap_or_default();
        match argument.starts_with('-') {
            true => Self::OptionValue { option: argument_name(argument).to_owned(), value, rule: reason },
            false => Self::Positional(reason),
        }
    }
}

/// Returns the command that prints the help of a subcommand, or of the program for `None`.
fn help_command(command: Option<&str>) -> String {
    match command {
        None | Some("help") => "reelay --help".to_owned(),
        Some(command) => format!("reelay {command} --help"),
    }
}

fn usage_message(error: &clap::Error, argument: &str, value: &str, command: Option<&str>) -> String {
    let name = argument_name(argument);
    match error.kind() {
        ErrorKind::UnknownArgument if argument.starts_with('-') => {
            format!("\"{argument}\" is not an option here{}", suggestion(error, argument, command))
        }
        ErrorKind::UnknownArgument => format!("\"{argument}\" is not expected here"),
        ErrorKind::InvalidValue if value.is_empty() => format!("{name} needs a value"),
        ErrorKind::InvalidValue => format!("{name} cannot be \"{value}\": it is {}", valid_values(error)),
        ErrorKind::TooManyValues => format!("{name} takes no value, but \"{value}\" was given"),
        ErrorKind::MissingRequiredArgument => format!("{name} is missing"),
        ErrorKind::InvalidSubcommand => {
            format!("\"{}\" is not a command", text_of(error, ContextKind::InvalidSubcommand))
        }
        ErrorKind::InvalidUtf8 => {
            "An argument is not valid UTF-8, and only paths can be anything else".to_owned()
        }
        kind => kind.as_str().unwrap_or("The arguments cannot be used").to_owned(),
    }
}

/// Returns the option or command that clap suggests instead of an unknown option, as a clause; empty if there is none.
fn suggestion(error: &clap::Error, argument: &str, command: Option<&str>) -> String {
    if let ("--port", Some("serve" | "proxy")) = (argument, command) {
        return ", but --listen ADDRESS:PORT is".to_owned();
    }
    if let Some(ContextValue::String(option)) = error.get(ContextKind::SuggestedArg) {
        return format!(", but {option} is");
    }
    // An option that stands before the command it belongs to: "'probe --loss' exists".
    let Some(ContextValue::StyledStrs(tips)) = error.get(ContextKind::Suggested) else {
        return String::new();
    };
    let tips = tips.iter().map(ToString::to_string);
    let mut options =
        tips.filter_map(|tip| Some(tip.strip_prefix('\'')?.strip_suffix("' exists")?.to_owned()));
    options.next().map(|option| format!(", but \"reelay {option}\" is one")).unwrap_or_default()
}

/// Returns the values that an option takes, like `dark, light or system`.
fn valid_values(error: &clap::Error) -> String {
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) => match values.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => String::new(),
        },
        _ => String::new(),
    }
}

/// Returns the name of an argument that clap shows with its value, like `--loss <P%>`, or in brackets, like `<SHELL>`.
fn argument_name(argument: &str) -> &str {
    argument.split(' ').next().unwrap_or(argument).trim_matches(['<', '>', '[', ']', '.'])
}

/// Returns a text, or several texts joined by commas, from the context of an error; empty if there is none.
fn text_of(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    }
}
