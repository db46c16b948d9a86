//! Actions on the picture.

use crate::session::Scaling;

/// Action on the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureAction {
    /// Show the picture in this size.
    SetSize(Scaling),
    /// Rotate the picture by 90° clockwise.
    Rotate,
    /// Exchange left and right.
    Flip,
}
