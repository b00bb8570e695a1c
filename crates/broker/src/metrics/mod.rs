//! What happened on this broker, with Kafka's names and meanings, collected when it is scraped.
