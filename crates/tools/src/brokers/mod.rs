//! Tools that look after brokers and the controllers behind them: one file a verb.

pub mod broker_api_versions;
pub mod cluster;
pub mod features;
pub mod metadata_quorum;
