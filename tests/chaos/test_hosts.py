"""What makes hosts of network namespaces, each part by itself; `make chaos-hosts` is the whole."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import sys
import time
from contextlib import closing

import pytest

from tests.chaos.hosts import Host, built_clock, why_not
from tests.chaos.switch import Switch

ANSWERS = """
import socket
server = socket.create_server(("0.0.0.0", 7))
print(flush=True)
while True:
    server.accept()[0].send(b"!")
"""


@pytest.mark.skipif(not shutil.which("cc") and not shutil.which("gcc"), reason="it needs a C compiler")
def test_a_clock_is_wrong_and_monotonic_time_is_not(tmp_path):
    ahead = tmp_path / "clock"
    ahead.write_bytes(struct.pack("d", -5400))
    wrong = {"LD_PRELOAD": str(built_clock(tmp_path)), "CLOCK_AHEAD": str(ahead)}
    code = "import time; begun = time.monotonic(); time.sleep(0.01); print(time.time(), begun)"
    told = subprocess.run([sys.executable, "-c", code], env=wrong, capture_output=True, text=True, check=True).stdout
    day, monotonic = map(float, told.split())
    assert time.time() - day == pytest.approx(5400, abs=5)
    assert time.monotonic() - monotonic == pytest.approx(0, abs=5)


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_hosts_reach_each_other_late_or_not_at_all_as_they_are_told(tmp_path):
    with closing(Switch()) as switch:
        one, other = (Host(number, switch, tmp_path, None) for number in (0, 1))
        for host in (one, other):
            host.appear()
        server = subprocess.Popen([*one.prefix, sys.executable, "-c", ANSWERS], stdout=subprocess.PIPE)
        try:
            server.stdout.readline()
            assert asked(other, one)
            switch.way(other.address, one.address).late_s = 0.2
            assert 0.4 < asked(other, one) < 2  # its two packets, each way once
            switch.way(one.address, other.address).is_cut = True
            assert asked(other, one) is None
            assert hostname(other) == "host-1"
            assert hostname(one) != socket.gethostname()
        finally:
            server.kill()
            server.communicate()
            for host in (one, other):
                host.remove()


def asked(host, server):
    """Seconds until it has an answer; None when it has none after one."""
    code = f"import socket; s = socket.create_connection(('{server.address}', 7), 1); s.recv(1)"
    code = f"import time; begun = time.monotonic(); {code}; print(time.monotonic() - begun)"
    told = subprocess.run([*host.prefix, sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return float(told.stdout) if told.returncode == 0 else None


def hostname(host):
    return subprocess.run([*host.prefix, "hostname"], capture_output=True, text=True, check=True).stdout.strip()
