//! Sign-in dialog: user name and password for a server that requires them.

use iced::Fill;
use iced::widget::{column, text, text_input};

use crate::session::SourceUrl;
use crate::ui::dialog::layout::{buttons, title};
use crate::ui::renderer::Element;
use crate::ui::theme::{self, size, space as distance};

/// Input of the dialog.
#[derive(Debug, Clone)]
pub struct Form {
    server: String,
    was_refused: bool,
    user: String,
    password: Password,
}

/// Password that `Debug` does not print, so that it reaches no log.
#[derive(Clone, Default)]
struct Password(String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// Message of the dialog.
#[derive(Clone)]
#[allow(missing_docs)]
pub enum Message {
    User(String),
    Password(String),
    /// Enter in the user name field.
    UserSubmitted,
    Submit,
    Cancel,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::User(_) => "User",
            Self::Password(_) => "Password",
            Self::UserSubmitted => "UserSubmitted",
            Self::Submit => "Submit",
            Self::Cancel => "Cancel",
        })
    }
}

/// Request of the dialog to the application.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// No request to the application.
    None,
    /// Focus the field with this id.
    Focus(&'static str),
    /// Connect again with these credentials.
    SignIn {
        /// User name; not empty.
        user: String,
        /// Password; may be empty.
        password: String,
    },
    /// Close the dialog without signing in.
    Close,
}

const USER_INPUT_ID: &str = "sign-in-user";

const PASSWORD_INPUT_ID: &str = "sign-in-password";

impl Form {
    /// Creates a dialog for the server of this URL. `was_refused` is true if the server has refused the credentials in
    /// the URL.
    pub fn new(url: &SourceUrl, was_refused: bool) -> Self {
        let user = url.credentials().map(|(user, _)| user.to_owned()).unwrap_or_default();
        Self { server: url.host().to_owned(), was_refused, user, password: Password::default() }
    }

    /// Returns the id of the field to focus: the password if the URL has a user name, else the user name.
    pub fn first_field(&self) -> &'static str {
        if self.user.is_empty() { USER_INPUT_ID } else { PASSWORD_INPUT_ID }
    }

    /// Applies a message to the input.
    pub fn update(&mut self, message: Message) -> Action {
        match message {
            Message::User(user) => self.user = user,
            Message::Password(password) => self.password.0 = password,
            Message::Cancel => return Action::Close,
            Message::Submit | Message::UserSubmitted if self.user.is_empty() => {}
            Message::UserSubmitted if self.password.0.is_empty() => return Action::Focus(PASSWORD_INPUT_ID),
            Message::Submit | Message::UserSubmitted => {
                return Action::SignIn { user: self.user.clone(), password: self.password.0.clone() };
            }
        }
        Action::None
    }

    /// Returns the content of the dialog.
    pub fn view(&self) -> Element<'_, Message> {
        let user = text_input("User name", &self.user)
            .id(USER_INPUT_ID)
            .on_input(Message::User)
            .on_submit(Message::UserSubmitted)
            .padding(10)
            .size(size::LARGE)
            .style(theme::field(false));
        let password = text_input("Password", &self.password.0)
            .id(PASSWORD_INPUT_ID)
            .secure(true)
            .on_input(Message::Password)
            .on_submit(Message::Submit)
            .padding(10)
            .size(size::LARGE)
            .style(theme::field(self.was_refused));
        let submit = (!self.user.is_empty()).then_some(Message::Submit);
        let buttons = buttons(Message::Cancel, "Sign in", submit);
        let message = match self.was_refused {
            false => text(format!("{} needs a user name and password.", self.server)).style(theme::muted),
            true => text(format!("{} does not accept this user name and password.", self.server))
                .style(theme::danger),
        };
        column![title("Sign in"), message.size(size::NORMAL), user, password, buttons]
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
    fn user_is_required_and_password_is_not_logged() {
        let mut form = Form::new(&url("rtsp://camera/live"), false);
        form.update(Message::Password("secret".to_owned()));
        assert_eq!(form.update(Message::Submit), Action::None);
        assert!(!format!("{form:?} {:?}", Message::Password("secret".to_owned())).contains("secret"));
        form.update(Message::User("ann".to_owned()));
        let expected = Action::SignIn { user: "ann".to_owned(), password: "secret".to_owned() };
        assert_eq!(form.update(Message::Submit), expected);
    }

    #[test]
    fn enter_in_user_field_moves_to_empty_password_field() {
        let mut form = Form::new(&url("rtsp://camera/live"), false);
        assert_eq!(form.first_field(), USER_INPUT_ID);
        form.update(Message::User("ann".to_owned()));
        assert_eq!(form.update(Message::UserSubmitted), Action::Focus(PASSWORD_INPUT_ID));
        form.update(Message::Password("secret".to_owned()));
        assert!(matches!(form.update(Message::UserSubmitted), Action::SignIn { .. }));
        let refused = Form::new(&url("rtsp://ann:wrong@camera/live"), true);
        assert_eq!((refused.first_field(), refused.user.as_str()), (PASSWORD_INPUT_ID, "ann"));
    }
}
