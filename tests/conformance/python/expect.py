"""What every Python suite needs: the cluster's address, fresh names, the records to send, and bounded waits.

Nothing here names a client, so that each suite shows a client's own idiom and nothing else.
"""

import os
import time
import uuid

BOOTSTRAP = os.environ.get("OTTLA_BOOTSTRAP", "")
assert ":" in BOOTSTRAP, "OTTLA_BOOTSTRAP must name the cluster to test, as host:port"

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
ACKS = ["0", "1", "all"]

# Key, value, headers. A null is not an empty string, and a header may come twice.
RECORDS = [
    (b"key", b"value", [("one", b"1")]),
    (None, b"no key", []),
    (b"no value", None, []),
    (None, None, []),
    (b"", b"", [("empty", b"")]),
    (b"null header", b"v", [("null", None)]),
    ("ključ".encode(), "žvýkačka 语".encode(), [("twice", b"a"), ("twice", b"b")]),
    (bytes(range(256)), bytes(range(255, -1, -1)), [("bytes", bytes(range(256)))]),
]


def unique(prefix):
    """A name no other run uses, so that suites share a cluster."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def until(probe, what, seconds=30):
    """The first true value of `probe`; fails with what was expected and what was last seen."""
    deadline = time.monotonic() + seconds
    while True:
        seen = probe()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"expected within {seconds} s: {what}; last seen: {seen!r}"
        time.sleep(0.02)


def payloads(count, size=100):
    """Values that differ, compress, and are told apart by their first bytes."""
    return [f"{number:08d} ".encode() + b"abcdefgh" * (size // 8) for number in range(count)]


def now_ms():
    return int(time.time() * 1000)
