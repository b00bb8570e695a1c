#!/usr/bin/env python3
"""Captures what Apache Kafka's tools print: python3 tests/golden/cli/capture.py JARS [FILE.txt]...

JARS is a folder with the jars of Apache Kafka 4.3.1, its tools and a log4j binding. Each `$` line of a file
is run by Apache's tool, and what follows it is replaced by what came of it: `1|` standard output, `2|`
standard error, `=` the exit code. A `>` line writes a file: its name, then its text. BROKER stands
for the address of a fresh broker, LOGS for where its logs lie, DIR for a fresh folder.
crates/cli/tests/golden runs the same lines with ottla and compares.
"""

import pathlib
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time

CLASSES = {
    "topics": "org.apache.kafka.tools.TopicCommand",
    "configs": "kafka.admin.ConfigCommand",
    "storage": "kafka.tools.StorageTool",
    "console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "groups": "org.apache.kafka.tools.GroupsCommand",
    "get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "reassign-partitions": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    "leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
    "metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
    "cluster": "org.apache.kafka.tools.ClusterTool",
    "log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "dump-log": "org.apache.kafka.tools.DumpLogSegments",
    "producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
    "consumer-perf-test": "org.apache.kafka.tools.ConsumerPerformance",
    "features": "org.apache.kafka.tools.FeatureCommand",
    "transactions": "org.apache.kafka.tools.TransactionsCommand",
    "verifiable-producer": "org.apache.kafka.tools.VerifiableProducer",
    "verifiable-consumer": "org.apache.kafka.tools.VerifiableConsumer",
}

LOGGING = """Configuration:
  Appenders:
    Console:
      name: STDERR
      target: SYSTEM_ERR
      PatternLayout: {pattern: "[%d] %p %m (%c)%n"}
  Loggers:
    Root:
      level: WARN
      AppenderRef: [{ref: STDERR}]
"""


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Kafka:
    def __init__(self, jars, folder):
        self.folder = folder
        (folder / "log4j2.yaml").write_text(LOGGING)
        listed = [str(jar) for jar in sorted(jars.glob("*.jar")) if "slf4j-simple" not in jar.name]
        self.java = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx400M",
                     f"-Dlog4j2.configurationFile={folder}/log4j2.yaml", "-cp", ":".join(listed)]
        self.broker = None

    def run(self, tool, arguments):
        return subprocess.run(self.java + [CLASSES[tool]] + arguments, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, cwd=self.folder)

    def start(self):
        port, quorum = free_port(), free_port()
        self.address = f"127.0.0.1:{port}"
        config = self.folder / "broker.properties"
        config.write_text(f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{quorum}
listeners=PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{quorum}
controller.listener.names=CONTROLLER
log.dirs={self.folder}/broker
offsets.topic.replication.factor=1
""")
        # Without eligible leader replicas, as a fresh Ottla: with them, every topic shows min.insync.replicas.
        self.run("storage", ["format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c", str(config),
                             "-f", "eligible.leader.replicas.version=0"])
        self.broker = subprocess.Popen(self.java + ["kafka.Kafka", str(config)],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    time.sleep(3)
                    return
            time.sleep(0.1)
        raise SystemExit("the broker did not start")


def normal(text, replaced):
    for what, name in replaced:
        text = text.replace(what, name)
    text = re.sub(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\]", "[TIME]", text)
    text = re.sub(r"(TopicId: |directory\.id=)[\w-]{22}", r"\1ID", text)
    return text


def lines_of_errors(text):
    """Stack traces stay out, and so does the exception that begins one after its message was printed."""
    lines = []
    for line in text.splitlines():
        if line.startswith("\tat ") or re.match(r"\t\.\.\. \d+ more", line):
            continue
        if re.match(r"Caused by: |\tSuppressed: ", line):
            continue
        line = re.sub(r'^Exception in thread "main" [\w.$]+: ', "", line)
        bare = re.sub(r"^[\w.$]+(Exception|Error): ", "", line)
        if lines and bare != line and lines[-1] == bare:
            continue
        lines.append(line)
    while lines and not lines[-1]:
        lines.pop()
    return lines


def lines_of_output(text):
    """Some tools print stack traces here; they stay out, with the exception that begins one."""
    lines, is_trace = [], False
    for line in text.splitlines():
        follows = bool(lines) and lines[-1].startswith("Error: ")
        is_trace = is_trace or (follows and re.match(r"[\w.$]+(Exception|Error)\b", line) is not None)
        if not is_trace:
            lines.append(line)
    return lines


def capture(kafka, file, folder):
    kept = []
    for line in file.read_text().splitlines():
        if line.startswith("#"):
            kept.append(line)
        if line.startswith("> "):
            kept.append(line)
            name, _, text = line[2:].partition(" ")
            (folder / name).write_text(text)
        if not line.startswith("$ "):
            continue
        kept.append(line)
        if "BROKER" in line and kafka.broker is None:
            kafka.start()
        address = kafka.address if kafka.broker else "BROKER"
        filled = line[2:].replace("BROKER", address).replace("DIR", str(folder))
        tool, *arguments = shlex.split(filled)
        ended = kafka.run(tool, arguments)
        replaced = [(address, "BROKER"), (str(folder), "DIR"), (f"{kafka.folder}/broker", "LOGS")]
        kept += ["1|" + text for text in lines_of_output(normal(ended.stdout, replaced))]
        kept += ["2|" + text for text in lines_of_errors(normal(ended.stderr, replaced))]
        kept.append(f"= {ended.returncode}")
    file.write_text("\n".join(kept) + "\n")


def main():
    jars = pathlib.Path(sys.argv[1])
    here = pathlib.Path(__file__).parent
    files = [pathlib.Path(name) for name in sys.argv[2:]] or sorted(here.glob("*.txt"))
    for file in files:
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch) / "work"
            folder.mkdir()
            for given in sorted(here.glob("*.properties")):
                text = given.read_text().replace("DIR", str(folder))
                (folder / given.name).write_text(text)
            kafka = Kafka(jars, pathlib.Path(scratch))
            try:
                capture(kafka, file, folder)
            finally:
                if kafka.broker:
                    kafka.broker.terminate()
                    kafka.broker.wait()
        print(f"captured {file}")


if __name__ == "__main__":
    main()
