//! Serves the Kafka protocol; owns the partitions of one broker.
