"""Runs the cases with Apache's tools and writes what they print: see README.md."""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = {
    "produce": "org.apache.kafka.tools.ConsoleProducer",
    "consume": "org.apache.kafka.tools.consumer.ConsoleConsumer",
}
# What Java's client says of itself, and the parts of a stack trace.
NOISE = re.compile(r"\tat |\t\.\.\. |Caused by: |The consumer rebalance protocol|\[[^]]*\] (WARN|INFO) |SLF4J")
LOG = re.compile(r"^\[[^]]*\] (ERROR) \S+ - (.*)$")


def unescape(text):
    return re.sub(
        rb"\\(n|t|r|x[0-9a-f]{2})",
        lambda m: bytes([int(m[1][1:], 16)]) if m[1][:1] == b"x" else {b"n": b"\n", b"t": b"\t", b"r": b"\r"}[m[1]],
        text.encode(),
    )


def plain(name, text):
    text = re.sub(r"CreateTime:\d+", "CreateTime:N", text)
    lines = text.split("\n")
    ended = lines[-1] == ""
    if ended:
        lines.pop()
    shown = []
    for index, line in enumerate(lines):
        if name == "err":
            if NOISE.match(line):
                continue
            line = re.sub(r'^Exception in thread "main" ', "", LOG.sub(r"\1 \2", line))
        mark = "|" if ended or index + 1 < len(lines) else "~"
        shown.append(f"{name}{mark}{line}\n")
    return "".join(shown)


def main(server, classpath):
    topic, stdin, written = "", b"", []
    with open(os.path.join(HERE, "cases.txt"), encoding="utf-8") as cases:
        for line in cases.read().splitlines():
            if line.startswith("== "):
                topic, stdin = line[3:], b""
                written.append(f"{line}\n")
            elif line.startswith("stdin: "):
                stdin = unescape(line[7:])
            elif line:
                verb, _, rest = line.partition(":")
                words = rest.replace("{server}", server).replace("{topic}", topic).split()
                if not verb.startswith("bare-"):
                    words = ["--bootstrap-server", server, "--topic", topic, *words]
                tool = TOOLS[verb.removeprefix("bare-")]
                command = ["java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classpath, tool]
                done = subprocess.run([*command, *words], input=stdin, capture_output=True, check=False, timeout=60)
                written.append(f"{line.strip()}\ncode {done.returncode}\n")
                written.append(plain("out", done.stdout.decode(errors="replace")))
                written.append(plain("err", done.stderr.decode(errors="replace")))
    with open(os.path.join(HERE, "expected.txt"), "w", encoding="utf-8") as expected:
        expected.write("".join(written))


main(sys.argv[1], sys.argv[2])
