//! Widgets, and functions that build elements, which several parts of the window use.
//!
//! A widget belongs here if it does not depend on the application: it takes values and messages as arguments and does
//! not import from `app`, `dialog` or `panel`. A new widget is a file of its own with a function of the same name that
//! returns the element, like [`chart::chart`]; text that only one part shows stays in that part.
//!
//! - Widgets that implement [`iced::advanced::Widget`]: [`blur_input`], [`click_position`], [`drag_edge`],
//!   [`icon`], [`video`].
//! - Drawings on a canvas: [`drawing`], and with it [`chart`] and [`packet_grid`].
//! - Elements made of iced's own widgets: [`choices`], [`hint`].
//! - Operations on widgets: [`focus`].

pub mod blur_input;
pub mod chart;
pub mod choices;
pub mod click_position;
pub mod drag_edge;
pub mod drawing;
pub mod focus;
pub mod hint;
pub mod icon;
pub mod packet_grid;
pub mod video;
