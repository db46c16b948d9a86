//! The dialog that asks for user and password.

use iced::widget::{column, text, text_input};
use iced::{Element, Fill};

use super::dialog;
use super::theme::{self, size, space as distance};
use crate::session::SourceUrl;

/// What has been typed so far.
#[derive(Debug, Clone)]
pub struct Form {
    server: String,
    was_refused: bool,
    user: String,
    password: Password,
}

/// Kept out of every log.
#[derive(Clone, Default)]
struct Password(String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// What happens in the dialog.
#[derive(Clone)]
#[allow(missing_docs)]
pub enum Message {
    User(String),
    Password(String),
    /// Enter was pressed where the name stands.
    NameEntered,
    Submit,
    Cancel,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::User(_) => "User",
            Self::Password(_) => "Password",
            Self::NameEntered => "NameEntered",
            Self::Submit => "Submit",
            Self::Cancel => "Cancel",
        })
    }
}

/// What the dialog wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing yet.
    None,
    /// The cursor in this field.
    Focus(&'static str),
    /// Try again as this user.
    SignIn {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// Go away.
    Close,
}

const USER_FIELD: &str = "sign-in-user";

const PASSWORD_FIELD: &str = "sign-in-password";

impl Form {
    /// A dialog for the server of this URL.
    pub fn new(url: &SourceUrl, was_refused: bool) -> Self {
        let user = url.credentials().map(|(user, _)| user.to_owned()).unwrap_or_default();
        Self { server: url.host().to_owned(), was_refused, user, password: Password::default() }
    }

    /// The field that is typed into first: the one that is wrong, as far as can be guessed.
    pub fn first_field(&self) -> &'static str {
        if self.user.is_empty() { USER_FIELD } else { PASSWORD_FIELD }
    }

    /// Takes what happened.
    pub fn update(&mut self, message: Message) -> Action {
        match message {
            Message::User(user) => self.user = user,
            Message::Password(password) => self.password.0 = password,
            Message::Cancel => return Action::Close,
            Message::Submit | Message::NameEntered if self.user.is_empty() => {}
            Message::NameEntered if self.password.0.is_empty() => return Action::Focus(PASSWORD_FIELD),
            Message::Submit | Message::NameEntered => {
                return Action::SignIn { user: self.user.clone(), password: self.password.0.clone() };
            }
        }
        Action::None
    }

    /// The dialog.
    pub fn view(&self) -> Element<'_, Message> {
        let user = text_input("User name", &self.user)
            .id(USER_FIELD)
            .on_input(Message::User)
            .on_submit(Message::NameEntered)
            .padding(10)
            .size(size::LARGE)
            .style(theme::field(false));
        let password = text_input("Password", &self.password.0)
            .id(PASSWORD_FIELD)
            .secure(true)
            .on_input(Message::Password)
            .on_submit(Message::Submit)
            .padding(10)
            .size(size::LARGE)
            .style(theme::field(self.was_refused));
        let submit = (!self.user.is_empty()).then_some(Message::Submit);
        let buttons = dialog::buttons(Message::Cancel, "Sign in", submit);
        let words = match self.was_refused {
            false => text(format!("{} wants to know who asks.", self.server)).style(theme::muted),
            true => {
                text(format!("{} does not take this name and password.", self.server)).style(theme::danger)
            }
        };
        column![
            text("Sign in").size(size::LARGE + 2.0).font(theme::STRONG),
            words.size(size::NORMAL),
            user,
            password,
            buttons
        ]
        .spacing(distance::NORMAL)
        .width(Fill)
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtsp::RtspUrl;

    fn url(text: &str) -> SourceUrl {
        RtspUrl::parse(text).unwrap().into()
    }

    #[test]
    fn a_name_is_needed_and_a_password_is_never_logged() {
        let mut form = Form::new(&url("rtsp://camera/live"), false);
        form.update(Message::Password("secret".to_owned()));
        assert_eq!(form.update(Message::Submit), Action::None);
        assert!(!format!("{form:?} {:?}", Message::Password("secret".to_owned())).contains("secret"));
        form.update(Message::User("ann".to_owned()));
        let wanted = Action::SignIn { user: "ann".to_owned(), password: "secret".to_owned() };
        assert_eq!(form.update(Message::Submit), wanted);
    }

    #[test]
    fn enter_behind_the_name_asks_for_the_password_that_is_missing() {
        let mut form = Form::new(&url("rtsp://camera/live"), false);
        assert_eq!(form.first_field(), USER_FIELD);
        form.update(Message::User("ann".to_owned()));
        assert_eq!(form.update(Message::NameEntered), Action::Focus(PASSWORD_FIELD));
        form.update(Message::Password("secret".to_owned()));
        assert!(matches!(form.update(Message::NameEntered), Action::SignIn { .. }));
        let refused = Form::new(&url("rtsp://ann:wrong@camera/live"), true);
        assert_eq!((refused.first_field(), refused.user.as_str()), (PASSWORD_FIELD, "ann"));
    }
}
