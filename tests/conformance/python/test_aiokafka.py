"""aiokafka, the asyncio client."""

import asyncio
import time

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
import pytest_asyncio

from expect import ACKS, BOOTSTRAP, CODECS, RECORDS, now_ms, payloads, unique

CREATE_TIME, LOG_APPEND_TIME = 0, 1


@pytest_asyncio.fixture
async def admin():
    client = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    await client.start()
    yield client
    await client.close()


async def until(probe, what, seconds=30):
    """The first true answer of `await probe()`."""
    deadline = time.monotonic() + seconds
    while True:
        seen = await probe()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"expected within {seconds} s: {what}; last seen: {seen!r}"
        await asyncio.sleep(0.02)


def codes(answer):
    """The error codes of an answer about topics, whatever else it tells."""
    rows = getattr(answer, "topic_errors", None) or getattr(answer, "topic_error_codes", None)
    return [row[1] for row in rows]


async def create(admin, topic, partitions=1, **config):
    configs = {key.replace("_", "."): str(value) for key, value in config.items()}
    answer = await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])
    assert codes(answer) == [0], answer
    await until(lambda: has_partitions(admin, topic, partitions), f"metadata shows {topic} with {partitions} partitions")
    return topic


async def has_partitions(admin, topic, count):
    described = (await admin.describe_topics([topic]))[0]
    return described["error_code"] == 0 and len(described["partitions"]) == count


class Sender:
    """A started producer for a `with` block."""

    def __init__(self, **config):
        self.producer = AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, **config)

    async def __aenter__(self):
        await self.producer.start()
        return self.producer

    async def __aexit__(self, *_):
        await self.producer.stop()


class Reader:
    """A started consumer for a `with` block."""

    def __init__(self, *topics, group=None, **config):
        settings = {"auto_offset_reset": "earliest", "enable_auto_commit": False} | config
        self.consumer = AIOKafkaConsumer(*topics, bootstrap_servers=BOOTSTRAP, group_id=group, **settings)

    async def __aenter__(self):
        await self.consumer.start()
        return self.consumer

    async def __aexit__(self, *_):
        await self.consumer.stop()


async def send(topic, values, partition=0, **config):
    async with Sender(**config) as out:
        futures = [await out.send(topic, value, partition=partition) for value in values]
        return [await future for future in futures]


async def read(reader, count, seconds=30):
    found = []
    deadline = time.monotonic() + seconds
    while len(found) < count:
        assert time.monotonic() < deadline, f"expected {count} records within {seconds} s, got {len(found)}"
        for records in (await reader.getmany(timeout_ms=200, max_records=count - len(found))).values():
            found += records
    return found


async def read_all(topic, count, partition=0, **config):
    async with Reader(**config) as reader:
        reader.assign([TopicPartition(topic, partition)])
        await reader.seek_to_beginning()
        return await read(reader, count)


async def config_of(admin, topic, key):
    answer = (await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)]))[0]
    assert answer.resources[0][0] == 0, answer
    return {entry[0]: entry[1] for entry in answer.resources[0][4]}[key]


# --- admin ---


async def test_topic_is_created_with_its_configs(admin, name):
    await create(admin, name, 3, retention_ms=12345, cleanup_policy="compact")
    assert await config_of(admin, name, "retention.ms") == "12345"
    assert await config_of(admin, name, "cleanup.policy") == "compact"
    assert await config_of(admin, name, "min.insync.replicas") == "1"


@pytest.mark.parametrize(
    "suffix, partitions, replicas, config, error",
    [
        ("", 0, 1, {}, errors.InvalidPartitionsError),
        ("", 1, 9, {}, errors.InvalidReplicationFactorError),
        ("", 1, 1, {"segment.bytes": "-1"}, errors.InvalidConfigurationError),
        ("!", 1, 1, {}, errors.InvalidTopicError),
    ],
)
async def test_bad_topic_is_refused(admin, name, suffix, partitions, replicas, config, error):
    answer = await admin.create_topics([NewTopic(name + suffix, partitions, replicas, topic_configs=config)])
    assert codes(answer) == [error.errno]


async def test_validate_only_creates_nothing(admin, name):
    assert codes(await admin.create_topics([NewTopic(name, 1, 1)], validate_only=True)) == [0]
    assert name not in await admin.list_topics()


async def test_configs_are_altered_and_read_back(admin, name):
    await create(admin, name)
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": "777"})])

    async def altered():
        return await config_of(admin, name, "retention.ms") == "777"

    await until(altered, "retention.ms 777")


async def test_partitions_are_added(admin, name):
    await create(admin, name)
    await admin.create_partitions({name: NewPartitions(3)})
    await until(lambda: has_partitions(admin, name, 3), "3 partitions")
    await send(name, [b"in the new one"], partition=2)
    assert (await read_all(name, 1, partition=2))[0].value == b"in the new one"


async def test_topic_is_deleted(admin, name):
    await create(admin, name)
    assert codes(await admin.delete_topics([name])) == [0]

    async def gone():
        return name not in await admin.list_topics()

    await until(gone, f"{name} gone from the list")
    assert codes(await admin.delete_topics([name])) == [errors.UnknownTopicOrPartitionError.errno]


async def test_cluster_is_described(admin):
    cluster = await admin.describe_cluster()
    assert [f"{broker['host']}:{broker['port']}" for broker in cluster["brokers"]] == [BOOTSTRAP]
    assert len(cluster["cluster_id"]) == 22


async def test_records_are_deleted(admin, name):
    await create(admin, name)
    await send(name, payloads(10))
    partition = TopicPartition(name, 0)
    assert (await admin.delete_records({partition: RecordsToDelete(before_offset=4)}))[partition] == 4
    assert (await read_all(name, 6))[0].offset == 4


# --- produce and consume ---


@pytest.mark.parametrize("acks", ACKS)
@pytest.mark.parametrize("codec", CODECS)
async def test_every_codec_and_acks(admin, name, codec, acks):
    await create(admin, name)
    values = payloads(200)
    compression = None if codec == "none" else codec
    await send(name, values, acks=acks if acks == "all" else int(acks), compression_type=compression, linger_ms=20)
    assert [record.value for record in await read_all(name, 200)] == values


async def test_keys_headers_and_nulls(admin, name):
    await create(admin, name)
    # This client refuses a record that has neither key nor value.
    records = [record for record in RECORDS if record[:2] != (None, None)]
    async with Sender(enable_idempotence=True) as out:
        for key, value, headers in records:
            await out.send_and_wait(name, value, key, headers=headers, partition=0)
    assert [(r.key, r.value, list(r.headers)) for r in await read_all(name, len(records))] == records


async def test_idempotent_producer_keeps_order(admin, name):
    await create(admin, name)
    values = payloads(2000)
    sent = await send(name, values, enable_idempotence=True, max_batch_size=2000)
    assert [metadata.offset for metadata in sent] == list(range(2000))
    assert [record.value for record in await read_all(name, 2000)] == values


async def test_create_time_is_kept(admin, name):
    await create(admin, name)
    async with Sender() as out:
        await out.send_and_wait(name, b"old", timestamp_ms=1234567890123)
    record = (await read_all(name, 1))[0]
    assert (record.timestamp_type, record.timestamp) == (CREATE_TIME, 1234567890123)


async def test_log_append_time(admin, name):
    await create(admin, name, message_timestamp_type="LogAppendTime")
    before = now_ms()
    async with Sender(compression_type="zstd") as out:
        answered = await out.send_and_wait(name, b"old", timestamp_ms=1234567890123)
    record = (await read_all(name, 1))[0]
    assert record.timestamp_type == LOG_APPEND_TIME
    assert before <= record.timestamp <= now_ms()
    assert answered.timestamp == record.timestamp, "expected the produce answer to tell the append time"


async def test_seek(admin, name):
    await create(admin, name)
    await send(name, payloads(10))
    partition = TopicPartition(name, 0)
    async with Reader() as reader:
        reader.assign([partition])
        for offset in (7, 0, 9):
            reader.seek(partition, offset)
            assert (await read(reader, 1))[0].offset == offset
        await reader.seek_to_beginning(partition)
        assert (await read(reader, 1))[0].offset == 0
        await reader.seek_to_end(partition)
        assert await reader.position(partition) == 10
        await send(name, [b"after the end"])
        assert (await read(reader, 1))[0].value == b"after the end"


async def test_offset_out_of_range(admin, name):
    await create(admin, name)
    await send(name, payloads(3))
    async with Reader(auto_offset_reset="none") as reader:
        reader.assign([TopicPartition(name, 0)])
        reader.seek(TopicPartition(name, 0), 99)
        with pytest.raises(errors.OffsetOutOfRangeError):
            await asyncio.wait_for(reader.getone(), 30)


async def test_offsets_for_times(admin, name):
    await create(admin, name)
    base = now_ms() - 1000_000
    async with Sender() as out:
        for number in range(5):
            await out.send_and_wait(name, b"x", timestamp_ms=base + number * 1000)
    partition = TopicPartition(name, 0)
    async with Reader() as reader:
        for at, offset in [(base, 0), (base + 1, 1), (base + 4000, 4)]:
            found = (await reader.offsets_for_times({partition: at}))[partition]
            assert (found.offset, found.timestamp) == (offset, base + offset * 1000)
        assert (await reader.offsets_for_times({partition: base + 4001}))[partition] is None
        assert await reader.beginning_offsets([partition]) == {partition: 0}
        assert await reader.end_offsets([partition]) == {partition: 5}


async def test_long_poll_is_woken_by_a_produce(admin, name):
    await create(admin, name)
    async with Reader(fetch_max_wait_ms=20000) as reader:
        reader.assign([TopicPartition(name, 0)])
        assert await reader.getmany(timeout_ms=1000) == {}
        sent = time.monotonic()
        await send(name, [b"wake up"])
        await read(reader, 1)
        assert time.monotonic() - sent < 5, "expected the fetch of 20 s to be woken by the record"


async def test_long_poll_waits_for_min_bytes(admin, name):
    await create(admin, name)
    await send(name, [b"small"])
    async with Reader(fetch_max_wait_ms=2000, fetch_min_bytes=1000000) as reader:
        started = time.monotonic()
        reader.assign([TopicPartition(name, 0)])
        await read(reader, 1)
        waited = time.monotonic() - started
    assert 1.9 < waited < 8, f"expected the fetch to wait its 2 s for fetch_min_bytes, it took {waited:.2f} s"


async def test_large_messages(admin, name):
    await create(admin, name, max_message_bytes=500000)
    assert (await send(name, [b"x" * 490000], max_request_size=2000000))[0].offset == 0
    with pytest.raises(errors.MessageSizeTooLargeError):
        await send(name, [b"x" * 510000], max_request_size=2000000)
    assert len((await read_all(name, 1, max_partition_fetch_bytes=1000))[0].value) == 490000


# --- groups ---


class Revoked(ConsumerRebalanceListener):
    def __init__(self):
        self.partitions = []

    async def on_partitions_revoked(self, revoked):
        self.partitions += [partition.partition for partition in revoked]

    async def on_partitions_assigned(self, assigned):
        pass


class Member:
    def __init__(self, group, topic, **config):
        self.listener = Revoked()
        self.consumer = AIOKafkaConsumer(
            bootstrap_servers=BOOTSTRAP, group_id=group, enable_auto_commit=False, heartbeat_interval_ms=300, **config
        )
        self.consumer.subscribe([topic], listener=self.listener)

    def owned(self):
        return sorted(partition.partition for partition in self.consumer.assignment())


@pytest_asyncio.fixture
async def member(name):
    """Makes started members of the test's group and stops whoever is left."""
    members = []

    async def make(**config):
        members.append(Member(name, name, **config))
        await members[-1].consumer.start()
        return members[-1]

    yield make
    for left in members:
        await left.consumer.stop()


async def spread(members, partitions):
    async def settled():
        owned = [one.owned() for one in members]
        return owned if sorted(sum(owned, [])) == list(range(partitions)) and all(owned) else None

    return await until(settled, f"{partitions} partitions spread over {len(members)} members", 40)


async def test_group_join_and_leave(admin, name, member):
    await create(admin, name, 4)
    first = await member()
    await spread([first], 4)
    second = await member()
    assert [len(owned) for owned in await spread([first, second], 4)] == [2, 2]
    assert (name, "consumer") in await admin.list_consumer_groups()
    described = (await admin.describe_consumer_groups([name]))[0].groups[0]
    assert (described[0], described[1]) == (0, name)
    await second.consumer.stop()
    assert await spread([first], 4) == [[0, 1, 2, 3]]


async def test_static_member_comes_back_without_a_rebalance(admin, name, member):
    await create(admin, name, 4)
    first = await member(group_instance_id="first")
    second = await member(group_instance_id="second")
    before = await spread([first, second], 4)
    first.listener.partitions.clear()
    await second.consumer.stop()
    again = await member(group_instance_id="second")
    assert await spread([first, again], 4) == before
    assert first.listener.partitions == [], "expected no rebalance for a static member that came back"


async def test_commits_are_fetched(admin, name):
    await create(admin, name, 2)
    await send(name, payloads(10))
    one, two = TopicPartition(name, 0), TopicPartition(name, 1)
    async with Reader(name, group=name) as reader:
        await read(reader, 6)
        await reader.commit({one: OffsetAndMetadata(6, "six"), two: 3})
    async with Reader(name, group=name) as reader:
        assert await reader.committed(one) == 6
        assert await reader.committed(two) == 3
        assert (await read(reader, 1))[0].offset == 6
    offsets = await admin.list_consumer_group_offsets(name)
    assert {p.partition: (o.offset, o.metadata) for p, o in offsets.items()} == {0: (6, "six"), 1: (3, "")}


# --- under load ---


async def test_topic_deletion_under_load(admin, name):
    neighbour, doomed = await create(admin, name + "-stays"), await create(admin, name + "-goes")
    acked = []

    async def load():
        async with Sender() as out:
            while True:
                acked.append((await out.send_and_wait(neighbour, b"%d" % len(acked), partition=0)).offset)

    async def disturb():
        async with Sender(request_timeout_ms=2000) as out:
            while True:
                try:
                    await out.send(doomed, b"x", partition=0)
                    await asyncio.sleep(0)
                except errors.KafkaError:
                    pass

    tasks = [asyncio.create_task(load()), asyncio.create_task(disturb())]

    async def acknowledged(count):
        if tasks[0].done():
            tasks[0].result()
        return len(acked) > count

    await until(lambda: acknowledged(100), "100 acknowledged records")
    assert codes(await admin.delete_topics([doomed])) == [0]
    mark = len(acked)
    await until(lambda: acknowledged(mark + 100), "the neighbour to go on", 60)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=30)
    assert acked == list(range(len(acked))), "expected the neighbour to lose nothing"
    assert len(await read_all(neighbour, len(acked))) == len(acked)
    assert unique(name) not in await admin.list_topics()


async def visible(topic, isolation, count):
    """As many records as a reader of this isolation level is expected to find, and no more."""
    reader = AIOKafkaConsumer(bootstrap_servers=BOOTSTRAP, isolation_level=isolation, auto_offset_reset="earliest")
    await reader.start()
    try:
        partition = TopicPartition(topic, 0)
        reader.assign([partition])
        end = (await reader.end_offsets([partition]))[partition]
        values = []
        while await reader.position(partition) < end:
            for records in (await reader.getmany(partition, timeout_ms=1000)).values():
                values.extend(record.value for record in records)
        assert len(values) == count
        return values
    finally:
        await reader.stop()


async def test_transactions_are_all_or_nothing(admin, name):
    await create(admin, name)
    async with Sender(transactional_id=f"{name}-id") as out:
        for value, is_committed in [(b"one", True), (b"two", False), (b"three", True)]:
            await out.begin_transaction()
            await out.send_and_wait(name, value, partition=0)
            await (out.commit_transaction() if is_committed else out.abort_transaction())
    assert await visible(name, "read_committed", 2) == [b"one", b"three"]
    assert await visible(name, "read_uncommitted", 3) == [b"one", b"two", b"three"]


async def test_a_second_producer_fences_the_first(admin, name):
    await create(admin, name)
    first = AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id=f"{name}-id")
    await first.start()
    await first.begin_transaction()
    await first.send_and_wait(name, b"first", partition=0)
    async with Sender(transactional_id=f"{name}-id") as second:
        with pytest.raises((errors.ProducerFenced, errors.InvalidProducerEpoch)):
            await first.commit_transaction()
        async with second.transaction():
            await second.send_and_wait(name, b"second", partition=0)
    await first.stop()
    assert await visible(name, "read_committed", 1) == [b"second"]


async def test_offsets_move_with_their_transaction(admin, name):
    await create(admin, name)
    await send(name, payloads(20))
    partition = TopicPartition(name, 0)
    async with Sender(transactional_id=f"{name}-id") as out:
        for is_committed, expected in [(False, None), (True, 10)]:
            await out.begin_transaction()
            await out.send_offsets_to_transaction({partition: 10}, name)
            await (out.commit_transaction() if is_committed else out.abort_transaction())
            reader = AIOKafkaConsumer(bootstrap_servers=BOOTSTRAP, group_id=name, isolation_level="read_committed")
            await reader.start()
            reader.assign([partition])
            assert await reader.committed(partition) == expected
            await reader.stop()
