"""confluent-kafka, the Python face of librdkafka."""

import threading
import time

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    TIMESTAMP_CREATE_TIME,
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from expect import ACKS, BOOTSTRAP, CODECS, RECORDS, now_ms, payloads, unique, until

COMMON = {"bootstrap.servers": BOOTSTRAP}


@pytest.fixture(scope="module")
def admin():
    return AdminClient(COMMON)


def one(futures):
    """The answer of an admin call about one thing."""
    return next(iter(futures.values())).result(timeout=30)


def refused(futures):
    with pytest.raises(KafkaException) as refusal:
        one(futures)
    return refusal.value.args[0]


def create(admin, topic, partitions=1, **config):
    configs = {key.replace("_", "."): str(value) for key, value in config.items()}
    one(admin.create_topics([NewTopic(topic, partitions, 1, config=configs)]))
    until(lambda: partitions_of(admin, topic) == partitions, f"metadata shows {partitions} partitions of {topic}")
    return topic


def partitions_of(admin, topic):
    found = admin.list_topics(topic, timeout=10).topics[topic]
    return 0 if found.error else len(found.partitions)


def producer(**config):
    return Producer(COMMON | {key.replace("_", "."): value for key, value in config.items()})


def consumer(group=None, **config):
    settings = {"group.id": group or unique("reader"), "auto.offset.reset": "earliest", "enable.auto.commit": False}
    given = {key if key == "error_cb" else key.replace("_", "."): value for key, value in config.items()}
    return Consumer(COMMON | settings | given)


def send(topic, values, partition=0, **config):
    """Sends values and returns the delivery reports."""
    reports = []
    out = producer(**config)
    for value in values:
        out.produce(topic, value, partition=partition, on_delivery=lambda error, message: reports.append((error, message)))
    assert out.flush(30) == 0, "expected every record to be delivered within 30 s"
    return reports


def read(reader, count, seconds=30):
    """Exactly `count` messages of a reader that is assigned or subscribed."""
    found = []
    deadline = time.monotonic() + seconds
    while len(found) < count:
        assert time.monotonic() < deadline, f"expected {count} records within {seconds} s, got {len(found)}"
        message = reader.poll(0.2)
        if message is None:
            continue
        assert message.error() is None, f"expected a record, got {message.error()}"
        found.append(message)
    return found


def read_all(topic, count, partition=0, offset=OFFSET_BEGINNING, **config):
    reader = consumer(**config)
    reader.assign([TopicPartition(topic, partition, offset)])
    try:
        return read(reader, count)
    finally:
        reader.close()


# --- admin ---


def test_topic_is_created_with_its_configs(admin, name):
    create(admin, name, 3, retention_ms=12345, cleanup_policy="compact")
    described = admin.list_topics(name, timeout=10).topics[name]
    assert sorted(described.partitions) == [0, 1, 2]
    assert all(len(p.replicas) == 1 and p.leader == p.replicas[0] for p in described.partitions.values())
    configs = one(admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]))
    assert configs["retention.ms"].value == "12345"
    assert configs["retention.ms"].source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    assert configs["cleanup.policy"].value == "compact"
    assert configs["segment.bytes"].value == "1073741824"
    assert configs["segment.bytes"].is_default
    assert not configs["segment.bytes"].is_read_only


@pytest.mark.parametrize(
    "partitions, replicas, config, code",
    [
        (0, 1, {}, KafkaError.INVALID_PARTITIONS),
        (1, 100, {}, KafkaError.INVALID_REPLICATION_FACTOR),
        (1, 1, {"retention.ms": "soon"}, KafkaError.INVALID_CONFIG),
        (1, 1, {"no.such.config": "1"}, KafkaError.INVALID_CONFIG),
        (1, 1, {"cleanup.policy": "burn"}, KafkaError.INVALID_CONFIG),
    ],
)
def test_bad_topic_is_refused(admin, name, partitions, replicas, config, code):
    error = refused(admin.create_topics([NewTopic(name, partitions, replicas, config=config)]))
    assert error.code() == code, f"expected {code}, got {error}"
    assert error.str(), "expected a message with the error code"


@pytest.mark.parametrize("topic", ["with space", "slash/ed", "x" * 250, ".", ".."])
def test_bad_topic_name_is_refused(admin, topic):
    assert refused(admin.create_topics([NewTopic(topic, 1, 1)])).code() == KafkaError.TOPIC_EXCEPTION


def test_existing_and_colliding_topic_is_refused(admin, name):
    create(admin, name + ".a")
    assert refused(admin.create_topics([NewTopic(name + ".a", 1, 1)])).code() == KafkaError.TOPIC_ALREADY_EXISTS
    assert refused(admin.create_topics([NewTopic(name + "_a", 1, 1)])).code() == KafkaError.TOPIC_EXCEPTION


def test_validate_only_creates_nothing(admin, name):
    one(admin.create_topics([NewTopic(name, 1, 1)], validate_only=True))
    assert name not in admin.list_topics(timeout=10).topics


def test_configs_are_altered_and_read_back(admin, name):
    create(admin, name, cleanup_policy="delete", segment_bytes=2097152)

    def alter(entry):
        one(admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])]))

    def config(key):
        return one(admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]))[key].value

    alter(ConfigEntry("max.message.bytes", "2000000", incremental_operation=AlterConfigOpType.SET))
    until(lambda: config("max.message.bytes") == "2000000", "max.message.bytes set to 2000000")
    alter(ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.APPEND))
    until(lambda: config("cleanup.policy") == "delete,compact", "cleanup.policy delete,compact")
    alter(ConfigEntry("cleanup.policy", "delete", incremental_operation=AlterConfigOpType.SUBTRACT))
    until(lambda: config("cleanup.policy") == "compact", "cleanup.policy compact")
    alter(ConfigEntry("segment.bytes", None, incremental_operation=AlterConfigOpType.DELETE))
    until(lambda: config("segment.bytes") == "1073741824", "segment.bytes back at its default")
    bad = ConfigEntry("max.message.bytes", "-5", incremental_operation=AlterConfigOpType.SET)
    error = refused(admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, name, incremental_configs=[bad])]))
    assert error.code() == KafkaError.INVALID_CONFIG


def test_configs_of_an_unknown_topic(admin, name):
    error = refused(admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]))
    assert error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_partitions_are_added(admin, name):
    create(admin, name, 1)
    one(admin.create_partitions([NewPartitions(name, 4)]))
    until(lambda: partitions_of(admin, name) == 4, "4 partitions")
    assert refused(admin.create_partitions([NewPartitions(name, 2)])).code() == KafkaError.INVALID_PARTITIONS
    unknown = admin.create_partitions([NewPartitions(unique("nowhere"), 2)])
    assert refused(unknown).code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    send(name, [b"in the new one"], partition=3)
    assert read_all(name, 1, partition=3)[0].value() == b"in the new one"


def test_topic_is_deleted(admin, name):
    create(admin, name)
    one(admin.delete_topics([name]))
    until(lambda: name not in admin.list_topics(timeout=10).topics, f"{name} gone from metadata")
    assert refused(admin.delete_topics([name])).code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_cluster_is_described(admin):
    cluster = admin.describe_cluster().result(timeout=10)
    assert len(cluster.cluster_id) == 22, f"expected a 22 character cluster id, got {cluster.cluster_id!r}"
    assert [f"{node.host}:{node.port}" for node in cluster.nodes] == [BOOTSTRAP]
    assert cluster.controller.id in [node.id for node in cluster.nodes]
    broker = ConfigResource(ResourceType.BROKER, str(cluster.nodes[0].id))
    assert one(admin.describe_configs([broker]))["log.retention.hours"].value == "168"


def test_records_are_deleted(admin, name):
    create(admin, name)
    send(name, payloads(10))
    assert one(admin.delete_records([TopicPartition(name, 0, 4)])).low_watermark == 4
    assert read_all(name, 6)[0].offset() == 4
    assert refused(admin.delete_records([TopicPartition(name, 0, 11)])).code() == KafkaError.OFFSET_OUT_OF_RANGE


# --- produce and consume ---


@pytest.mark.parametrize("acks", ACKS)
@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_and_acks(admin, name, codec, acks):
    create(admin, name)
    values = payloads(200)
    reports = send(name, values, compression_type=codec, acks=acks, linger_ms=20)
    assert [error for error, _ in reports if error] == []
    assert [message.value() for message in read_all(name, 200)] == values


@pytest.mark.parametrize("codec", CODECS)
def test_broker_recompresses(admin, name, codec):
    create(admin, name, compression_type="uncompressed" if codec == "none" else codec)
    values = payloads(100)
    for sent in ("gzip", "none"):
        send(name, values, compression_type=sent, linger_ms=20)
    assert [message.value() for message in read_all(name, 200)] == values + values


def test_keys_headers_and_nulls(admin, name):
    create(admin, name)
    out = producer(enable_idempotence=True)
    for key, value, headers in RECORDS:
        out.produce(name, value, key, partition=0, headers=headers)
    assert out.flush(30) == 0
    found = [(m.key(), m.value(), m.headers() or []) for m in read_all(name, len(RECORDS))]
    assert found == RECORDS


def test_idempotent_producer_keeps_order(admin, name):
    create(admin, name)
    values = payloads(5000)
    reports = send(name, values, enable_idempotence=True, batch_num_messages=50, linger_ms=0)
    assert [message.offset() for _, message in reports] == list(range(5000))
    assert [message.value() for message in read_all(name, 5000)] == values


def test_create_time_is_kept(admin, name):
    create(admin, name)
    out = producer()
    out.produce(name, b"old", partition=0, timestamp=1234567890123)
    assert out.flush(30) == 0
    assert read_all(name, 1)[0].timestamp() == (TIMESTAMP_CREATE_TIME, 1234567890123)


def test_log_append_time(admin, name):
    create(admin, name, message_timestamp_type="LogAppendTime")
    before = now_ms()
    out = producer(compression_type="lz4")
    out.produce(name, b"old", partition=0, timestamp=1234567890123)
    assert out.flush(30) == 0
    kind, when = read_all(name, 1)[0].timestamp()
    assert kind == TIMESTAMP_LOG_APPEND_TIME
    assert before <= when <= now_ms(), f"expected the broker's clock, got {when}"


def test_seek(admin, name):
    create(admin, name)
    send(name, payloads(10))
    reader = consumer()
    reader.assign([TopicPartition(name, 0, OFFSET_BEGINNING)])
    assert [m.offset() for m in read(reader, 10)] == list(range(10))
    for offset, first in [(7, 7), (OFFSET_BEGINNING, 0), (3, 3)]:
        reader.seek(TopicPartition(name, 0, offset))
        assert read(reader, 1)[0].offset() == first
    reader.seek(TopicPartition(name, 0, OFFSET_END))

    def after_the_end():
        # The seek resolves in the background, so records are sent until it shows one.
        send(name, [b"after the end"])
        return reader.poll(0.2)

    found = until(after_the_end, "a record sent after the seek to the end")
    assert (found.value(), found.offset() >= 10) == (b"after the end", True)
    low, high = reader.get_watermark_offsets(TopicPartition(name, 0), timeout=10)
    assert (low, high > found.offset()) == (0, True)
    reader.close()


def test_offset_out_of_range(admin, name):
    create(admin, name)
    send(name, payloads(3))
    reader = consumer(auto_offset_reset="error")
    reader.assign([TopicPartition(name, 0, 99)])
    message = until(lambda: reader.poll(0.5), "an error about offset 99")
    assert message.error().code() == KafkaError._AUTO_OFFSET_RESET, message.error()
    reader.close()


def test_offsets_for_times(admin, name):
    create(admin, name)
    out = producer()
    base = now_ms() - 1000_000
    for number in range(5):
        out.produce(name, b"x", partition=0, timestamp=base + number * 1000)
        assert out.flush(30) == 0
    reader = consumer()
    for at, offset in [(base, 0), (base + 1, 1), (base + 4000, 4), (base + 4001, OFFSET_END)]:
        answer = reader.offsets_for_times([TopicPartition(name, 0, at)], timeout=10)[0]
        assert answer.offset == offset, f"expected offset {offset} for {at - base} ms, got {answer}"
    reader.close()
    wanted = [(OffsetSpec.earliest(), 0), (OffsetSpec.latest(), 5), (OffsetSpec.max_timestamp(), 4)]
    for spec, offset in wanted:
        assert one(admin.list_offsets({TopicPartition(name, 0): spec})).offset == offset


def test_long_poll_is_woken_by_a_produce(admin, name):
    create(admin, name)
    reader = consumer(fetch_wait_max_ms=20000, socket_timeout_ms=60000)
    reader.assign([TopicPartition(name, 0, 0)])
    assert reader.poll(1.0) is None
    sent = time.monotonic()
    send(name, [b"wake up"])
    read(reader, 1)
    assert time.monotonic() - sent < 5, "expected the fetch of 20 s to be woken by the record"
    reader.close()


def test_long_poll_waits_for_min_bytes(admin, name):
    create(admin, name)
    send(name, [b"small"])
    started = time.monotonic()
    reader = consumer(fetch_wait_max_ms=2000, fetch_min_bytes=1000000)
    reader.assign([TopicPartition(name, 0, 0)])
    read(reader, 1)
    waited = time.monotonic() - started
    reader.close()
    assert 1.9 < waited < 8, f"expected the fetch to wait its 2 s for fetch.min.bytes, it took {waited:.2f} s"


def test_large_messages(admin, name):
    create(admin, name, max_message_bytes=500000)
    error, _ = send(name, [b"x" * 490000], message_max_bytes=2000000)[0]
    assert error is None, error
    error, _ = send(name, [b"x" * 510000], message_max_bytes=2000000)[0]
    assert error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE
    assert len(read_all(name, 1, max_partition_fetch_bytes=1000)[0].value()) == 490000


def test_unknown_topic_and_partition(admin, name):
    create(admin, name)
    reader = consumer(allow_auto_create_topics=False)
    nowhere = unique("nowhere")
    reader.subscribe([nowhere])
    message = until(lambda: reader.poll(0.5), "an error about the unknown topic")
    assert message.error().code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    assert nowhere not in admin.list_topics(timeout=10).topics
    reader.close()


def test_topic_is_auto_created_by_a_producer(admin, name):
    assert [error for error, _ in send(name, [b"first"], partition=-1)] == [None]
    assert partitions_of(admin, name) == 1


# --- groups ---


def joined(readers, topic, partitions, seconds=40):
    """Polls all readers until every partition has exactly one owner and no reader is idle."""

    def settled():
        for reader in readers:
            reader.poll(0.05)
        owned = [sorted(p.partition for p in reader.assignment() if p.topic == topic) for reader in readers]
        return owned if sorted(sum(owned, [])) == list(range(partitions)) and all(owned) else None

    return until(settled, f"{partitions} partitions spread over {len(readers)} members", seconds)


def test_group_join_and_leave(admin, name):
    create(admin, name, 4)
    first, second = consumer(name), consumer(name)
    first.subscribe([name])
    joined([first], name, 4)
    second.subscribe([name])
    assert [len(owned) for owned in joined([first, second], name, 4)] == [2, 2]
    group = one(admin.describe_consumer_groups([name]))
    assert group.state.name == "STABLE" and group.partition_assignor == "range" and len(group.members) == 2
    listed = admin.list_consumer_groups().result(timeout=10).valid
    assert name in [listing.group_id for listing in listed]
    assert refused(admin.delete_consumer_groups([name])).code() == KafkaError.NON_EMPTY_GROUP
    second.close()
    assert joined([first], name, 4) == [[0, 1, 2, 3]]
    first.close()
    until(lambda: one(admin.describe_consumer_groups([name])).state.name == "EMPTY", "an empty group")
    one(admin.delete_consumer_groups([name]))
    assert refused(admin.delete_consumer_groups([name])).code() == KafkaError.GROUP_ID_NOT_FOUND


def test_static_member_comes_back_without_a_rebalance(admin, name):
    create(admin, name, 4)
    rebalances = []
    settings = {"session_timeout_ms": 30000, "heartbeat_interval_ms": 300}
    first = consumer(name, group_instance_id="first", **settings)
    first.subscribe([name], on_revoke=lambda reader, lost: rebalances.append(lost))
    second = consumer(name, group_instance_id="second", **settings)
    second.subscribe([name])
    before = joined([first, second], name, 4)
    members = one(admin.describe_consumer_groups([name])).members
    assert sorted(member.group_instance_id for member in members) == ["first", "second"]
    rebalances.clear()
    second.close()
    again = consumer(name, group_instance_id="second", **settings)
    again.subscribe([name])
    assert joined([first, again], name, 4) == before
    assert rebalances == [], "expected no rebalance for a static member that came back"
    again.close()
    first.close()


def test_second_holder_of_an_instance_id_fences_the_first(admin, name):
    create(admin, name, 2)
    errors = []
    settings = {"group_instance_id": "same", "heartbeat_interval_ms": 300}
    first = consumer(name, error_cb=errors.append, **settings)
    first.subscribe([name])
    joined([first], name, 2)
    second = consumer(name, **settings)
    second.subscribe([name])

    def fenced():
        second.poll(0.05)
        message = first.poll(0.05)
        seen = errors + ([message.error()] if message is not None and message.error() else [])
        return [error for error in seen if error.code() in (KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID)]

    until(fenced, "the first holder to be fenced")
    joined([second], name, 2)
    second.close()
    first.close()


def test_cooperative_members_keep_what_they_have(admin, name):
    create(admin, name, 4)
    revoked = []
    first = consumer(name, partition_assignment_strategy="cooperative-sticky")
    first.subscribe([name], on_revoke=lambda reader, lost: revoked.extend(lost))
    joined([first], name, 4)
    second = consumer(name, partition_assignment_strategy="cooperative-sticky")
    second.subscribe([name])
    owned = joined([first, second], name, 4)
    assert [len(partitions) for partitions in owned] == [2, 2]
    assert sorted(lost.partition for lost in revoked) == owned[1], "expected only the moved partitions to be revoked"
    second.close()
    first.close()


@pytest.mark.parametrize("assignor", ["uniform", "range"])
def test_members_of_the_consumer_protocol_share_a_topic(admin, name, assignor):
    create(admin, name, 4)
    revoked = []
    settings = {"group_protocol": "consumer", "group_remote_assignor": assignor}
    first = consumer(name, **settings)
    first.subscribe([name], on_revoke=lambda reader, lost: revoked.extend(lost))
    joined([first], name, 4, 60)
    second = consumer(name, **settings)
    second.subscribe([name])
    owned = joined([first, second], name, 4, 60)
    assert [len(partitions) for partitions in owned] == [2, 2]
    assert sorted(lost.partition for lost in revoked) == owned[1], "expected only the moved partitions to be revoked"
    group = one(admin.describe_consumer_groups([name]))
    assert group.type.name == "CONSUMER" and group.partition_assignor == assignor and len(group.members) == 2
    second.close()
    joined([first], name, 4, 60)
    first.close()


def test_a_regular_expression_of_the_consumer_protocol(admin, name):
    create(admin, name, 2)
    reader = consumer(name, group_protocol="consumer")
    reader.subscribe([f"^{name}.*"])
    joined([reader], name, 2, 60)
    reader.close()


def test_members_of_both_protocols_share_a_group(admin, name):
    create(admin, name, 4)
    classic = consumer(name, partition_assignment_strategy="cooperative-sticky", heartbeat_interval_ms=300)
    classic.subscribe([name])
    joined([classic], name, 4)
    modern = consumer(name, group_protocol="consumer")
    modern.subscribe([name])
    assert [len(owned) for owned in joined([classic, modern], name, 4, 60)] == [2, 2]
    assert one(admin.describe_consumer_groups([name])).type.name == "CONSUMER"
    modern.close()
    joined([classic], name, 4, 60)
    assert one(admin.describe_consumer_groups([name])).type.name == "CLASSIC"
    classic.close()


def test_commits_are_fetched(admin, name):
    create(admin, name, 2)
    send(name, payloads(10))
    reader = consumer(name)
    reader.subscribe([name])
    last = read(reader, 6)[-1]
    reader.commit(message=last, asynchronous=False)
    stored = [TopicPartition(name, 1, 3, metadata="by hand")]
    reader.commit(offsets=stored, asynchronous=False)
    reader.close()
    reader = consumer(name)
    committed = reader.committed([TopicPartition(name, 0), TopicPartition(name, 1)], timeout=10)
    assert [(c.offset, c.metadata) for c in committed][1] == (3, "by hand")
    assert committed[0].offset == 6
    reader.subscribe([name])
    assert read(reader, 1)[0].offset() == 6
    reader.close()
    request = ConsumerGroupTopicPartitions(name, [TopicPartition(name, 0, 2)])
    until(lambda: one(admin.describe_consumer_groups([name])).state.name == "EMPTY", "an empty group")
    one(admin.alter_consumer_group_offsets([request]))
    answer = one(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)]))
    assert {p.partition: p.offset for p in answer.topic_partitions} == {0: 2, 1: 3}


def test_auto_commit_on_close(admin, name):
    create(admin, name)
    send(name, payloads(5))
    reader = consumer(name, enable_auto_commit=True)
    reader.subscribe([name])
    read(reader, 5)
    reader.close()
    reader = consumer(name)
    assert reader.committed([TopicPartition(name, 0)], timeout=10)[0].offset == 5
    reader.close()


# --- under load ---


def test_topic_deletion_under_load(admin, name):
    neighbour = create(admin, name + "-stays")
    doomed = create(admin, name + "-goes")
    stop, reports = threading.Event(), []

    def load():
        out = producer(message_timeout_ms=10000)
        sent = 0
        while not stop.is_set():
            for topic in (neighbour, doomed):
                out.produce(topic, b"%d" % sent, partition=0, on_delivery=lambda error, m: reports.append((m.topic(), error)))
            sent += 1
            out.poll(0.001)
        out.flush(30)

    thread = threading.Thread(target=load)
    thread.start()
    until(lambda: len(reports) > 500, "500 delivery reports")
    one(admin.delete_topics([doomed]))
    mark = len(reports)
    until(lambda: sum(topic == neighbour for topic, _ in reports[mark:]) > 500, "the neighbour to go on")
    stop.set()
    thread.join(60)
    stays = [error for topic, error in reports if topic == neighbour]
    assert [error for error in stays if error] == [], "expected the neighbour to lose nothing"
    assert len(read_all(neighbour, len(stays))) == len(stays)


def transactional(name, **config):
    out = producer(transactional_id=f"{name}-id", transaction_timeout_ms=20_000, **config)
    out.init_transactions(30)
    return out


def visible(topic, isolation, partitions=1):
    """What a reader of this isolation level finds up to the end of every partition."""
    reader = Consumer(COMMON | {"group.id": unique("reader"), "isolation.level": isolation, "enable.partition.eof": True})
    reader.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)])
    values, ends = [], 0
    while ends < partitions:
        message = reader.poll(30)
        assert message is not None, "expected the end of the partition"
        if message.error() is None:
            values.append(message.value())
        else:
            ends += 1
    reader.close()
    return sorted(values)


def test_transactions_are_all_or_nothing(admin, name):
    create(admin, name, 2)
    out = transactional(name)
    for round_, is_committed in enumerate([True, False, True]):
        out.begin_transaction()
        for partition in range(2):
            out.produce(name, b"%d-%d" % (round_, partition), partition=partition)
        assert out.flush(30) == 0
        assert visible(name, "read_committed", 2) == [b"%d-%d" % (done, p) for done in range(0, round_, 2) for p in range(2)]
        (out.commit_transaction if is_committed else out.abort_transaction)(30)
    assert visible(name, "read_committed", 2) == [b"0-0", b"0-1", b"2-0", b"2-1"]
    assert len(visible(name, "read_uncommitted", 2)) == 6


def test_a_second_producer_fences_the_first(admin, name):
    create(admin, name)
    first = transactional(name)
    first.begin_transaction()
    first.produce(name, b"first", partition=0)
    assert first.flush(30) == 0
    second = transactional(name)
    with pytest.raises(KafkaException) as refusal:
        first.commit_transaction(30)
    assert refusal.value.args[0].fatal() and refusal.value.args[0].code() in (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH)
    second.begin_transaction()
    second.produce(name, b"second", partition=0)
    second.commit_transaction(30)
    assert visible(name, "read_committed") == [b"second"]


def test_offsets_move_with_their_transaction(admin, name):
    create(admin, name)
    result = create(admin, f"{name}-out")
    send(name, payloads(30))
    out = transactional(name)
    for is_committed, expected in [(False, 0), (True, 10), (False, 10), (True, 20)]:
        reader = Consumer(COMMON | {"group.id": name, "isolation.level": "read_committed", "auto.offset.reset": "earliest", "enable.auto.commit": False})
        reader.assign([TopicPartition(name, 0, max(0, reader.committed([TopicPartition(name, 0)], 30)[0].offset))])
        out.begin_transaction()
        for message in reader.consume(10, 30):
            out.produce(result, message.value(), partition=0)
        out.send_offsets_to_transaction(reader.position(reader.assignment()), reader.consumer_group_metadata(), 30)
        (out.commit_transaction if is_committed else out.abort_transaction)(30)
        committed = reader.committed([TopicPartition(name, 0)], 30)[0].offset
        reader.close()
        assert max(0, committed) == expected
    assert visible(result, "read_committed") == sorted(payloads(30)[:20])
