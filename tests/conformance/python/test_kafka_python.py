"""kafka-python."""

import threading
import time
from uuid import UUID

import pytest
from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka import errors
from kafka.admin import ConfigResource
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from expect import ACKS, BOOTSTRAP, CODECS, RECORDS, now_ms, payloads, unique, until

LOG_APPEND_TIME = 1


@pytest.fixture(scope="module")
def admin():
    client = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    yield client
    client.close()


def create(admin, topic, partitions=1, **config):
    configs = {key.replace("_", "."): str(value) for key, value in config.items()}
    admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1, "configs": configs}})
    admin.wait_for_topics([topic])
    return topic


def acks_of(text):
    return text if text == "all" else int(text)


def send(topic, values, partition=0, **config):
    """Sends values and returns their metadata, or raises what the broker said."""
    settings = {"acks": "all", "enable_idempotence": False} | config
    out = KafkaProducer(bootstrap_servers=BOOTSTRAP, **settings)
    try:
        futures = [out.send(topic, value, partition=partition) for value in values]
        out.flush(30)
        return [future.get(30) for future in futures]
    finally:
        out.close(5)


def consumer(group=None, **config):
    settings = {"auto_offset_reset": "earliest", "enable_auto_commit": False, "group_id": group}
    return KafkaConsumer(bootstrap_servers=BOOTSTRAP, **settings | config)


def read(reader, count, seconds=30):
    found = []
    deadline = time.monotonic() + seconds
    while len(found) < count:
        assert time.monotonic() < deadline, f"expected {count} records within {seconds} s, got {len(found)}"
        for records in reader.poll(200).values():
            found += records
    return found


def read_all(topic, count, partition=0, **config):
    reader = consumer(**config)
    reader.assign([TopicPartition(topic, partition)])
    reader.seek_to_beginning()
    try:
        return read(reader, count)
    finally:
        reader.close()


def config_of(admin, topic, key):
    return admin.describe_configs([ConfigResource("TOPIC", topic)], config_filter="all")["topic"][topic][key]


# --- admin ---


def test_topic_is_created_with_its_configs(admin, name):
    create(admin, name, 3, retention_ms=12345, cleanup_policy="compact")
    topic = admin.describe_topics([name])[0]
    assert sorted(partition["partition_index"] for partition in topic["partitions"]) == [0, 1, 2]
    assert config_of(admin, name, "retention.ms")["value"] in ("12345", 12345)
    assert config_of(admin, name, "cleanup.policy")["value"] in ("compact", ["compact"])
    by_id = admin.describe_topics([UUID(str(topic["topic_id"]))])[0]
    assert by_id["name"] == name, "expected the topic to be found by its id"


@pytest.mark.parametrize(
    "topic, options, error",
    [
        ("", {"num_partitions": 0}, errors.InvalidPartitionsError),
        ("", {"replication_factor": 9}, errors.InvalidReplicationFactorError),
        ("", {"configs": {"retention.ms": "soon"}}, errors.InvalidConfigurationError),
        ("", {"configs": {"no.such.config": "1"}}, errors.InvalidConfigurationError),
        (" in a name", {}, errors.InvalidTopicError),
        ("", {"assignments": {0: [77]}}, errors.InvalidReplicationAssignmentError),
        ("", {"assignments": {1: [1]}}, errors.InvalidReplicationAssignmentError),
    ],
)
def test_bad_topic_is_refused(admin, name, topic, options, error):
    with pytest.raises(error):
        admin.create_topics({name + topic: options})


def test_existing_topic_is_refused(admin, name):
    create(admin, name)
    with pytest.raises(errors.TopicAlreadyExistsError):
        admin.create_topics({name: {"num_partitions": 1}})


def test_validate_only_creates_nothing(admin, name):
    admin.create_topics({name: {"num_partitions": 1}}, validate_only=True)
    assert name not in admin.list_topics()


def test_broker_defaults_are_used(admin, name):
    answer = admin.create_topics([name])["topics"][0]
    assert (answer["num_partitions"], answer["replication_factor"]) == (1, 1)
    assert answer["configs"]["retention.ms"]["value"] in ("604800000", 604800000)


@pytest.mark.parametrize("incremental", [True, False])
def test_configs_are_altered_and_read_back(admin, name, incremental):
    create(admin, name, retention_ms=1000)

    def alter(configs):
        return admin.alter_configs([ConfigResource("TOPIC", name, configs)], incremental=incremental, raise_on_unknown=False)

    assert alter({"max.message.bytes": "5000"}) == {"topic": {name: "OK"}}
    until(lambda: str(config_of(admin, name, "max.message.bytes")["value"]) == "5000", "max.message.bytes 5000")
    assert str(config_of(admin, name, "retention.ms")["value"]) == "1000"
    assert alter({"max.message.bytes": "many"})["topic"][name] != "OK"
    admin.reset_configs([ConfigResource("TOPIC", name, ["max.message.bytes"])], incremental=incremental)
    until(lambda: str(config_of(admin, name, "max.message.bytes")["value"]) == "1048588", "the default of max.message.bytes")


def test_config_resources_are_listed(admin, name):
    create(admin, name)
    assert name in admin.list_config_resources(["TOPIC"])["topic"]


def test_partitions_are_added(admin, name):
    create(admin, name, 1)
    admin.create_partitions({name: 3})
    until(lambda: len(admin.describe_topics([name])[0]["partitions"]) == 3, "3 partitions")
    with pytest.raises(errors.InvalidPartitionsError):
        admin.create_partitions({name: 3})
    with pytest.raises(errors.InvalidPartitionsError):
        admin.create_partitions({name: 1})


def test_topic_is_deleted(admin, name):
    create(admin, name)
    admin.delete_topics([name])
    until(lambda: name not in admin.list_topics(), f"{name} gone from the list")
    with pytest.raises(errors.UnknownTopicOrPartitionError):
        admin.delete_topics([name])


def test_topic_is_deleted_by_id(admin, name):
    create(admin, name)
    admin.delete_topics([UUID(str(admin.describe_topics([name])[0]["topic_id"]))])
    until(lambda: name not in admin.list_topics(), f"{name} gone from the list")


def test_cluster_is_described(admin):
    cluster = admin.describe_cluster()
    assert [f"{broker['host']}:{broker['port']}" for broker in cluster["brokers"]] == [BOOTSTRAP]
    assert len(cluster["cluster_id"]) == 22


def test_topic_partitions_are_described_page_by_page(admin, name):
    create(admin, name, 5)
    answer = admin.describe_topic_partitions([name], response_partition_limit=2)
    assert name in str(answer)


def test_log_dirs_are_described(admin, name):
    create(admin, name)
    send(name, payloads(50))
    dirs = admin.describe_log_dirs({name: [0]})[0]["log_dirs"]
    sizes = [p["partition_size"] for d in dirs for t in d["topics"] if t["name"] == name for p in t["partitions"]]
    assert len(sizes) == 1 and sizes[0] > 5000, f"expected one partition with its bytes, got {sizes}"


def test_records_are_deleted(admin, name):
    create(admin, name)
    send(name, payloads(10))
    partition = TopicPartition(name, 0)
    assert admin.delete_records({partition: 4})[partition]["low_watermark"] == 4
    assert read_all(name, 6)[0].offset == 4
    with pytest.raises(errors.OffsetOutOfRangeError):
        admin.delete_records({partition: 50})
    assert admin.delete_records({partition: -1})[partition]["low_watermark"] == 10


# --- produce and consume ---


@pytest.mark.parametrize("acks", ACKS)
@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_and_acks(admin, name, codec, acks):
    create(admin, name)
    values = payloads(200)
    sent = send(name, values, acks=acks_of(acks), compression_type=None if codec == "none" else codec, linger_ms=20)
    assert acks == "0" or [metadata.offset for metadata in sent] == list(range(200))
    assert [record.value for record in read_all(name, 200)] == values


def test_keys_headers_and_nulls(admin, name):
    create(admin, name)
    out = KafkaProducer(bootstrap_servers=BOOTSTRAP, enable_idempotence=True)
    # This client refuses a record that has neither key nor value, and a null header.
    records = [r for r in RECORDS if r[:2] != (None, None) and all(value is not None for _, value in r[2])]
    for key, value, headers in records:
        out.send(name, value, key, headers=headers, partition=0).get(30)
    out.close()
    assert [(r.key, r.value, list(r.headers)) for r in read_all(name, len(records))] == records


def test_create_time_is_kept(admin, name):
    create(admin, name)
    out = KafkaProducer(bootstrap_servers=BOOTSTRAP)
    assert out.send(name, b"old", timestamp_ms=1234567890123).get(30).timestamp == 1234567890123
    out.close()
    assert read_all(name, 1)[0].timestamp == 1234567890123


def test_log_append_time(admin, name):
    create(admin, name, message_timestamp_type="LogAppendTime")
    before = now_ms()
    out = KafkaProducer(bootstrap_servers=BOOTSTRAP, compression_type="gzip")
    answered = out.send(name, b"old", timestamp_ms=1234567890123).get(30).timestamp
    out.close()
    record = read_all(name, 1)[0]
    assert record.timestamp_type == LOG_APPEND_TIME
    assert before <= record.timestamp <= now_ms()
    assert answered == record.timestamp, "expected the produce answer to tell the append time"


def test_too_old_and_too_new_records_are_refused(admin, name):
    create(admin, name, message_timestamp_before_max_ms=60000, message_timestamp_after_max_ms=60000)
    out = KafkaProducer(bootstrap_servers=BOOTSTRAP, enable_idempotence=False)
    for off in (-3600_000, 3600_000):
        with pytest.raises(errors.InvalidTimestampError):
            out.send(name, b"off", timestamp_ms=now_ms() + off).get(30)
    assert out.send(name, b"fine", timestamp_ms=now_ms()).get(30).offset == 0
    out.close()


def test_seek(admin, name):
    create(admin, name)
    send(name, payloads(10))
    partition = TopicPartition(name, 0)
    reader = consumer()
    reader.assign([partition])
    for go, offset in [
        (lambda: reader.seek_to_beginning(partition), 0),
        (lambda: reader.seek(partition, 7), 7),
        (lambda: reader.seek_to_beginning(partition), 0),
    ]:
        go()
        assert read(reader, 1)[0].offset == offset
    reader.seek_to_end(partition)
    assert reader.position(partition) == 10
    send(name, [b"after the end"])
    assert read(reader, 1)[0].value == b"after the end"
    reader.close()


def test_offset_out_of_range(admin, name):
    create(admin, name)
    send(name, payloads(3))
    reader = consumer(auto_offset_reset="none")
    reader.assign([TopicPartition(name, 0)])
    reader.seek(TopicPartition(name, 0), 99)

    def refused():
        try:
            reader.poll(500)
        except errors.OffsetOutOfRangeError:
            return True

    until(refused, "OffsetOutOfRangeError for offset 99")
    reader.close()


def test_offsets_for_times(admin, name):
    create(admin, name)
    base = now_ms() - 1000_000
    out = KafkaProducer(bootstrap_servers=BOOTSTRAP)
    for number in range(5):
        out.send(name, b"x", timestamp_ms=base + number * 1000).get(30)
    out.close()
    partition = TopicPartition(name, 0)
    reader = consumer()
    for at, offset in [(base, 0), (base + 1, 1), (base + 4000, 4)]:
        assert reader.offsets_for_times({partition: at})[partition].offset == offset
        assert reader.offsets_for_times({partition: at})[partition].timestamp == base + offset * 1000
    assert reader.offsets_for_times({partition: base + 4001})[partition] is None
    assert reader.beginning_offsets([partition]) == {partition: 0}
    assert reader.end_offsets([partition]) == {partition: 5}
    reader.close()


def test_long_poll_is_woken_by_a_produce(admin, name):
    create(admin, name)
    reader = consumer(fetch_max_wait_ms=20000)
    reader.assign([TopicPartition(name, 0)])
    assert reader.poll(1000) == {}
    sent = time.monotonic()
    send(name, [b"wake up"])
    read(reader, 1)
    assert time.monotonic() - sent < 5, "expected the fetch of 20 s to be woken by the record"
    reader.close()


def test_long_poll_waits_for_min_bytes(admin, name):
    create(admin, name)
    send(name, [b"small"])
    reader = consumer(fetch_max_wait_ms=2000, fetch_min_bytes=1000000)
    reader.assign([TopicPartition(name, 0)])
    started = time.monotonic()
    read(reader, 1)
    waited = time.monotonic() - started
    reader.close()
    assert 1.9 < waited < 8, f"expected the fetch to wait its 2 s for fetch_min_bytes, it took {waited:.2f} s"


def test_large_messages(admin, name):
    create(admin, name, max_message_bytes=500000)
    assert send(name, [b"x" * 490000], max_request_size=2000000)[0].offset == 0
    with pytest.raises(errors.MessageSizeTooLargeError):
        send(name, [b"x" * 510000], max_request_size=2000000)
    assert len(read_all(name, 1, max_partition_fetch_bytes=1000)[0].value) == 490000


# --- groups ---


class Revoked(ConsumerRebalanceListener):
    def __init__(self):
        self.partitions = []

    def on_partitions_revoked(self, revoked):
        self.partitions += [partition.partition for partition in revoked]

    def on_partitions_assigned(self, assigned):
        pass


class Member:
    """A consumer polled by its own thread: this client rebalances only inside poll."""

    def __init__(self, group, topic, **config):
        self.listener = Revoked()
        self.reader = consumer(group, heartbeat_interval_ms=300, **config)
        self.reader.subscribe([topic], listener=self.listener)
        self.assignment, self.failure, self.stopping = [], None, threading.Event()
        self.thread = threading.Thread(target=self.poll)
        self.thread.start()

    def poll(self):
        try:
            while not self.stopping.is_set():
                self.reader.poll(100)
                self.assignment = sorted(partition.partition for partition in self.reader.assignment())
        except errors.KafkaError as failure:
            self.failure = failure

    def close(self):
        self.stopping.set()
        self.thread.join(60)
        self.reader.close(autocommit=False, timeout_ms=10000)


@pytest.fixture
def member(name):
    """Makes members of the test's group and closes whoever is left."""
    members = []

    def make(**config):
        members.append(Member(name, name, **config))
        return members[-1]

    yield make
    for left in members:
        if not left.stopping.is_set():
            left.close()


def spread(members, partitions, seconds=40):
    def settled():
        owned = [one.assignment for one in members]
        return owned if sorted(sum(owned, [])) == list(range(partitions)) and all(owned) else None

    return until(settled, f"{partitions} partitions spread over {len(members)} members", seconds)


def test_group_join_and_leave(admin, name, member):
    create(admin, name, 4)
    first = member()
    spread([first], 4)
    second = member()
    assert [len(owned) for owned in spread([first, second], 4)] == [2, 2]
    group = until(lambda: stable(admin, name), "a stable group")
    assert (group["protocol_type"], len(group["members"])) == ("consumer", 2)
    assert name in [listed["group_id"] for listed in admin.list_groups()]
    assert admin.delete_groups([name]) == {name: "NonEmptyGroupError"}
    second.close()
    assert spread([first], 4) == [[0, 1, 2, 3]]
    first.close()
    until(lambda: admin.delete_groups([name]) == {name: "OK"}, "the empty group deleted")
    assert admin.delete_groups([name]) == {name: "GroupIdNotFoundError"}


def stable(admin, group):
    found = admin.describe_groups([group])[group]
    return found if found["group_state"] == "Stable" else None


def test_static_member_comes_back_without_a_rebalance(admin, name, member):
    create(admin, name, 4)
    first = member(group_instance_id="first")
    second = member(group_instance_id="second")
    before = spread([first, second], 4)
    instances = [one["group_instance_id"] for one in until(lambda: stable(admin, name), "a stable group")["members"]]
    assert sorted(instances) == ["first", "second"]
    first.listener.partitions.clear()
    second.close()
    again = member(group_instance_id="second")
    assert spread([first, again], 4) == before
    assert first.listener.partitions == [], "expected no rebalance for a static member that came back"


def test_second_holder_of_an_instance_id_fences_the_first(admin, name, member, caplog):
    create(admin, name, 2)
    first = member(group_instance_id="same")
    spread([first], 2)
    second = member(group_instance_id="same")
    # This client's heartbeat thread logs the error, and the next join raises it.
    until(lambda: "fenced" in caplog.text or isinstance(first.failure, errors.FencedInstanceIdError), "the first holder fenced")
    spread([second], 2)


def test_cooperative_members_keep_what_they_have(admin, name, member):
    create(admin, name, 4)
    first = member(partition_assignment_strategy=[CooperativeStickyAssignor])
    spread([first], 4)
    second = member(partition_assignment_strategy=[CooperativeStickyAssignor])
    owned = spread([first, second], 4)
    assert [len(partitions) for partitions in owned] == [2, 2]
    assert sorted(first.listener.partitions) == owned[1], "expected only the moved partitions to be revoked"


def test_commits_are_fetched(admin, name):
    create(admin, name, 2)
    send(name, payloads(10))
    one, two = TopicPartition(name, 0), TopicPartition(name, 1)
    reader = consumer(name)
    reader.assign([one, two])
    read(reader, 10)
    reader.commit({one: OffsetAndMetadata(6, "six", -1), two: OffsetAndMetadata(3, "", -1)})
    reader.close()
    reader = consumer(name)
    reader.assign([one])
    assert reader.committed(one, metadata=True).metadata == "six"
    assert read(reader, 1)[0].offset == 6
    reader.close()
    assert {p.partition: o.offset for p, o in admin.list_group_offsets(name)[name].items()} == {0: 6, 1: 3}
    admin.alter_group_offsets(name, {one: OffsetAndMetadata(1, "", -1)})
    assert admin.list_group_offsets({name: [one]})[name][one].offset == 1
    admin.delete_group_offsets(name, [one])
    assert one not in {p: o for p, o in admin.list_group_offsets(name)[name].items() if o.offset >= 0}


def test_commit_above_the_metadata_limit_is_refused(admin, name):
    create(admin, name)
    reader = consumer(name)
    reader.assign([TopicPartition(name, 0)])
    with pytest.raises(errors.OffsetMetadataTooLargeError):
        reader.commit({TopicPartition(name, 0): OffsetAndMetadata(1, "m" * 5000, -1)})
    reader.close()


# --- under load ---


def test_topic_deletion_under_load(admin, name):
    neighbour, doomed = create(admin, name + "-stays"), create(admin, name + "-goes")
    stop, acked = threading.Event(), []

    def load():
        out = KafkaProducer(bootstrap_servers=BOOTSTRAP, delivery_timeout_ms=10000, request_timeout_ms=5000, max_block_ms=5000)
        while not stop.is_set():
            try:
                out.send(doomed, b"x", partition=0)
            except errors.KafkaError:
                pass
            acked.append(out.send(neighbour, b"%d" % len(acked), partition=0).get(30).offset)
        out.close(20)

    thread = threading.Thread(target=load)
    thread.start()
    until(lambda: len(acked) > 100, "100 acknowledged records")
    admin.delete_topics([doomed])
    mark = len(acked)
    until(lambda: len(acked) > mark + 100, "the neighbour to go on", 60)
    stop.set()
    thread.join(60)
    assert acked == list(range(len(acked))), "expected the neighbour to lose nothing"
    assert [r.value for r in read_all(neighbour, len(acked))] == [b"%d" % number for number in range(len(acked))]
    assert unique(name) not in admin.list_topics()


def visible(topic, isolation):
    reader = consumer(isolation_level=isolation, auto_offset_reset="earliest")
    partition = TopicPartition(topic, 0)
    reader.assign([partition])
    end, values = reader.end_offsets([partition])[partition], []
    while reader.position(partition) < end:
        for records in reader.poll(timeout_ms=1000).values():
            values.extend(record.value for record in records)
    reader.close()
    return values


def test_transactions_are_all_or_nothing(admin, name):
    create(admin, name)
    out = KafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id=f"{name}-id")
    out.init_transactions()
    for value, is_committed in [(b"one", True), (b"two", False), (b"three", True)]:
        out.begin_transaction()
        out.send(name, value, partition=0).get(timeout=30)
        (out.commit_transaction if is_committed else out.abort_transaction)()
    out.close()
    assert visible(name, "read_committed") == [b"one", b"three"]
    assert visible(name, "read_uncommitted") == [b"one", b"two", b"three"]


def test_a_second_producer_fences_the_first(admin, name):
    create(admin, name)
    first, second = (KafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id=f"{name}-id") for _ in range(2))
    first.init_transactions()
    first.begin_transaction()
    first.send(name, b"first", partition=0).get(timeout=30)
    second.init_transactions()
    with pytest.raises(errors.KafkaError):
        first.commit_transaction()
    second.begin_transaction()
    second.send(name, b"second", partition=0).get(timeout=30)
    second.commit_transaction()
    first.close(timeout=1)
    second.close()
    assert visible(name, "read_committed") == [b"second"]
