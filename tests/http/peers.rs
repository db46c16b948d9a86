//! Other programs as cameras.
