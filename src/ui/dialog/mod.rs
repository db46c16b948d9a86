//! Dialogs in front of the window, one file each, and the file dialogs of the system.
//!
//! A dialog has a `Form` with its input, a `Message` for each change of it, `Form::update`, which returns an `Action`
//! for the application, and `Form::view`. It does not depend on the application and sends nothing to the backend.
//!
//! To add a dialog: write its file here, add a variant to `app::state::Dialog` and one to `app::message::Message`,
//! handle its actions in `app/dialogs.rs`, and add it to `view_dialog` in `app/view.rs`. The compiler names every
//! `match` that needs an arm. Rows for its view are in [`layout`]; widgets that panels use as well are in `widget`.

mod about;
pub mod connect;
pub mod file_dialog;
pub mod help;
pub mod layout;
pub mod play_list;
pub mod preferences;
pub mod sign_in;
pub mod summary;
pub mod trust;
