"""Consume, transform, produce in transactions with aiokafka, from one partition.

Copies every record with its value reversed and ends when there is nothing more to copy. aiokafka
commits offsets without the group's generation, so each program has a partition of its own, and its
transactional id keeps a second one away. What fails is aborted and copied again from the group's
offsets; a failure that fences ends the program, and whoever started it starts it again.
"""

import asyncio
import logging
import sys
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient

BOOTSTRAP, INPUT, OUTPUT, GROUP, TRANSACTIONAL_ID, PARTITION, TIMEOUT_MS = sys.argv[1:]
BATCH = 50
IDLE_SECONDS = 5
PLACE = TopicPartition(INPUT, int(PARTITION))

logging.disable(logging.CRITICAL)


async def committed():
    """The group's offset, -1 when it has none.

    A consumer of aiokafka takes the error of a coordinator that is still loading for a group without
    offsets; its admin client leaves the partition out then.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    await admin.start()
    try:
        while True:
            offsets = await admin.list_consumer_group_offsets(GROUP, partitions=[PLACE])
            if PLACE in offsets:
                return offsets[PLACE].offset
            await asyncio.sleep(0.1)
    finally:
        await admin.close()


async def rewind(consumer):
    """Back to what the group has committed."""
    offset = await committed()
    if offset < 0:
        await consumer.seek_to_beginning(PLACE)
    else:
        consumer.seek(PLACE, offset)


async def copy(producer, records):
    """One transaction, committed when this returns."""
    async with producer.transaction():
        for record in records:
            await producer.send(OUTPUT, record.value[::-1], record.key, record.partition)
        await producer.send_offsets_to_transaction({PLACE: records[-1].offset + 1}, GROUP)


async def copy_all(consumer, producer):
    copied_at = time.monotonic()
    while True:
        records = (await consumer.getmany(PLACE, timeout_ms=200, max_records=BATCH)).get(PLACE, [])
        if records:
            await copy(producer, records)
            copied_at = time.monotonic()
        elif time.monotonic() - copied_at > IDLE_SECONDS:
            if await consumer.position(PLACE) >= (await consumer.end_offsets([PLACE]))[PLACE]:
                return


async def main():
    producer = AIOKafkaProducer(
        bootstrap_servers=BOOTSTRAP, transactional_id=TRANSACTIONAL_ID, transaction_timeout_ms=int(TIMEOUT_MS), linger_ms=5
    )
    consumer = AIOKafkaConsumer(
        bootstrap_servers=BOOTSTRAP,
        group_id=GROUP,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        # Whatever an earlier program left open is over when this returns, and its offsets are settled.
        await producer.start()
        await consumer.start()
        consumer.assign([PLACE])
        await rewind(consumer)
        await copy_all(consumer, producer)
    finally:
        await asyncio.wait_for(consumer.stop(), 20)
        await asyncio.wait_for(producer.stop(), 20)


try:
    asyncio.run(main())
except (errors.KafkaError, TimeoutError) as failure:
    print(f"{time.time():.3f} {failure!r}", file=sys.stderr, flush=True)
    sys.exit(1)
