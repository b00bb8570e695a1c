"""Consume, transform, produce in transactions with confluent-kafka, as a member of a group.

Copies every record with its value reversed and ends when there is nothing more to copy. What may be
tried again is tried again; what can only be aborted is aborted and copied again from the group's
offsets; whatever else happens ends the program, and whoever started it starts it again.
"""

import faulthandler
import signal
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition

BOOTSTRAP, INPUT, OUTPUT, GROUP, TRANSACTIONAL_ID, _PARTITION, TIMEOUT_MS = sys.argv[1:]
BATCH = 50
IDLE_SECONDS = 5

# With a cluster of one node, every restart of it has librdkafka begin anew from its bootstrap servers and
# forget its brokers, and then send_offsets_to_transaction may wait for one of the forgotten ones for ever
# (confluentinc/librdkafka#5511, #5456).
COMMON = {"bootstrap.servers": BOOTSTRAP, "reconnect.backoff.max.ms": 500, "metadata.recovery.strategy": "none"}


# `kill -USR1` shows where it is.
faulthandler.register(signal.SIGUSR1)


def tell(failure, where):
    error = failure.args[0]
    print(f"{time.time():.3f} {where}: {error.name()}, {error.str()}, fatal {error.fatal()}", file=sys.stderr, flush=True)


def retried(call, *arguments):
    """Calls until it is done or has failed for good."""
    while True:
        try:
            return call(*arguments)
        except KafkaException as failure:
            if not failure.args[0].retriable():
                raise
            tell(failure, call.__name__)
            time.sleep(0.1)


def rewind(consumer):
    """Back to what the group has committed."""
    for place in retried(consumer.committed, consumer.assignment(), 10):
        offset = place.offset if place.offset >= 0 else OFFSET_BEGINNING
        consumer.seek(TopicPartition(place.topic, place.partition, offset))


def copy(consumer, producer, messages):
    """One transaction; false when it had to be aborted."""
    producer.begin_transaction()
    try:
        for message in messages:
            producer.produce(OUTPUT, message.value()[::-1], message.key(), message.partition())
            producer.poll(0)
        places = consumer.position(consumer.assignment())
        retried(producer.send_offsets_to_transaction, places, consumer.consumer_group_metadata(), 30)
        retried(producer.commit_transaction, 30)
        return True
    except KafkaException as failure:
        if not failure.args[0].txn_requires_abort():
            raise
        tell(failure, "aborted")
        retried(producer.abort_transaction, 30)
        return False


def is_at_end(consumer):
    """Whether the group has copied every assigned partition to its end."""
    try:
        for place in consumer.committed(consumer.assignment(), 5):
            _, end = consumer.get_watermark_offsets(TopicPartition(place.topic, place.partition), 5)
            if place.offset < end:
                return False
        return True
    except KafkaException:
        return False


def main():
    producer = Producer(COMMON | {"transactional.id": TRANSACTIONAL_ID, "transaction.timeout.ms": int(TIMEOUT_MS), "linger.ms": 5})
    retried(producer.init_transactions, 30)
    consumer = Consumer(
        COMMON
        | {
            "group.id": GROUP,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "session.timeout.ms": 10_000,
        }
    )
    consumer.subscribe([INPUT])
    copied_at = time.monotonic()
    while True:
        messages = [message for message in consumer.consume(BATCH, 0.2) if message.error() is None]
        if messages:
            if not copy(consumer, producer, messages):
                rewind(consumer)
            copied_at = time.monotonic()
        elif time.monotonic() - copied_at > IDLE_SECONDS and is_at_end(consumer):
            break
    consumer.close()


try:
    main()
except KafkaException as failure:
    tell(failure, "the end")
    sys.exit(1)
