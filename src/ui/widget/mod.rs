//! Widgets of our own.

pub mod blur_input;
pub mod chart;
pub mod click_position;
pub mod drawing;
pub mod focus;
pub mod icon;
pub mod packet_grid;
pub mod slider_field;
pub mod video;
