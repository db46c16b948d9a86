//! Codecs of the tracks in QuickTime and MP4 files.

use super::atom::{Atoms, Code};
use crate::media::container::unsupported::VideoCodec;

/// Length of a sample description of video before its atoms, in bytes, from its length field on.
pub const VIDEO_DESCRIPTION_LENGTH: usize = 86;

/// Object type of JPEG in a decoder configuration (ISO 14496-1, table 5).
const JPEG_OBJECT_TYPE: u8 = 0x6C;

/// Tag of the decoder configuration in an elementary stream descriptor (ISO 14496-1 §7.2.2.1).
const DECODER_CONFIG_TAG: u8 = 0x04;

/// Codec of a sample description: its code, or for `mp4v` and its kin the object type of the decoder configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Complete JPEGs.
    MotionJpeg,
    /// Another codec.
    Other(VideoCodec),
}

impl Codec {
    /// Returns the codec of a sample description of video. `description` begins with its length field.
    pub fn of_video(code: Code, description: &[u8]) -> Self {
        match &code {
            b"jpeg" | b"mjpa" | b"AVDJ" | b"dmb1" | b"AVRn" | b"mjpg" | b"MJPG" | b"ijpg" => Self::MotionJpeg,
            b"mp4v" | b"mp4s" => Self::of_object_type(object_type(description)),
            _ => Self::Other(other_codec(code)),
        }
    }

    fn of_object_type(object_type: Option<u8>) -> Self {
        let name = match object_type {
            Some(JPEG_OBJECT_TYPE) => return Self::MotionJpeg,
            Some(0x21) => "H.264",
            Some(0x23) => "H.265",
            Some(0x60..=0x65) => "MPEG-2",
            Some(0x6A) => "MPEG-1",
            Some(0x6D) => "PNG",
            Some(0x6E) => "JPEG 2000",
            _ => "MPEG-4",
        };
        Self::Other(VideoCodec::Named(name))
    }
}

/// Returns the object type in the elementary stream descriptor (`esds`) of a sample description.
fn object_type(description: &[u8]) -> Option<u8> {
    let atoms = Atoms(description.get(VIDEO_DESCRIPTION_LENGTH..)?);
    let esds = atoms.clone().find(|(kind, _)| kind == b"esds")?.1;
    // After version and flags: tag 3, length, id, flags; with no flag set, the decoder configuration follows.
    let (0x03, body) = descriptor(esds.get(4..)?)? else { return None };
    let flags = *body.get(2)?;
    let mut at = 3;
    if flags & 0x80 != 0 {
        at += 2;
    }
    if flags & 0x40 != 0 {
        at += 1 + usize::from(*body.get(at)?);
    }
    if flags & 0x20 != 0 {
        at += 2;
    }
    let (DECODER_CONFIG_TAG, config) = descriptor(body.get(at..)?)? else { return None };
    config.first().copied()
}

/// Splits a descriptor into its tag and what follows its length of one to four bytes (ISO 14496-1 §8.3.3).
fn descriptor(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let length_bytes = rest.iter().take(4).position(|byte| byte & 0x80 == 0)? + 1;
    Some((*tag, &rest[length_bytes..]))
}

/// Returns the codec of a code that is not Motion JPEG.
fn other_codec(code: Code) -> VideoCodec {
    VideoCodec::Named(match &code {
        b"avc1" | b"avc2" | b"avc3" | b"avc4" | b"H264" | b"h264" => "H.264",
        b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => "H.265",
        b"vvc1" | b"vvi1" => "H.266",
        b"av01" => "AV1",
        b"vp08" => "VP8",
        b"vp09" => "VP9",
        b"apcn" | b"apch" | b"apcs" | b"apco" | b"ap4h" | b"ap4x" => "ProRes",
        b"AVdn" | b"AVdh" => "DNxHD",
        b"s263" | b"h263" | b"H263" => "H.263",
        b"SVQ1" | b"SVQ3" | b"svq1" | b"svq3" => "Sorenson video",
        b"mjpb" => "Motion JPEG B",
        b"mjp2" | b"MJP2" => "JPEG 2000",
        b"cvid" => "Cinepak",
        b"rle " => "Animation (run-length encoded)",
        b"png " | b"MNG " => "PNG",
        b"dvc " | b"dvcp" | b"dvpp" | b"dv5n" | b"dv5p" | b"dvh5" | b"dvh6" => "DV",
        b"m2v1" | b"mp2v" | b"hdv1" | b"hdv2" | b"hdv3" | b"mx5n" | b"mx5p" | b"xdvb" => "MPEG-2",
        b"DIVX" | b"XVID" | b"3IV2" => "MPEG-4",
        b"raw " | b"2vuy" | b"yuv2" | b"v210" | b"yuvs" | b"v308" | b"v408" | b"v410" => "uncompressed",
        _ => return VideoCodec::Unknown(code),
    })
}

/// Returns the name of a sound format.
pub fn sound_name(code: Code) -> &'static str {
    match &code {
        b"mp4a" => "AAC sound",
        b"alac" => "ALAC sound",
        b".mp3" | b"ms\0U" => "MP3 sound",
        b"ac-3" | b"ec-3" => "AC-3 sound",
        b"Opus" => "Opus sound",
        b"fLaC" => "FLAC sound",
        b"ulaw" | b"alaw" => "G.711 sound",
        b"ima4" | b"ms\0\x02" | b"ms\0\x11" => "ADPCM sound",
        b"samr" | b"sawb" => "AMR sound",
        b"raw " | b"twos" | b"sowt" | b"lpcm" | b"in24" | b"in32" | b"fl32" | b"fl64" | b"ipcm" | b"fpcm" => {
            "PCM sound"
        }
        _ => "sound",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a sample description with an elementary stream descriptor of this object type.
    fn mp4v(object_type: u8, flags: &[u8]) -> Vec<u8> {
        let config = [&[DECODER_CONFIG_TAG, 0x80, 0x80, 0x80, 13, object_type, 0x11][..], &[0; 11]].concat();
        let mut esds = vec![0, 0, 0, 0, 0x03, 0x80, 0x80, 0x80, 25, 0, 1];
        esds.extend_from_slice(flags);
        esds.extend_from_slice(&config);
        let atom = [&(esds.len() as u32 + 8).to_be_bytes()[..], b"esds", &esds].concat();
        [&[0; VIDEO_DESCRIPTION_LENGTH][..], &atom].concat()
    }

    #[test]
    fn object_type_of_mp4v_tells_jpeg_from_mpeg4() {
        let codec = |object_type, flags: &[u8]| Codec::of_video(*b"mp4v", &mp4v(object_type, flags));
        assert_eq!(codec(0x6C, &[0]), Codec::MotionJpeg);
        assert_eq!(
            codec(0x6C, &[0xE0, 0, 7, 2, b'u', b'r', 0, 9]),
            Codec::MotionJpeg,
            "with optional fields"
        );
        assert_eq!(codec(0x20, &[0]), Codec::Other(VideoCodec::Named("MPEG-4")));
        assert_eq!(codec(0x61, &[0]), Codec::Other(VideoCodec::Named("MPEG-2")));
        let without = Codec::of_video(*b"mp4v", &[0; VIDEO_DESCRIPTION_LENGTH]);
        assert_eq!(without, Codec::Other(VideoCodec::Named("MPEG-4")));
    }

    #[test]
    fn motion_jpeg_b_is_named() {
        assert_eq!(Codec::of_video(*b"jpeg", &[]), Codec::MotionJpeg);
        assert_eq!(Codec::of_video(*b"mjpa", &[]), Codec::MotionJpeg);
        assert_eq!(Codec::of_video(*b"mjpb", &[]), Codec::Other(VideoCodec::Named("Motion JPEG B")));
        assert_eq!(Codec::of_video(*b"zzzz", &[]), Codec::Other(VideoCodec::Unknown(*b"zzzz")));
    }

    #[test]
    fn other_codecs_are_named() {
        for (code, expected) in [
            (b"avc1", "H.264"),
            (b"hvc1", "H.265"),
            (b"vvc1", "H.266"),
            (b"av01", "AV1"),
            (b"vp08", "VP8"),
            (b"vp09", "VP9"),
            (b"apcn", "ProRes"),
            (b"AVdn", "DNxHD"),
            (b"s263", "H.263"),
            (b"SVQ3", "Sorenson video"),
            (b"mjp2", "JPEG 2000"),
            (b"cvid", "Cinepak"),
            (b"rle ", "Animation (run-length encoded)"),
            (b"png ", "PNG"),
            (b"dvcp", "DV"),
            (b"m2v1", "MPEG-2"),
            (b"XVID", "MPEG-4"),
            (b"2vuy", "uncompressed"),
        ] {
            assert_eq!(
                Codec::of_video(*code, &[]),
                Codec::Other(VideoCodec::Named(expected)),
                "{}",
                code.escape_ascii()
            );
        }
    }

    #[test]
    fn sound_formats_are_named() {
        for (code, expected) in [
            (b"mp4a", "AAC sound"),
            (b"alac", "ALAC sound"),
            (b"ms\0U", "MP3 sound"),
            (b"ac-3", "AC-3 sound"),
            (b"Opus", "Opus sound"),
            (b"fLaC", "FLAC sound"),
            (b"ulaw", "G.711 sound"),
            (b"ima4", "ADPCM sound"),
            (b"samr", "AMR sound"),
            (b"sowt", "PCM sound"),
            (b"zzzz", "sound"),
        ] {
            assert_eq!(sound_name(*code), expected, "{}", code.escape_ascii());
        }
    }
}
