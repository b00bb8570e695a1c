//! What Ottla remembers: one partition's records on disk, in Kafka's layout.
