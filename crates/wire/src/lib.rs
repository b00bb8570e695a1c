//! What Ottla speaks: the Kafka protocol's messages, records, ids and error codes.
