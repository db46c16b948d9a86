//! Cameras over HTTP: the client on virtual time, against a server of the tests with the peculiarities of cameras, and
//! against other programs.

mod authentication;
mod bodies;
mod camera;
mod commands;
#[path = "../common/jpegs.rs"]
#[allow(dead_code)] // the tests of HTTP use a part of them
mod jpegs;
mod live;
mod mutations;
mod network;
mod peers;
mod player;
mod redirects;
mod snapshots;
mod states;
