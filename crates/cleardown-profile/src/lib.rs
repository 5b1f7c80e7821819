//! What is remembered: drives, the phone book, and where secrets live.
