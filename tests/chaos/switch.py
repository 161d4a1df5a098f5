"""The network between hosts: IP packets, passed from one to the other by this process, late, lost, or not at all.

Each host has a TUN device, whose packets are read and written here. So TCP meets what it meets between machines: a host
that says nothing any more, packets that get lost, one direction that is cut. (`tc netem` can do that, too, where the
kernel has it.)
"""

from __future__ import annotations

import asyncio
import fcntl
import ipaddress
import os
import random
import struct
import threading
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass

MTU = 1500
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
DESTINATION = slice(16, 20)  # in the header of an IPv4 packet


@dataclass
class Way:
    """From one host to another. Its fields may be changed at any time, from any thread."""

    is_cut: bool = False
    late_s: float = 0.0  #: each packet comes so much later
    lost: float = 0.0  #: this share of packets never comes


class Switch:
    """A thread that passes packets between the devices it made."""

    def __init__(self) -> None:
        self._ways: defaultdict[tuple[str, str], Way] = defaultdict(Way)
        self._devices: dict[bytes, int] = {}  # by address, packed
        self._rng = random.Random()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="switch", daemon=True)
        self._thread.start()

    def way(self, source: str, target: str) -> Way:
        """From one address to another."""
        return self._ways[source, target]

    def plug(self, device: str, address: str) -> None:
        """Make a device whose packets come from that address. Needs root and /dev/net/tun."""
        opened = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(opened, TUNSETIFF, struct.pack("16sH14x", device.encode(), IFF_TUN | IFF_NO_PI))
        self._devices[ipaddress.ip_address(address).packed] = opened
        self._loop.call_soon_threadsafe(self._loop.add_reader, opened, self._pass_on, opened, address)

    def unplug(self, address: str) -> None:
        """What is on the way to it is lost."""
        opened = self._devices.pop(ipaddress.ip_address(address).packed)
        asyncio.run_coroutine_threadsafe(self._close(opened), self._loop).result()

    def close(self) -> None:
        for packed in list(self._devices):
            self.unplug(str(ipaddress.ip_address(packed)))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self, opened: int) -> None:
        self._loop.remove_reader(opened)
        os.close(opened)

    def _pass_on(self, opened: int, source: str) -> None:
        try:
            packet = os.read(opened, MTU + 100)
        except OSError:  # its host is just going
            return
        target = packet[DESTINATION]
        if packet[0] >> 4 != 4 or target not in self._devices:
            return
        way = self._ways[source, str(ipaddress.ip_address(target))]
        if way.is_cut or self._rng.random() < way.lost:
            return
        if way.late_s:
            self._loop.call_later(way.late_s, self._deliver, target, packet)
        else:
            self._deliver(target, packet)

    def _deliver(self, target: bytes, packet: bytes) -> None:
        with suppress(OSError, KeyError):  # its queue is full, or it is gone: the packet is lost
            os.write(self._devices[target], packet)
