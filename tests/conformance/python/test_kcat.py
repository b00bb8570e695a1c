"""kcat, as a person at a shell uses it.

kcat makes no topics of its own, so that confluent-kafka's admin client makes and deletes them here.
"""

import json
import subprocess
import time

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from expect import ACKS, BOOTSTRAP, CODECS, now_ms, payloads, unique, until


@pytest.fixture(scope="module")
def admin():
    return AdminClient({"bootstrap.servers": BOOTSTRAP})


def create(admin, topic, partitions=1, **config):
    configs = {key.replace("_", "."): str(value) for key, value in config.items()}
    for future in admin.create_topics([NewTopic(topic, partitions, 1, config=configs)]).values():
        future.result(timeout=30)
    until(lambda: len(metadata(topic)["partitions"]) == partitions, f"metadata shows {topic}")
    return topic


def kcat(*arguments, stdin=b"", seconds=60, succeeds=True):
    """Runs kcat and returns what it printed."""
    done = subprocess.run(["kcat", "-b", BOOTSTRAP, *arguments], input=stdin, capture_output=True, timeout=seconds)
    if succeeds:
        assert done.returncode == 0, f"expected kcat {arguments} to succeed: {done.stderr.decode()}"
        return done.stdout
    assert done.returncode != 0, f"expected kcat {arguments} to fail, it printed {done.stdout!r}"
    return done.stderr


def metadata(topic):
    return json.loads(kcat("-L", "-J", "-t", topic))["topics"][0]


def read(topic, *arguments):
    """All records of a topic, from the start to the end."""
    return kcat("-C", "-t", topic, "-e", "-q", *arguments)


def send(topic, lines, *arguments):
    kcat("-P", "-t", topic, *arguments, stdin=b"\n".join(lines))


def test_metadata(admin, name):
    create(admin, name, 3)
    told = json.loads(kcat("-L", "-J"))
    assert [broker["name"] for broker in told["brokers"]] == [BOOTSTRAP]
    assert told["controllerid"] in [broker["id"] for broker in told["brokers"]]
    partitions = metadata(name)["partitions"]
    assert [(p["partition"], len(p["replicas"]), len(p["isrs"])) for p in partitions] == [(n, 1, 1) for n in range(3)]


@pytest.mark.parametrize("acks", ACKS)
@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_and_acks(admin, name, codec, acks):
    create(admin, name)
    lines = payloads(200)
    send(name, lines, "-z", codec, "-X", f"acks={acks}")
    assert read(name).splitlines() == lines


def test_idempotent_producer(admin, name):
    create(admin, name)
    lines = payloads(1000)
    send(name, lines, "-X", "enable.idempotence=true", "-X", "batch.num.messages=20")
    assert read(name).splitlines() == lines


def test_keys_headers_and_nulls(admin, name):
    create(admin, name)
    send(name, [b"k1:v1", b":null key", b"null value:"], "-K:", "-Z", "-H", "one=1", "-H", "two=2")
    lines = read(name, "-Z", "-f", "%k|%K|%s|%S|%h\n").splitlines()
    assert lines == [b"k1|2|v1|2|one=1,two=2", b"NULL|-1|null key|8|one=1,two=2", b"null value|10|NULL|-1|one=1,two=2"]


def test_json_envelope(admin, name):
    create(admin, name, 2)
    before = now_ms()
    send(name, [b"hello"], "-k", "key", "-p", "1")
    record = json.loads(read(name, "-J"))
    assert (record["topic"], record["partition"], record["offset"]) == (name, 1, 0)
    assert (record["key"], record["payload"], record["tstype"]) == ("key", "hello", "create")
    assert before <= record["ts"] <= now_ms()


def test_log_append_time(admin, name):
    create(admin, name, message_timestamp_type="LogAppendTime")
    send(name, [b"hello"])
    assert json.loads(read(name, "-J"))["tstype"] == "logappend"


def test_partitions_by_key(admin, name):
    create(admin, name, 4)
    send(name, [b"%d:x" % number for number in range(100)], "-K:", "-X", "topic.partitioner=murmur2")
    partitions = {int(line) for line in read(name, "-f", "%p\n").splitlines()}
    assert partitions == {0, 1, 2, 3}


@pytest.mark.parametrize(
    "offset, count, first",
    [("beginning", 10, b"00000000"), ("7", 3, b"00000007"), ("-2", 2, b"00000008"), ("end", 0, None)],
)
def test_offsets(admin, name, offset, count, first):
    create(admin, name)
    send(name, payloads(10))
    lines = read(name, "-o", offset, "-p", "0").splitlines()
    assert len(lines) == count
    assert not first or lines[0].startswith(first)


def test_offsets_for_times(admin, name):
    create(admin, name)
    send(name, [b"before"])
    stamp = json.loads(read(name, "-J"))["ts"]
    until(lambda: now_ms() > stamp + 1, "the clock to go on")
    send(name, [b"after"])
    second = json.loads(read(name, "-J", "-o", "1", "-p", "0"))["ts"]
    assert read(name, "-o", f"s@{stamp + 1}").splitlines() == [b"after"]
    assert read(name, "-o", f"s@{stamp}", "-o", f"e@{second}").splitlines() == [b"before"]
    assert kcat("-Q", "-t", f"{name}:0:{stamp + 1}") == f"{name} [0] offset 1\n".encode()
    assert kcat("-Q", "-t", f"{name}:0:-1") == f"{name} [0] offset 2\n".encode()
    assert kcat("-Q", "-t", f"{name}:0:-2") == f"{name} [0] offset 0\n".encode()


def test_long_poll_is_woken_by_a_produce(admin, name):
    create(admin, name)
    send(name, [b"first"])
    command = ["kcat", "-b", BOOTSTRAP, "-C", "-t", name, "-c", "2", "-u", "-q", "-X", "fetch.wait.max.ms=20000"]
    reader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert reader.stdout.readline() == b"first\n"
    sent = time.monotonic()
    send(name, [b"wake up"])
    assert reader.communicate(timeout=30)[0] == b"wake up\n"
    assert time.monotonic() - sent < 5, "expected the fetch of 20 s to be woken by the record"


def test_long_poll_waits_for_min_bytes(admin, name):
    create(admin, name)
    send(name, [b"small"])
    started = time.monotonic()
    kcat("-C", "-t", name, "-c", "1", "-X", "fetch.wait.max.ms=2000", "-X", "fetch.min.bytes=1000000")
    waited = time.monotonic() - started
    assert 1.9 < waited < 8, f"expected the fetch to wait its 2 s for fetch.min.bytes, it took {waited:.2f} s"


def test_large_messages(admin, name):
    create(admin, name, max_message_bytes=500000)
    send(name, [b"x" * 490000], "-X", "message.max.bytes=2000000")
    said = kcat("-P", "-t", name, "-X", "message.max.bytes=2000000", stdin=b"x" * 510000, succeeds=False)
    assert b"Message size too large" in said, said
    assert len(read(name, "-X", "max.partition.fetch.bytes=1000")) == 490001


def test_unknown_topic(admin, name):
    said = kcat("-C", "-t", name, "-e", succeeds=False)
    assert b"Unknown topic or partition" in said, said


def test_group(admin, name):
    create(admin, name, 2)
    send(name, payloads(20), "-p", "0")
    send(name, payloads(20), "-p", "1")
    group = ["-X", "auto.offset.reset=earliest", "-q", "-c", "40", "-G", name, name]
    assert len(kcat(*group).splitlines()) == 40
    send(name, [b"later"], "-p", "1")
    assert kcat("-X", "auto.offset.reset=earliest", "-q", "-c", "1", "-G", name, name) == b"later\n"


@pytest.mark.parametrize("extra", [[], ["-X", "partition.assignment.strategy=cooperative-sticky"]])
def test_two_members_share_a_topic(admin, name, extra):
    create(admin, name, 2)
    earliest = ["-X", "auto.offset.reset=earliest"]
    command = ["kcat", "-b", BOOTSTRAP, "-u", "-f", "%p\n", *earliest, *extra, "-G", name, name]
    members = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        settled(admin, name, 2)
        send(name, [b"zero"], "-p", "0")
        send(name, [b"one"], "-p", "1")
        assert sorted(member.stdout.readline() for member in members) == ["0\n", "1\n"]
    finally:
        for member in members:
            member.terminate()
            member.communicate(timeout=30)


def settled(admin, group, count):
    """Waits until the group is stable and each of its members owns a partition."""

    def owners():
        found = next(iter(admin.describe_consumer_groups([group]).values())).result(timeout=30)
        owned = [member.assignment.topic_partitions for member in found.members]
        return found.state.name == "STABLE" and len(owned) == count and all(owned)

    until(owners, f"{count} members that each own a partition", 40)


def test_static_member(admin, name):
    create(admin, name)
    send(name, [b"one", b"two"])
    command = ["-X", "group.instance.id=me", "-X", "auto.offset.reset=earliest", "-q", "-c", "1", "-G", name, name]
    assert [kcat(*command), kcat(*command)] == [b"one\n", b"two\n"]


def test_topic_deletion_under_load(admin, name):
    neighbour, doomed = create(admin, name + "-stays"), create(admin, name + "-goes")
    senders = {
        topic: subprocess.Popen(
            ["kcat", "-b", BOOTSTRAP, "-P", "-t", topic, "-X", "message.timeout.ms=5000", "-X", "linger.ms=0"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for topic in (neighbour, doomed)
    }

    def feed(first, count):
        for number in range(first, first + count):
            for sender in senders.values():
                try:
                    sender.stdin.write(b"%d\n" % number)
                    sender.stdin.flush()
                except BrokenPipeError:
                    assert sender is senders[doomed], "expected the neighbour's producer to stay"

    feed(0, 500)
    until(lambda: len(read(doomed)) > 0, "records in the topic to delete")
    for future in admin.delete_topics([doomed]).values():
        future.result(timeout=30)
    feed(500, 500)
    for sender in senders.values():
        sender.communicate(timeout=60)
    assert senders[neighbour].returncode == 0
    assert read(neighbour).splitlines() == [b"%d" % number for number in range(1000)]
    assert unique(name) not in kcat("-L").decode()
