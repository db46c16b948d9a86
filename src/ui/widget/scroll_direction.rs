//! Direction in which iced scrolls an area, which depends on where the area is anchored.

use iced::advanced::widget::Id;
use iced::advanced::widget::operation::scrollable::AbsoluteOffset;

/// Returns the id of scrolled areas that are anchored at the bottom. iced counts their offsets from there, and scrolls
/// them in the opposite direction.
pub fn anchored_at_bottom() -> Id {
    Id::new("anchored at the bottom")
}

/// Returns the distance by which iced is to scroll an area downwards, for its id.
pub fn downwards(distance: f32, id: Option<&Id>) -> AbsoluteOffset {
    let is_anchored = id.is_some_and(|id| *id == anchored_at_bottom());
    AbsoluteOffset { x: 0.0, y: if is_anchored { -distance } else { distance } }
}
