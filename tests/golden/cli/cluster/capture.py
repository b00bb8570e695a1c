"""Runs the cases with Apache's tools and writes what they print: see README.md."""

import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = {
    "topics": "TopicCommand",
    "console-producer": "ConsoleProducer",
    "console-consumer": "consumer.ConsoleConsumer",
    "consumer-groups": "consumer.group.ConsumerGroupCommand",
    "groups": "GroupsCommand",
    "get-offsets": "GetOffsetShell",
    "delete-records": "DeleteRecordsCommand",
    "cluster": "ClusterTool",
    "log-dirs": "LogDirsCommand",
    "broker-api-versions": "BrokerApiVersionsCommand",
    "dump-log": "DumpLogSegments",
    "features": "FeatureCommand",
    "transactions": "TransactionsCommand",
}
# Stack traces, and what Java's client logs.
NOISE = re.compile(r"\s+at |\s+\.\.\. |Caused by: | at \[Source|\[[^]]*\] (WARN|INFO|ERROR) ")
EXCEPTION = re.compile(r"(java|org\.apache|joptsimple|com\.fasterxml)[\w.$]*(Exception|Error)(:|$)")


def unescape(text):
    return text.replace("\\n", "\n").encode()


def command(words, server, classpath):
    verb, options = words[0], words[1:]
    java = ["java", "-Dfile.encoding=UTF-8", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", classpath]
    if verb in ("features", "transactions"):
        return java + ["org.apache.kafka.tools." + TOOLS[verb], "--bootstrap-server", server] + options
    connects = verb != "dump-log" and options and not {"--help", "bogus"} & set(options)
    return java + ["org.apache.kafka.tools." + TOOLS[verb]] + options + (["--bootstrap-server", server] if connects else [])


def plain(name, text, server, is_told=False):
    host, _, port = server.partition(":")
    text = text.replace(server, f"{host}:{'P' * len(port)}").replace(port, "P" * len(port))
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", lambda m: re.sub(r"\w", "x", m[0]), text)
    text = re.sub(r'"logDir":"[^"]*"', '"logDir":"DIR"', text)
    text = re.sub(r"Cluster ID: .*", "Cluster ID: ID", text)
    lines = []
    for line in text.splitlines():
        # An exception is told by its message first, and then once more.
        if name == "out" or not (NOISE.match(line) or (EXCEPTION.match(line) and (is_told or lines))):
            lines.append(line)
    while name == "err" and lines and lines[-1] == "":
        lines.pop()
    return "".join(f"{name}|{line}\n" for line in lines)


def main(server, classpath):
    stdin, background, written = b"", [], []
    with open(os.path.join(HERE, "cases.txt"), encoding="utf-8") as cases, tempfile.TemporaryDirectory() as folder:
        open(os.path.join(folder, "nothing.properties"), "w").close()
        for line in cases.read().splitlines():
            words = line.split()
            if not line or line.startswith("#"):
                continue
            if line.startswith("stdin: "):
                stdin = unescape(line[7:])
            elif words[0] == "file":
                name, _, text = line[5:].partition(": ")
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(unescape(text))
            elif words[0] == "background":
                quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
                background.append(subprocess.Popen(command(words[1:], server, classpath), **quiet))
            elif words[0] == "wait":
                asked = command(words[2:], server, classpath)
                while words[1] not in subprocess.run(asked, capture_output=True, text=True, check=False).stdout:
                    time.sleep(0.2)
            else:
                asked = command(words, server, classpath)
                done = subprocess.run(asked, input=stdin, capture_output=True, check=False, timeout=120, cwd=folder)
                stdin = b""
                written.append(f"== {line}\ncode {done.returncode}\n")
                written.append(plain("out", done.stdout.decode(), server))
                written.append(plain("err", done.stderr.decode(), server, bool(done.stdout)))
    for process in background:
        process.kill()
    with open(os.path.join(HERE, "expected.txt"), "w", encoding="utf-8") as expected:
        expected.write("".join(written))


main(sys.argv[1], sys.argv[2])
