//! One `match` from API to handler.
