//! Widgets, and functions that build elements, which several parts of the window use.
//!
//! A widget belongs here if it does not depend on the application: it takes values and messages as arguments and does
//! not import from `app`, `dialog` or `panel`. A new widget is a file of its own with a function of the same name that
//! returns the element, like [`chart::chart`]; text that only one part shows stays in that part.
//!
//! - Widgets that implement [`iced::advanced::Widget`]: [`blur_input`], [`click_position`], [`drag_edge`],
//!   [`hover_card`], [`icon`], [`one_line`], [`video`].
//! - Widgets that add a behaviour to their content ([`wrapper`]): [`focusable`], [`focus_layer`].
//! - Controls that the keyboard reaches, in place of those of iced: [`control`].
//! - Drawings on a canvas: [`drawing`], and with it [`chart`], [`packet_grid`] and [`state_diagram`].
//! - Elements made of iced's own widgets: [`choices`], [`hint`].
//! - State of a button that copies to the clipboard: [`copied`].
//! - Operations on widgets: [`focus`], [`scroll_keys`].

pub mod blur_input;
pub mod chart;
pub mod choices;
pub mod click_position;
pub mod control;
pub mod copied;
pub mod drag_edge;
pub mod drawing;
pub mod focus;
pub mod focus_layer;
pub mod focusable;
pub mod hint;
pub mod hold_scroll;
pub mod hover_card;
pub mod icon;
pub mod one_line;
pub mod packet_grid;
pub mod scroll_direction;
pub mod scroll_keys;
pub mod state_diagram;
pub mod video;
pub mod wrapper;
