//! Codecs of the streams in AVI files.

use super::riff::FourCc;
use crate::media::container::unsupported::VideoCodec;

/// Returns true if a code, in upper or lower case, is one of Motion JPEG whose frames are complete JPEGs, with or
/// without Huffman tables.
pub fn is_motion_jpeg(code: FourCc) -> bool {
    matches!(
        &code.map(|byte| byte.to_ascii_uppercase()),
        b"MJPG"
            | b"JPEG"
            | b"AVRN"
            | b"DMB1"
            | b"AVI1"
            | b"AVI2"
            | b"QIVG"
            | b"SLMJ"
            | b"CJPG"
            | b"IJLV"
            | b"IJPG"
            | b"MVJP"
            | b"MTSJ"
            | b"MSMJ"
            | b"ACDV"
            | b"MMJP"
            | b"VDTZ"
            | b"GPJM"
    )
}

/// Returns the codec of a code that is not Motion JPEG.
pub fn other_codec(code: FourCc) -> VideoCodec {
    let name = match &code.map(|byte| byte.to_ascii_uppercase()) {
        b"LJPG" | b"MJLS" => "lossless JPEG",
        b"MJPB" => "Motion JPEG B",
        b"MJ2C" | b"LJ2C" | b"MJP2" => "JPEG 2000",
        b"H264" | b"X264" | b"AVC1" | b"DAVC" | b"VSSH" | b"SMV2" => "H.264",
        b"HEVC" | b"H265" | b"X265" | b"HVC1" | b"HEV1" => "H.265",
        b"H263" | b"U263" | b"X263" | b"M263" => "H.263",
        b"DIVX" | b"XVID" | b"DX50" | b"FMP4" | b"MP4V" | b"3IV2" | b"MP4S" | b"M4S2" | b"RMP4" => "MPEG-4",
        b"DIV3" | b"DIV4" | b"DIV5" | b"MP43" | b"MPG3" | b"COL1" | b"AP41" => "MPEG-4 (version 3)",
        b"MP42" | b"DIV2" => "MPEG-4 (version 2)",
        b"MPG1" | b"MPEG" | b"PIM1" => "MPEG-1",
        b"MPG2" | b"MP2V" | b"EM2V" => "MPEG-2",
        b"DVSD" | b"DVHD" | b"DVSL" | b"DV25" | b"DV50" | b"CDVC" => "DV",
        b"CVID" => "Cinepak",
        b"IV31" | b"IV32" | b"IV41" | b"IV50" => "Indeo",
        b"HFYU" | b"FFVH" => "HuffYUV",
        b"FFV1" => "FFV1",
        b"ULRG" | b"ULY0" | b"ULY2" | b"ULRA" => "Ut Video",
        b"WMV1" | b"WMV2" | b"WMV3" | b"WVC1" => "Windows Media Video",
        b"VP80" => "VP8",
        b"VP90" => "VP9",
        b"AV01" => "AV1",
        b"CRAM" | b"MSVC" | b"WHAM" => "Microsoft Video 1",
        b"TSCC" => "TechSmith screen video",
        b"\x01\0\0\0" | b"\x02\0\0\0" | b"MRLE" => "run-length encoded",
        b"\0\0\0\0" | b"\x03\0\0\0" | b"DIB " | b"RGB " | b"RAW " | b"YUY2" | b"UYVY" | b"I420" | b"IYUV"
        | b"YV12" | b"NV12" | b"Y800" | b"GREY" => "uncompressed",
        // ffmpeg writes the number of bits after the order of the components.
        [b'R', b'G', b'B', _] | [b'B', b'G', b'R', _] => "uncompressed",
        _ => return VideoCodec::Unknown(code),
    };
    VideoCodec::Named(name)
}

/// Returns the name of a sound format, the tag in its WAVEFORMATEX structure.
pub fn sound_name(format_tag: u16) -> &'static str {
    match format_tag {
        0x0001 | 0x0003 | 0xFFFE => "PCM sound",
        0x0002 | 0x0011 => "ADPCM sound",
        0x0006 | 0x0007 => "G.711 sound",
        0x0050 => "MPEG sound",
        0x0055 => "MP3 sound",
        0x00FF | 0x706D | 0xA106 => "AAC sound",
        0x0160..=0x0163 => "Windows Media sound",
        0x2000 => "AC-3 sound",
        0x2001 => "DTS sound",
        _ => "sound",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_motion_jpeg_are_recognised_in_any_case() {
        for code in [b"MJPG", b"mjpg", b"AVRn", b"dmb1", b"JPEG", b"jpeg"] {
            assert!(is_motion_jpeg(*code), "{}", code.escape_ascii());
        }
        for code in [b"LJPG", b"H264", b"XVID", b"\0\0\0\0"] {
            assert!(!is_motion_jpeg(*code), "{}", code.escape_ascii());
        }
    }

    #[test]
    fn other_codecs_are_named_or_quoted() {
        let name = |code: &[u8; 4]| other_codec(*code).to_string();
        assert_eq!([b"LJPG", b"x264", b"xvid"].map(name), ["lossless JPEG", "H.264", "MPEG-4"]);
        assert_eq!(name(b"QQ\x01\n"), "of the codec \"QQ\\x01\\n\"");
        for (code, expected) in [
            (b"MJPB", "Motion JPEG B"),
            (b"MJP2", "JPEG 2000"),
            (b"HEVC", "H.265"),
            (b"H263", "H.263"),
            (b"DIV3", "MPEG-4 (version 3)"),
            (b"MP42", "MPEG-4 (version 2)"),
            (b"MPG1", "MPEG-1"),
            (b"MPG2", "MPEG-2"),
            (b"dvsd", "DV"),
            (b"cvid", "Cinepak"),
            (b"IV50", "Indeo"),
            (b"HFYU", "HuffYUV"),
            (b"FFV1", "FFV1"),
            (b"ULRG", "Ut Video"),
            (b"WMV3", "Windows Media Video"),
            (b"VP80", "VP8"),
            (b"VP90", "VP9"),
            (b"AV01", "AV1"),
            (b"MSVC", "Microsoft Video 1"),
            (b"tscc", "TechSmith screen video"),
            (b"\x01\0\0\0", "run-length encoded"),
            (b"\0\0\0\0", "uncompressed"),
            (b"YUY2", "uncompressed"),
            (b"RGB\x18", "uncompressed"),
            (b"BGR\x20", "uncompressed"),
        ] {
            assert_eq!(name(code), expected, "{}", code.escape_ascii());
        }
    }

    #[test]
    fn sound_formats_are_named() {
        for (tag, expected) in [
            (0x0001, "PCM sound"),
            (0xFFFE, "PCM sound"),
            (0x0011, "ADPCM sound"),
            (0x0007, "G.711 sound"),
            (0x0050, "MPEG sound"),
            (0x0055, "MP3 sound"),
            (0x00FF, "AAC sound"),
            (0x0161, "Windows Media sound"),
            (0x2000, "AC-3 sound"),
            (0x2001, "DTS sound"),
            (0x4242, "sound"),
        ] {
            assert_eq!(sound_name(tag), expected, "{tag:#06x}");
        }
    }
}
