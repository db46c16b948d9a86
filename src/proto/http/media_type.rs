//! Media type in a Content-Type header (RFC 9110 §8.3.1).

/// Media type with the boundary of a multipart body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MediaType {
    /// Type and subtype in lower case, such as `image/jpeg`.
    pub essence: String,
    /// Parameter `boundary` without quotes and surrounding blanks; `None` if it is missing or empty.
    pub boundary: Option<String>,
}

impl MediaType {
    /// Parses the value of a Content-Type header. Cameras write the boundary with and without quotes, with blanks
    /// around the equals sign, and with only one of the quotes.
    pub fn parse(value: &str) -> Self {
        let (essence, parameters) = value.split_once([';', ',']).unwrap_or((value, ""));
        Self { essence: essence.trim().to_ascii_lowercase(), boundary: find_boundary(parameters) }
    }

    /// Returns true for all kinds of multipart.
    pub fn is_multipart(&self) -> bool {
        self.essence.starts_with("multipart/")
    }

    /// Returns true for all kinds of images.
    pub fn is_image(&self) -> bool {
        self.essence.starts_with("image/")
    }
}

fn find_boundary(parameters: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, following) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(';').unwrap_or((after, "")),
        };
        if name.trim_matches([' ', '\t', ';']).eq_ignore_ascii_case("boundary") {
            let value = value.trim_matches([' ', '\t', '"']);
            return (!value.is_empty()).then(|| value.to_owned());
        }
        rest = following;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundary_is_found_as_cameras_write_it() {
        for (value, boundary) in [
            ("multipart/x-mixed-replace;boundary=frame", Some("frame")),
            ("Multipart/X-Mixed-Replace; charset=utf-8; Boundary = \"a b; c\"; x=y", Some("a b; c")),
            ("multipart/x-mixed-replace; boundary=--frame ", Some("--frame")),
            ("multipart/x-mixed-replace; boundary=frame; x=y", Some("frame")),
            ("multipart/x-mixed-replace; boundary=\"frame", Some("frame")),
            ("multipart/x-mixed-replace; boundary=frame\"", Some("frame")),
            ("multipart/x-mixed-replace; boundary=\"\"", None),
            ("multipart/x-mixed-replace; boundary", None),
            ("multipart/x-mixed-replace", None),
        ] {
            let media_type = MediaType::parse(value);
            assert_eq!(media_type.essence, "multipart/x-mixed-replace", "{value}");
            assert_eq!(media_type.boundary.as_deref(), boundary, "{value}");
        }
        assert!(MediaType::parse("IMAGE/JPEG ").is_image());
    }
}
