//! Trust dialog: the certificate of a server that the system does not vouch for.

use iced::Fill;
use iced::widget::{column, row, text};

use crate::session::{CertificateDetails, UntrustedCertificate};
use crate::ui::dialog::layout::{buttons, title};
use crate::ui::renderer::Element;
use crate::ui::theme::{self, size, space as distance};

/// Message of the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Message {
    Trust,
    Cancel,
}

/// Width of the labels, in logical pixels.
const LABEL_WIDTH: f32 = 90.0;

/// Returns the content of the dialog.
pub fn view(certificate: &UntrustedCertificate) -> Element<'_, Message> {
    let UntrustedCertificate { address, problem, fingerprint, is_changed, details } = certificate;
    let (heading, reason) = match is_changed {
        false => ("Trust this certificate?", format!("The certificate of {address} {problem}.")),
        true => (
            "The certificate has changed",
            format!("You trusted another certificate of {address}. The new one {problem}."),
        ),
    };
    let reason = text(reason).size(size::NORMAL);
    let reason = if *is_changed { reason.style(theme::danger) } else { reason };
    let advice = "If the server shows its fingerprint, compare it with this one. If they differ, somebody else may be \
                  answering in its place, and would read your password.";
    let details = details.as_ref().map(view_details);
    let fingerprint = labelled("SHA-256", text(fingerprint.in_two_lines()).size(size::SMALL));
    column![title(heading), reason]
        .extend(details)
        .push(fingerprint)
        .push(text(advice).size(size::NORMAL).style(theme::muted))
        .push(buttons(Message::Cancel, "Trust this certificate", Some(Message::Trust)))
        .spacing(distance::NORMAL)
        .width(Fill)
        .into()
}

fn view_details(details: &CertificateDetails) -> Element<'_, Message> {
    let CertificateDetails { subject, issuer, valid_from, valid_until } = details;
    let value = |value: String| text(value).size(size::NORMAL).wrapping(text::Wrapping::WordOrGlyph);
    let name = |name: &str| value(if name.is_empty() { "not named".to_owned() } else { name.to_owned() });
    let issuer = if details.is_self_signed() { "itself" } else { issuer };
    column![
        labelled("Owner", name(subject)),
        labelled("Signed by", name(issuer)),
        labelled("Valid", value(format!("{valid_from} to {valid_until}"))),
    ]
    .spacing(distance::TIGHT)
    .into()
}

fn labelled<'a>(label: &'a str, value: impl Into<Element<'a, Message>>) -> Element<'a, Message> {
    row![text(label).size(size::NORMAL).style(theme::muted).width(LABEL_WIDTH), value.into()]
        .spacing(distance::SMALL)
        .into()
}
