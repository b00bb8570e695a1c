//! Decides topics, partitions, brokers and configurations.
