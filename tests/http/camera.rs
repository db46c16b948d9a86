//! A camera on a real socket.
