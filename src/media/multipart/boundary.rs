//! Delimiter lines between the parts of a multipart body (RFC 2046 §5.1.1).

/// Boundary of a multipart body, as the header states it and as it is seen in the body.
///
/// Cameras write `--` in front of the boundary in the header or leave it out in the body, so dashes at the beginning
/// are not compared.
#[derive(Debug, Clone, Default)]
pub struct Boundary {
    /// Boundary in the header, without dashes at the beginning; `None` if it is missing or consists of dashes.
    stated: Option<Vec<u8>>,
    /// First delimiter line of the body, without blanks at its end; `None` before it.
    seen: Option<Vec<u8>>,
}

/// Meaning of a line between parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// Delimiter in front of a part.
    Delimiter,
    /// Delimiter after the last part.
    Closing,
    /// Line that begins with `--`, but is not the known boundary.
    Dashes,
    /// Another line.
    Other,
}

/// Result of a comparison of bytes with the delimiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follows {
    /// The delimiter is there.
    Yes,
    /// Other bytes are there.
    No,
    /// The bytes are the beginning of a delimiter; more are needed.
    NeedsMore,
}

impl Boundary {
    /// Creates a boundary from the parameter of Content-Type.
    pub fn new(stated: Option<&str>) -> Self {
        let name = stated.map(|stated| without_dashes(stated.as_bytes()).to_vec());
        Self { stated: name.filter(|name| !name.is_empty()), seen: None }
    }

    /// Returns true if the header states a boundary.
    pub fn is_stated(&self) -> bool {
        self.stated.is_some()
    }

    /// Returns true once a delimiter line was found.
    pub fn is_seen(&self) -> bool {
        self.seen.is_some()
    }

    /// Uses this line as the delimiter from now on.
    pub fn adopt(&mut self, line: &[u8]) {
        self.seen.get_or_insert_with(|| line.trim_ascii_end().to_vec());
    }

    /// Classifies a line, without its line end.
    pub fn classify(&self, line: &[u8]) -> LineKind {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return LineKind::Other;
        }
        if let Some(seen) = &self.seen {
            match line.strip_prefix(seen.as_slice()) {
                Some(b"") => return LineKind::Delimiter,
                Some(b"--") => return LineKind::Closing,
                _ => {}
            }
        }
        let name = without_dashes(line);
        if let Some(stated) = &self.stated {
            match name.strip_prefix(stated.as_slice()) {
                Some(b"") => return LineKind::Delimiter,
                Some(b"--") => return LineKind::Closing,
                _ => {}
            }
        }
        if line.starts_with(b"--") { LineKind::Dashes } else { LineKind::Other }
    }

    /// Returns the delimiter to search for: the one that was seen, else the one that RFC 2046 derives from the header.
    pub fn delimiter(&self) -> Vec<u8> {
        match (&self.seen, &self.stated) {
            (Some(seen), _) => seen.clone(),
            (None, Some(stated)) => [b"--", stated.as_slice()].concat(),
            (None, None) => b"--".to_vec(),
        }
    }

    /// Returns true if the delimiter is at the beginning of `bytes`, with or without a line end before it.
    pub fn follows(&self, bytes: &[u8]) -> Follows {
        let delimiter = self.delimiter();
        let rest = match bytes {
            [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] => rest,
            [b'\r'] => return Follows::NeedsMore,
            rest => rest,
        };
        match (rest.len() < delimiter.len(), rest.starts_with(&delimiter), delimiter.starts_with(rest)) {
            (true, _, true) => Follows::NeedsMore,
            (_, true, _) => Follows::Yes,
            _ => Follows::No,
        }
    }

    /// Returns the position in `bytes` at which data ends because a delimiter line follows; the line end before the
    /// delimiter is not part of the data. Searches from `from`.
    pub fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let delimiter = self.delimiter();
        let rest = bytes.get(from..)?;
        memchr::memmem::find_iter(rest, &delimiter).map(|at| from + at).find_map(|at| {
            let is_line_end = matches!(bytes.get(at + delimiter.len()), Some(b'\r' | b'\n' | b' ' | b'-'));
            let before = bytes[..at].strip_suffix(b"\n").filter(|_| is_line_end)?;
            Some(before.strip_suffix(b"\r").unwrap_or(before).len())
        })
    }

    /// Returns the number of bytes at the end of searched data in which a delimiter may have begun.
    pub fn overlap(&self) -> usize {
        self.delimiter().len() + 3
    }
}

fn without_dashes(line: &[u8]) -> &[u8] {
    let dashes = line.iter().take_while(|byte| **byte == b'-').count();
    &line[dashes..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_before_the_name_do_not_matter() {
        for (stated, line) in [
            ("frame", &b"--frame"[..]),
            ("--frame", b"--frame "),
            ("--frame", b"----frame"),
            ("frame", b"frame\t"),
        ] {
            assert_eq!(Boundary::new(Some(stated)).classify(line), LineKind::Delimiter, "{stated}");
        }
        let boundary = Boundary::new(Some("frame"));
        assert_eq!(boundary.classify(b"--frame--"), LineKind::Closing);
        assert_eq!(boundary.classify(b"--other"), LineKind::Dashes);
        assert_eq!(boundary.classify(b"frames"), LineKind::Other);
        assert_eq!(Boundary::new(Some("--")).classify(b""), LineKind::Other);
    }

    #[test]
    fn seen_delimiter_is_used_beside_the_stated_one() {
        let mut boundary = Boundary::new(Some("frame"));
        boundary.adopt(b"--other ");
        assert_eq!(boundary.classify(b"--other"), LineKind::Delimiter);
        assert_eq!(boundary.classify(b"--other--"), LineKind::Closing);
        assert_eq!(boundary.classify(b"--frame"), LineKind::Delimiter);
        assert_eq!(boundary.delimiter(), b"--other");
    }

    #[test]
    fn delimiter_is_found_after_a_line_end_only() {
        let boundary = Boundary::new(Some("b"));
        assert_eq!(boundary.find(b"x--b\r\ny\r\n--b\r\n", 0), Some(7));
        assert_eq!(boundary.find(b"x\n--b--", 0), Some(1));
        assert_eq!(boundary.find(b"x\n--b", 0), None, "the name may continue");
        assert_eq!(boundary.find(b"x\n--bb\r\n", 0), None);
        assert_eq!(boundary.follows(b"\r\n--b"), Follows::Yes);
        assert_eq!(boundary.follows(b"--b\r\n"), Follows::Yes);
        assert_eq!(boundary.follows(b"\xff\xd8"), Follows::No);
        for beginning in [&b""[..], b"\r", b"\r\n", b"\n-", b"--"] {
            assert_eq!(boundary.follows(beginning), Follows::NeedsMore, "{beginning:?}");
        }
    }
}
