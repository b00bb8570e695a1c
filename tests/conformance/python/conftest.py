"""Fixtures of all the Python suites."""

import socket

import pytest

import expect


def pytest_sessionstart(session):
    host, port = expect.BOOTSTRAP.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        pytest.exit(f"nothing answers at {expect.BOOTSTRAP}: {error}", returncode=3)


@pytest.fixture
def name(request):
    """A topic (or group) name of this test's own."""
    return expect.unique(request.node.originalname.removeprefix("test_").replace("_", "-")[:40])
