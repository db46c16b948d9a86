//! Fuzzing: the bodies in `bodies/`, each with inputs that are mutated from its seeds. The same random seed gives the
//! same inputs.
//!
//! `REELAY_FUZZ_INPUTS` sets the number of inputs of each body and `REELAY_FUZZ_SEED` the random seed.
//! `REELAY_FUZZ_INPUT` runs the input of this number alone. `REELAY_FUZZ_CORPUS` names a folder to which the seeds are
//! written instead, for cargo-fuzz; its targets in `fuzz/` run the same bodies.

mod bodies;
mod mutator;
mod runner;

use std::path::Path;

/// Defines a test for each body, with the number of its inputs in an ordinary run.
macro_rules! fuzz {
    ($($test:ident: $body:ident, $inputs:literal;)*) => {
        const BODIES: &[&str] = &[$(stringify!($body)),*];

        $(#[test]
        fn $test() {
            runner::run(stringify!($body), bodies::$body::body, &bodies::$body::seeds(), $inputs);
        })*
    };
}

fuzz! {
    rtsp_messages_in_pieces_are_the_same_as_at_once: rtsp_messages, 20_000;
    rtsp_headers_are_the_same_after_writing: rtsp_headers, 50_000;
    rtp_packets_are_the_same_after_writing: rtp_packet, 50_000;
    rtcp_packets_are_the_same_after_writing: rtcp_packet, 50_000;
    parity_packets_are_the_same_after_writing: parity_packet, 50_000;
    rfc_2435_frames_are_bounded_by_their_packets: rfc2435_depacketizer, 20_000;
    classroom_frames_are_bounded_by_their_datagrams: classroom_depacketizer, 20_000;
    session_descriptions_are_the_same_after_writing: sdp, 20_000;
    frames_of_a_file_are_inside_it_and_in_order: container, 5_000;
    jpeg_headers_survive_the_payload_formats: jpeg_walk, 10_000;
    transcoded_jpegs_show_the_same_pixels: jpeg_transcode, 4_000;
    repaired_and_marked_jpegs_keep_their_pixels: jpeg_repair, 6_000;
    decoded_jpegs_fill_their_pixels: jpeg_decode, 4_000;
    emulated_network_accounts_for_every_packet: impairment_link, 10_000;
    settings_survive_writing: settings_file, 10_000;
    requests_of_a_second_start_are_the_same_after_writing: hand_over, 20_000;
    server_responds_to_every_request: server_session, 10_000;
    proxy_forwards_every_byte: proxy_stream, 20_000;
    rtsp_client_ends_after_any_input: rtsp_client, 5_000;
    classroom_client_ends_after_any_input: classroom_client, 5_000;
}

#[test]
fn every_body_is_a_target_of_cargo_fuzz() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    assert_eq!(manifest.matches("[[bin]]").count(), BODIES.len());
    for body in BODIES {
        let target = std::fs::read_to_string(folder.join(format!("fuzz_targets/{body}.rs"))).unwrap();
        assert!(
            target.contains(&format!("bodies::{body}::body(")),
            "fuzz_targets/{body}.rs runs another body"
        );
        assert!(manifest.contains(&format!("name = \"{body}\"")), "fuzz/Cargo.toml lacks {body}");
    }
}
