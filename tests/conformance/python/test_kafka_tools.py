"""Apache Kafka's own command-line tools, run by class name from the published jars."""

import json
import os
import re
import subprocess
import threading

import pytest

from expect import BOOTSTRAP, until

JAVA = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]
TOOLS = "org.apache.kafka.tools."
TOPICS = TOOLS + "TopicCommand"
CONFIGS = "kafka.admin.ConfigCommand"
GROUPS = TOOLS + "consumer.group.ConsumerGroupCommand"
CONSOLE_PRODUCER = TOOLS + "ConsoleProducer"
CONSOLE_CONSUMER = TOOLS + "consumer.ConsoleConsumer"


def command(tool, *arguments):
    classpath = os.environ["OTTLA_KAFKA_CLASSPATH"]
    return [*JAVA, "-cp", classpath, tool, "--bootstrap-server", BOOTSTRAP, *arguments]


def run(tool, *arguments, stdin="", seconds=60, fails=False, errors=False):
    """Runs a tool and returns its standard output, or all it said when it is meant to fail or to report errors."""
    done = subprocess.run(command(tool, *arguments), input=stdin, capture_output=True, text=True, timeout=seconds)
    said = done.stdout + done.stderr
    assert (done.returncode != 0) == fails, f"expected {tool} {arguments} to {'fail' if fails else 'succeed'}: {said}"
    return said if fails or errors else done.stdout


def create(topic, partitions=1, **config):
    configs = [part for key, value in config.items() for part in ("--config", f"{key.replace('_', '.')}={value}")]
    said = run(TOPICS, "--create", "--topic", topic, "--partitions", str(partitions), *configs)
    assert said.endswith(f"Created topic {topic}.\n"), said
    return topic


def produce(topic, lines, *arguments):
    run(CONSOLE_PRODUCER, "--topic", topic, *arguments, stdin="".join(line + "\n" for line in lines))


def consume(topic, count, *arguments):
    everything = ["--from-beginning"] if not {"--offset", "--group"} & set(arguments) else []
    limits = ["--max-messages", str(count), "--timeout-ms", "20000"]
    return run(CONSOLE_CONSUMER, "--topic", topic, *everything, *limits, *arguments).splitlines()


def properties(tmp_path, **config):
    path = tmp_path / "client.properties"
    path.write_text("".join(f"{key.replace('_', '.')}={value}\n" for key, value in config.items()))
    return str(path)


# --- topics and configs ---


def test_topics(name):
    create(name, 2, retention_ms=1000, cleanup_policy="compact,delete")
    assert name in run(TOPICS, "--list").splitlines()
    head, *partitions = run(TOPICS, "--describe", "--topic", name).splitlines()
    assert re.fullmatch(
        rf"Topic: {name}\tTopicId: [\w-]{{22}}\tPartitionCount: 2\tReplicationFactor: 1\t"
        r"Configs: (?=.*cleanup\.policy=compact,delete)(?=.*retention\.ms=1000).*",
        head,
    ), head
    assert [re.sub(r": \d+\t", ": N\t", line) for line in partitions] == [
        f"\tTopic: {name}\tPartition: N\tLeader: N\tReplicas: N\tIsr: N\tElr: \tLastKnownElr: "
    ] * 2
    run(TOPICS, "--alter", "--topic", name, "--partitions", "4")
    until(lambda: "PartitionCount: 4" in run(TOPICS, "--describe", "--topic", name), "4 partitions")
    assert "InvalidPartitionsException" in run(TOPICS, "--alter", "--topic", name, "--partitions", "1", fails=True)
    run(TOPICS, "--delete", "--topic", name)
    until(lambda: name not in run(TOPICS, "--list"), f"{name} gone from the list")


def test_bad_topics(name):
    create(name)
    assert f"Topic '{name}' already exists." in run(TOPICS, "--create", "--topic", name, fails=True)
    run(TOPICS, "--create", "--topic", name, "--if-not-exists")
    said = run(TOPICS, "--create", "--topic", name + "2", "--replication-factor", "5", fails=True)
    assert "InvalidReplicationFactorException" in said, said
    said = run(TOPICS, "--create", "--topic", name + "3", "--config", "retention.ms=soon", fails=True)
    assert "retention.ms" in said, said
    assert "does not exist" in run(TOPICS, "--describe", "--topic", name + "4", fails=True)
    assert "does not exist" in run(TOPICS, "--delete", "--topic", name + "5", fails=True)


def test_topic_configs(name):
    create(name)
    topic = ["--entity-type", "topics", "--entity-name", name]
    assert run(CONFIGS, "--alter", *topic, "--add-config", "retention.ms=5000,cleanup.policy=[compact,delete]") == (
        f"Completed updating config for topic {name}.\n"
    )
    until(lambda: "retention.ms=5000" in run(CONFIGS, "--describe", *topic), "retention.ms=5000 described")
    assert "cleanup.policy=compact,delete" in run(CONFIGS, "--describe", *topic)
    run(CONFIGS, "--alter", *topic, "--delete-config", "retention.ms")
    until(lambda: "retention.ms" not in run(CONFIGS, "--describe", *topic), "retention.ms deleted")
    everything = run(CONFIGS, "--describe", "--all", *topic)
    assert "max.message.bytes=1048588 sensitive=false synonyms={DEFAULT_CONFIG:message.max.bytes=1048588}" in everything
    assert "InvalidConfigurationException" in run(CONFIGS, "--alter", *topic, "--add-config", "retention.ms=x", fails=True)


def test_broker_configs():
    node = cluster_told()["node"]
    broker = ["--entity-type", "brokers", "--entity-name", node]
    run(CONFIGS, "--alter", *broker, "--add-config", "log.cleaner.threads=2")
    until(lambda: "log.cleaner.threads=2" in run(CONFIGS, "--describe", *broker), "log.cleaner.threads=2 described")
    assert "DYNAMIC_BROKER_CONFIG:log.cleaner.threads=2" in run(CONFIGS, "--describe", *broker)
    run(CONFIGS, "--alter", *broker, "--delete-config", "log.cleaner.threads")
    everywhere = ["--entity-type", "brokers", "--entity-default"]
    run(CONFIGS, "--alter", *everywhere, "--add-config", "log.cleaner.backoff.ms=16000")
    until(lambda: "log.cleaner.backoff.ms=16000" in run(CONFIGS, "--describe", *everywhere), "the default described")
    run(CONFIGS, "--alter", *everywhere, "--delete-config", "log.cleaner.backoff.ms")
    said = run(CONFIGS, "--alter", *broker, "--add-config", "log.dirs=/tmp/elsewhere", fails=True)
    assert "log.dirs" in said, said


def cluster_told():
    """The cluster's id, its first broker's and the versions it takes, from the two tools that print them."""
    classpath = os.environ["OTTLA_KAFKA_CLASSPATH"]
    # This tool wants its verb before the bootstrap server.
    line = [*JAVA, "-cp", classpath, TOOLS + "ClusterTool", "cluster-id", "--bootstrap-server", BOOTSTRAP]
    cluster = subprocess.run(line, capture_output=True, text=True, timeout=60, check=True).stdout
    versions = run(TOOLS + "BrokerApiVersionsCommand")
    return {"cluster": cluster, "node": re.search(r"\(id: (\d+) rack:", versions).group(1), "versions": versions}


def test_cluster_and_versions():
    told = cluster_told()
    assert re.fullmatch(r"Cluster ID: [\w-]{22}\n", told["cluster"]), told["cluster"]
    for line in ("Produce(0): ", "Fetch(1): ", "Metadata(3): ", "JoinGroup(11): ", "DescribeTopicPartitions(75): "):
        assert line in told["versions"]
    unusable = [line for line in told["versions"].splitlines() if "Produce(0)" in line and "UNSUPPORTED" in line]
    assert unusable == [], "expected Produce to be usable by this tool"


# --- produce and consume ---


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_console_round_trip(name, codec):
    create(name)
    lines = [f"line {number}" for number in range(300)]
    produce(name, lines, "--compression-codec", codec)
    assert consume(name, 300) == lines


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_console_acks(name, acks):
    create(name)
    produce(name, ["one", "two"], "--request-required-acks", acks)
    assert consume(name, 2) == ["one", "two"]


def test_console_keys_headers_and_nulls(name):
    create(name)
    reader = ["parse.key=true", "parse.headers=true", "null.marker=NIL"]
    produce(name, ["h:1\tkey\tvalue", "h:2,i:3\tNIL\tno key", "NIL\tno value\tNIL"], *sum([["--reader-property", p] for p in reader], []))
    printed = ["print.key=true", "print.headers=true", "print.offset=true", "print.partition=true", "null.literal=NIL"]
    assert consume(name, 3, *sum([["--formatter-property", p] for p in printed], [])) == [
        "Partition:0\tOffset:0\th:1\tkey\tvalue",
        "Partition:0\tOffset:1\th:2,i:3\tNIL\tno key",
        "Partition:0\tOffset:2\tNO_HEADERS\tno value\tNIL",
    ]


@pytest.mark.parametrize("kind", ["CreateTime", "LogAppendTime"])
def test_console_timestamps_and_offset(name, kind):
    create(name, message_timestamp_type=kind)
    produce(name, ["a", "b", "c"])
    stamped = ["--formatter-property", "print.timestamp=true"]
    lines = consume(name, 2, "--partition", "0", "--offset", "1", *stamped)
    assert [re.sub(r"\d{13}", "T", line) for line in lines] == [f"{kind}:T\tb", f"{kind}:T\tc"]


def test_large_message(name, tmp_path):
    create(name, max_message_bytes=500000)
    large = properties(tmp_path, max_request_size=2000000)
    produce(name, ["x" * 490000], "--command-config", large)
    assert [len(line) for line in consume(name, 1)] == [490000]
    done = subprocess.run(
        command(CONSOLE_PRODUCER, "--topic", name, "--command-config", large),
        input="x" * 510000 + "\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "RecordTooLargeException" in done.stdout + done.stderr


# --- offsets, records, directories ---


def test_offsets_records_and_log_dirs(name, tmp_path):
    create(name, 2)
    produce(name, [f"{number}" for number in range(10)])
    shell = TOOLS + "GetOffsetShell"

    def offsets(*time_of):
        found = dict(line.rsplit(":", 1) for line in run(shell, "--topic", name, *time_of).splitlines())
        return [int(found.get(f"{name}:{partition}", -1)) for partition in range(2)]

    ends = offsets()
    assert sum(ends) == 10
    assert offsets("--time", "earliest") == [0, 0]
    full = ends.index(max(ends))
    assert 0 <= offsets("--time", "max-timestamp")[full] < ends[full]
    wanted = {"version": 1, "partitions": [{"topic": name, "partition": full, "offset": 2}]}
    (tmp_path / "delete.json").write_text(json.dumps(wanted))
    said = run(TOOLS + "DeleteRecordsCommand", "--offset-json-file", str(tmp_path / "delete.json"))
    assert f"partition: {name}-{full}\tlow_watermark: 2" in said, said
    assert offsets("--time", "earliest")[full] == 2
    said = run(TOOLS + "LogDirsCommand", "--describe", "--topic-list", name)
    dirs = json.loads(said.splitlines()[-1])["brokers"][0]["logDirs"]
    assert dirs[0]["error"] is None
    assert sorted(p["partition"] for d in dirs for p in d["partitions"]) == [f"{name}-0", f"{name}-1"]
    assert sum(p["size"] for d in dirs for p in d["partitions"]) > 0


# --- groups ---


def group(name, *arguments):
    return run(GROUPS, "--group", name, *arguments)


def test_consumer_groups(name):
    create(name)
    produce(name, [f"{number}" for number in range(10)])
    assert consume(name, 4, "--group", name, "--command-property", "auto.offset.reset=earliest") == ["0", "1", "2", "3"]
    assert name in run(GROUPS, "--list").splitlines()
    row = group(name, "--describe").splitlines()[-1].split()
    assert row[:6] == [name, name, "0", "4", "10", "6"], row
    assert re.search(rf"{name} +\S+ +\(\d+\) +\S* +Empty +0", group(name, "--describe", "--state")), "an empty group"
    said = group(name, "--topic", name, "--reset-offsets", "--to-offset", "1", "--execute")
    assert said.splitlines()[-1].split() == [name, name, "0", "1"], said
    group(name, "--topic", name, "--reset-offsets", "--shift-by", "2", "--execute")
    assert consume(name, 1, "--group", name) == ["3"]
    group(name, "--delete-offsets", "--topic", name)
    assert name in group(name, "--delete")
    assert "GroupIdNotFoundException" in run(GROUPS, "--group", name, "--describe", errors=True)


def test_group_members(name):
    create(name, 2)
    reader = subprocess.Popen(command(CONSOLE_CONSUMER, "--topic", name, "--group", name), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:

        def member():
            done = subprocess.run(command(GROUPS, "--group", name, "--describe", "--members", "--verbose"), capture_output=True, text=True)
            rows = [line.split() for line in done.stdout.splitlines() if line.startswith(name)]
            return rows and rows[0][4] == "2" and rows[0]

        row = until(member, "one member with two partitions")
        assert row[1].startswith("console-consumer-"), row
        said = group(name, "--delete")
        assert "GroupNotEmptyException: The group is not empty." in said, said
    finally:
        reader.terminate()
        reader.communicate(timeout=30)
    until(lambda: "Empty" in group(name, "--describe", "--state"), "the member to leave")


# --- the tools made for testing ---


def test_verifiable_producer_and_consumer(name):
    create(name)
    said = run(TOOLS + "VerifiableProducer", "--topic", name, "--max-messages", "500", "--throughput", "-1")
    events = [json.loads(line) for line in said.splitlines()]
    assert sum(event["name"] == "producer_send_success" for event in events) == 500
    tool = ["--topic", name, "--group-id", name, "--group-instance-id", "me", "--max-messages", "500", "--verbose"]
    events = [json.loads(line) for line in run(TOOLS + "VerifiableConsumer", *tool).splitlines()]
    names = [event["name"] for event in events]
    assert names[0] == "startup_complete" and names[-1].startswith("shutdown")
    assert "partitions_assigned" in names
    assert [e["value"] for e in events if e["name"] == "record_data"] == [str(number) for number in range(500)]
    assert all(event["success"] for event in events if event["name"] == "offsets_committed")


def test_verifiable_consumers_cooperate(name):
    create(name, 4)
    strategy = ["--assignment-strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"]
    line = command(TOOLS + "VerifiableConsumer", "--topic", name, "--group-id", name, "--session-timeout", "10000", *strategy)
    members = []
    owned = {}

    def follow(member):
        for event in map(json.loads, member.stdout):
            if event["name"] in ("partitions_assigned", "partitions_revoked"):
                change = {p["partition"] for p in event["partitions"]}
                before = owned.get(member.pid, set())
                owned[member.pid] = before | change if event["name"].endswith("assigned") else before - change

    def start():
        members.append(subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
        threading.Thread(target=follow, args=(members[-1],), daemon=True).start()
        return members[-1].pid

    try:
        first = start()
        until(lambda: owned.get(first) == {0, 1, 2, 3}, "the first member to own all")
        second = start()
        until(lambda: len(owned.get(second, [])) == 2 and len(owned[first]) == 2, "two partitions each")
        assert owned[first] | owned[second] == {0, 1, 2, 3}
    finally:
        for member in members:
            member.terminate()
            member.wait(30)


def test_performance_tools(name):
    create(name)
    load = ["--topic", name, "--num-records", "20000", "--record-size", "100", "--throughput", "-1"]
    said = run(TOOLS + "ProducerPerformance", *load, "--command-property", "compression.type=lz4")
    assert said.splitlines()[-1].startswith("20000 records sent"), said
    said = run(TOOLS + "ConsumerPerformance", "--topic", name, "--num-records", "20000", "--timeout", "20000")
    assert said.splitlines()[-1].split(", ")[4] == "20000", said


def test_client_compatibility(name):
    yes = ["offsets-for-times-supported", "cluster-id-supported", "create-topics-supported"]
    yes += ["describe-configs-supported", "idempotent-producer-supported"]
    flags = sum([[f"--{flag}", "true"] for flag in yes], [])
    # Without an authorizer, DescribeAcls is refused as SECURITY_DISABLED, which this tool takes for supported.
    flags += ["--describe-acls-supported", "true"]
    flags += ["--expect-record-too-large-exception", "false", "--num-cluster-nodes", "1"]
    create(name)
    # The tool creates a topic of this very name and expects it to be new.
    run(TOPICS, "--delete", "--if-exists", "--topic", "newtopic")
    until(lambda: "newtopic" not in run(TOPICS, "--list").splitlines(), "newtopic gone from the list")
    run(TOOLS + "ClientCompatibilityTest", "--topic", name, *flags)


def test_topic_deletion_under_load(name):
    neighbour, doomed = create(name + "-stays"), create(name + "-goes")
    load = ["--max-messages", "20000", "--throughput", "4000"]
    senders = [
        subprocess.Popen(
            command(TOOLS + "VerifiableProducer", "--topic", topic, *load), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for topic in (neighbour, doomed)
    ]
    try:
        while "producer_send_success" not in senders[1].stdout.readline():
            assert senders[1].poll() is None, "expected the producer to the doomed topic to run"
        drain = threading.Thread(target=senders[1].stdout.read, daemon=True)
        drain.start()
        run(TOPICS, "--delete", "--topic", doomed)
        said, _ = senders[0].communicate(timeout=60)
    finally:
        for sender in senders:
            sender.kill()
    assert json.loads(said.splitlines()[-1])["acked"] == 20000
    assert len(consume(neighbour, 20000)) == 20000


# --- replicas and controllers ---


def test_the_quorum_of_one_is_described_truly():
    status = run(TOOLS + "MetadataQuorumCommand", "describe", "--status")
    told = dict(line.split(":", 1) for line in status.splitlines())
    assert told["LeaderId"].strip() == "1" and told["MaxFollowerLag"].strip() == "0", status
    assert int(told["HighWatermark"]) > 0 and int(told["LeaderEpoch"]) > 0, status
    assert told["CurrentVoters"].strip().startswith('[{"id": 1'), status
    create("quorum-goes-on")
    later = run(TOOLS + "MetadataQuorumCommand", "describe", "--replication").splitlines()
    assert len(later) == 2 and later[1].split()[-1] == "Leader", later
    assert int(later[1].split("\t")[2]) > int(told["HighWatermark"]), "the log grows with each topic"


def test_partitions_are_reassigned_and_leaders_elected(tmp_path):
    topic = create("placed", 2)
    plan = tmp_path / "plan.json"
    entries = [{"topic": topic, "partition": partition, "replicas": [1]} for partition in (0, 1)]
    plan.write_text(json.dumps({"version": 1, "partitions": entries}))
    reassign = TOOLS + "reassign.ReassignPartitionsCommand"
    said = run(reassign, "--execute", "--reassignment-json-file", str(plan), "--throttle", "10000")
    assert "Successfully started partition reassignments for placed-0,placed-1" in said, said
    said = run(reassign, "--verify", "--reassignment-json-file", str(plan))
    assert said.count("is completed.") == 2 and "Clearing topic-level throttles on topic placed" in said, said
    assert run(reassign, "--list") == "No partition reassignments found.\n"
    election = TOOLS + "LeaderElectionCommand"
    said = run(election, "--election-type", "preferred", "--topic", topic, "--partition", "0")
    assert said == "Valid replica already elected for partitions placed-0\n"
