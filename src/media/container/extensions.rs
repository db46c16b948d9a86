//! File name extensions of the supported formats.

use std::path::Path;

/// Extensions of Motion JPEG files, in lower case.
pub const EXTENSIONS: [&str; 9] = ["mjpeg", "mjpg", "mjp", "mpjpeg", "avi", "mov", "qt", "mp4", "m4v"];

/// Extensions of images, in lower case. Each is a film of one frame, or a frame of the film that a folder is.
pub const IMAGE_EXTENSIONS: [&str; 2] = ["jpg", "jpeg"];

/// Returns true if a path has one of the [`EXTENSIONS`], in upper or lower case.
pub fn has_media_extension(path: &Path) -> bool {
    has_extension(path, &EXTENSIONS)
}

/// Returns true if a path has one of the [`IMAGE_EXTENSIONS`], in upper or lower case.
pub fn has_image_extension(path: &Path) -> bool {
    has_extension(path, &IMAGE_EXTENSIONS)
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().unwrap_or_default();
    extensions.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn films_and_images_are_known_by_extensions_in_any_case() {
        let kinds =
            ["a.MJPEG", "b.mov", "c.JPG", "d.Jpeg", "e.png", "jpg", ".jpg", "f.jpg.txt"].map(|name| {
                let path = Path::new(name);
                (has_media_extension(path), has_image_extension(path))
            });
        let (film, image, neither) = ((true, false), (false, true), (false, false));
        assert_eq!(kinds, [film, film, image, image, neither, neither, neither, neither]);
    }
}
