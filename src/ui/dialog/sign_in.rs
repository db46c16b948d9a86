//! The dialog that asks for user and password.

use iced::widget::{column, text, text_input};
use iced::{Element, Fill};

use crate::session::SourceUrl;
use crate::ui::dialog;
use crate::ui::theme::{self, size, space as distance};

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
    UserSubmitted,
    Submit,
    Cancel,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::User(_) => "User",
            Self::Password(_) => "Password",
            Self::UserSubmitted => "NameEntered",
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

const USER_INPUT_ID: &str = "sign-in-user";

const PASSWORD_INPUT_ID: &str = "sign-in-password";

impl Form {
    /// A dialog for the server of this URL.
    pub fn new(url: &SourceUrl, was_refused: bool) -> Self {
        let user = url.credentials().map(|(user, _)| user.to_owned()).unwrap_or_default();
        Self { server: url.host().to_owned(), was_refused, user, password: Password::default() }
    }

    /// The field that is typed into first: the one that is wrong, as far as can be guessed.
    pub fn first_field(&self) -> &'static str {
        if self.user.is_empty() { USER_INPUT_ID } else { PASSWORD_INPUT_ID }
    }

    /// Takes what happened.
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

    /// The dialog.
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
        let buttons = dialog::buttons(Message::Cancel, "Sign in", submit);
        let message = match self.was_refused {
            false => text(format!("{} wants to know who asks.", self.server)).style(theme::muted),
            true => {
                text(format!("{} does not take this name and password.", self.server)).style(theme::danger)
            }
        };
        column![
            text("Sign in").size(size::LARGE + 2.0).font(theme::STRONG),
            message.size(size::NORMAL),
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
