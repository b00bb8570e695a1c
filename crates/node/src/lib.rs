//! The process: configuration, listeners, the metadata log, shutdown.
