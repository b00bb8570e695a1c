"""Members of consumer groups, of three clients, that a test starts, watches and stops alike.

Each knows what it owns and what it has consumed, as (partition, offset), commits what it consumed,
and runs beside the test: a process (Java), a thread (librdkafka), an event loop in a thread (aiokafka).
"""

import asyncio
import json
import os
import subprocess
import threading

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from confluent_kafka import Consumer, KafkaException

from expect import BOOTSTRAP

CLASSPATH = os.environ.get("OTTLA_KAFKA_CLASSPATH", "")
JAVA_ASSIGNORS = {
    "range": "RangeAssignor",
    "roundrobin": "RoundRobinAssignor",
    "sticky": "StickyAssignor",
    "cooperative-sticky": "CooperativeStickyAssignor",
}
AIOKAFKA_ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}
SESSION_MS = 10_000


class Member:
    """What a test sees of a member, whatever client it is."""

    def __init__(self, topic):
        self.topic = topic
        self.partitions = set()
        self.consumed = set()
        self.failure = None
        self.stopping = threading.Event()

    def owned(self):
        assert self.failure is None, f"{self!r} failed: {self.failure!r}"
        return sorted(self.partitions)

    def __repr__(self):
        return f"{type(self).__name__} of {self.topic}"


class JavaMember(Member):
    """Apache's VerifiableConsumer."""

    def __init__(self, topic, group, assignor="range", protocol="classic"):
        super().__init__(topic)
        line = ["java", "-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", CLASSPATH]
        line += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "org.apache.kafka.tools.VerifiableConsumer"]
        line += ["--bootstrap-server", BOOTSTRAP, "--topic", topic, "--group-id", group, "--verbose"]
        if protocol == "classic":
            name = JAVA_ASSIGNORS[assignor]
            line += ["--session-timeout", str(SESSION_MS), "--assignment-strategy", f"org.apache.kafka.clients.consumer.{name}"]
        else:
            line += ["--group-protocol", "consumer"]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def _follow(self):
        for event in map(json.loads, self.process.stdout):
            if event["name"] == "partitions_assigned":
                self.partitions |= {one["partition"] for one in event["partitions"]}
            elif event["name"] == "partitions_revoked":
                self.partitions -= {one["partition"] for one in event["partitions"]}
            elif event["name"] == "record_data":
                self.consumed.add((event["partition"], event["offset"]))
        if not self.stopping.is_set():
            self.failure = f"ended with {self.process.wait()}"

    def stop(self):
        self.stopping.set()
        self.process.terminate()
        self.process.wait(30)
        self.thread.join(30)
        self.partitions = set()

    def kill(self):
        self.stopping.set()
        self.process.kill()
        self.process.wait(30)
        self.thread.join(30)
        self.partitions = set()


class ConfluentMember(Member):
    """A member on librdkafka."""

    def __init__(self, topic, group, assignor="range", protocol="classic"):
        super().__init__(topic)
        config = {"bootstrap.servers": BOOTSTRAP, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
        if protocol == "classic":
            config |= {"partition.assignment.strategy": assignor, "session.timeout.ms": SESSION_MS, "heartbeat.interval.ms": 1000}
        else:
            config["group.protocol"] = "consumer"
        self.consumer = Consumer(config)
        self.consumer.subscribe([topic])
        self.thread = threading.Thread(target=self._poll, daemon=True)
        self.thread.start()

    def _poll(self):
        try:
            while not self.stopping.is_set():
                messages = [one for one in self.consumer.consume(500, 0.1) if one.error() is None]
                self.consumed |= {(one.partition(), one.offset()) for one in messages}
                self.partitions = {one.partition for one in self.consumer.assignment()}
                if messages:
                    try:
                        self.consumer.commit(asynchronous=False)
                    except KafkaException:
                        pass  # A rebalance came first; whoever owns the partition next reads them again.
        except Exception as failure:
            self.failure = failure

    def stop(self):
        self.stopping.set()
        self.thread.join(30)
        self.consumer.close()
        self.partitions = set()


class AiokafkaMember(Member, ConsumerRebalanceListener):
    """A member on aiokafka, which has the classic protocol alone."""

    def __init__(self, topic, group, assignor="range"):
        Member.__init__(self, topic)
        self.group, self.assignor = group, AIOKAFKA_ASSIGNORS[assignor]
        self.thread = threading.Thread(target=lambda: asyncio.run(self._guarded()), daemon=True)
        self.thread.start()

    async def _guarded(self):
        try:
            await self._poll()
        except Exception as failure:
            self.failure = failure

    async def _poll(self):
        consumer = AIOKafkaConsumer(
            bootstrap_servers=BOOTSTRAP,
            group_id=self.group,
            auto_offset_reset="earliest",
            auto_commit_interval_ms=200,
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=500,
            partition_assignment_strategy=[self.assignor],
        )
        consumer.subscribe([self.topic], listener=self)
        await consumer.start()
        try:
            while not self.stopping.is_set():
                for place, records in (await consumer.getmany(timeout_ms=100)).items():
                    self.consumed |= {(place.partition, record.offset) for record in records}
        finally:
            await consumer.stop()

    def on_partitions_revoked(self, revoked):
        self.partitions = set()

    def on_partitions_assigned(self, assigned):
        self.partitions = {place.partition for place in assigned if isinstance(place, TopicPartition)}

    def stop(self):
        self.stopping.set()
        self.thread.join(30)
        self.partitions = set()


class Feed:
    """A producer that sends to every partition in turn, all the while."""

    def __init__(self, topic, partitions):
        from confluent_kafka import Producer

        self.topic, self.count = topic, partitions
        self.sent = set()
        self.failure = None
        self.stopping = threading.Event()
        self.producer = Producer({"bootstrap.servers": BOOTSTRAP, "linger.ms": 0})
        self.thread = threading.Thread(target=self._send, daemon=True)
        self.thread.start()

    def _acknowledged(self, failure, message):
        if failure is not None:
            self.failure = failure
        else:
            self.sent.add((message.partition(), message.offset()))

    def _send(self):
        number = 0
        while not self.stopping.wait(0.005):
            self.producer.produce(self.topic, b"%d" % number, partition=number % self.count, on_delivery=self._acknowledged)
            self.producer.poll(0)
            number += 1

    def stop(self):
        """Everything that was acknowledged."""
        self.stopping.set()
        self.thread.join(30)
        assert self.producer.flush(30) == 0 and self.failure is None, f"expected every record acknowledged: {self.failure}"
        return self.sent
