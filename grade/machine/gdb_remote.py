"""A client for the gdb remote protocol, as QEMU's gdb stub speaks it.

A packet is `$`, the payload, `#` and two hex digits of checksum; the receiver
acknowledges it with `+`. (GDB's manual, appendix E, "Remote Serial Protocol".)
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from grade.machine.channel import Channel
from grade.machine.gdb_registers import Register, RegisterMap, read_register_map

# QEMU takes and sends at most 4096 characters a packet; memory is two characters a byte.
_MEMORY_CHUNK = 1024
_XML_CHUNK = 0xFF0
_PACKET = re.compile(rb"\$([^#]*)#([0-9a-fA-F]{2})", re.DOTALL)


class GdbError(Exception):
    """The stub refused a request, or answered what the protocol does not allow."""


@dataclass(frozen=True)
class StopReply:
    """What the stub says when the guest stops.

    `signal` is gdb's number: 2 interrupted, 3 shut down or reset, 5 breakpoint, watchpoint or step.
    `watched` is the address of the watchpoint that was hit. `exited` means that QEMU is going away.
    """

    signal: int
    watched: int | None = None
    exited: bool = False


def encode_packet(payload: bytes) -> bytes:
    """Frames a payload as a packet."""
    return b"$%s#%02x" % (payload, sum(payload) % 256)


def parse_stop_reply(payload: bytes) -> StopReply:
    """Reads a packet such as `T05thread:01;watch:8000;`. Raises GdbError if it is not a stop."""
    if match := re.match(rb"[WX]([0-9a-f]{2})", payload):
        return StopReply(signal=int(match[1], 16), exited=True)
    if not (match := re.match(rb"[TS]([0-9a-f]{2})", payload)):
        raise GdbError(f"the gdb stub sent {payload!r} where a stop was due")
    watch = re.search(rb"[ra]?watch:([0-9a-f]+)", payload)
    return StopReply(signal=int(match[1], 16), watched=int(watch[1], 16) if watch else None)


class GdbRemote:
    """Speaks to one gdb stub

    Any call may raise ConnectionError if QEMU has gone, and TimeoutError if it does not answer
    in time. Addresses are virtual unless the name says otherwise.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._received = b""
        self._acknowledge = True

    def connect(self) -> None:
        """Agrees on the protocol: register descriptions yes, acknowledgements no if the stub can."""
        if self.request(b"QStartNoAckMode") == b"OK":
            self._acknowledge = False
        if b"qXfer:features:read+" not in self.request(b"qSupported:xmlRegisters=i386,arm"):
            raise GdbError("the gdb stub does not describe its registers")

    def request(self, payload: bytes) -> bytes:
        """Sends one packet and returns the payload of the answer."""
        self._channel.send(encode_packet(payload))
        return self._receive_packet()

    def command(self, payload: bytes) -> None:
        """Sends a packet that has no result. Raises GdbError unless the answer is OK."""
        if (answer := self.request(payload)) != b"OK":
            raise GdbError(f"the gdb stub refused {payload.decode()}: {answer.decode() or 'unknown request'}")

    # Registers

    @cached_property
    def register_map(self) -> RegisterMap:
        """The registers that the stub describes; read once."""
        return read_register_map(self._read_xml)

    def read_general_registers(self) -> dict[str, int]:
        """Returns the registers of the `g` packet by their small names, except those wider than 64 bits."""
        values = bytes.fromhex(self._checked(b"g").decode())
        registers = {}
        for register in self.register_map.by_number:
            value, values = values[: register.bits // 8], values[register.bits // 8 :]
            if len(value) * 8 < register.bits:
                break
            if register.bits <= 64:
                registers[register.name.lower()] = int.from_bytes(value, "little")
        return registers

    def read_register(self, register: Register) -> int:
        """Returns one register's value. Raises GdbError if the stub cannot read it."""
        answer = self._checked(b"p%x" % register.number)
        if not answer:
            raise GdbError(f"the gdb stub cannot read the register {register.name}")
        return int.from_bytes(bytes.fromhex(answer.decode()), "little")

    def write_register(self, register: Register, value: int) -> None:
        """Sets one register. Raises GdbError, but QEMU may ignore a write and say OK."""
        data = value.to_bytes(register.bits // 8, "little").hex().encode()
        self.command(b"P%x=%s" % (register.number, data))

    # Memory

    def read_memory(self, address: int, size: int) -> bytes:
        """Returns `size` bytes. Raises GdbError if a page is not mapped."""
        data = b""
        while len(data) < size:
            chunk = min(size - len(data), _MEMORY_CHUNK)
            answer = self.request(b"m%x,%x" % (address + len(data), chunk))
            if _is_error(answer):
                raise GdbError(f"cannot read {chunk} bytes at {address + len(data):#x}: {answer.decode()}")
            data += bytes.fromhex(answer.decode())
        return data

    def write_memory(self, address: int, data: bytes) -> None:
        """Writes bytes; like a debugger's write, it ignores write protection. Raises GdbError."""
        for start in range(0, len(data), _MEMORY_CHUNK):
            chunk = data[start : start + _MEMORY_CHUNK]
            self.command(b"M%x,%x:%s" % (address + start, len(chunk), chunk.hex().encode()))

    @contextmanager
    def physical_addresses(self) -> Iterator[None]:
        """Makes memory requests take physical addresses within this context.

        The stub would keep the mode even for the next client, so it is always restored.
        """
        self.command(b"Qqemu.PhyMemMode:1")
        try:
            yield
        finally:
            self.command(b"Qqemu.PhyMemMode:0")

    # Stopping and running

    def insert_breakpoint(self, address: int, size: int, hardware: bool = False) -> None:
        """Stops the guest before it executes `address`, whatever the address space."""
        self.command(b"Z%d,%x,%x" % (hardware, address, size))

    def remove_breakpoint(self, address: int, size: int, hardware: bool = False) -> None:
        self.command(b"z%d,%x,%x" % (hardware, address, size))

    def insert_watchpoint(self, address: int, size: int) -> None:
        """Stops the guest after it has written to `size` bytes at `address`."""
        self.command(b"Z2,%x,%x" % (address, size))

    def remove_watchpoint(self, address: int, size: int) -> None:
        self.command(b"z2,%x,%x" % (address, size))

    def resume(self) -> None:
        """Lets the guest run; a stop reply will arrive later."""
        self._channel.send(encode_packet(b"c"))

    def step(self) -> None:
        """Lets the guest run one instruction; a stop reply will arrive later."""
        self._channel.send(encode_packet(b"s"))

    def interrupt(self) -> None:
        """Asks a running guest to stop; a stop reply will arrive later, unless it has stopped already."""
        self._channel.send(b"\x03")

    def poll_stop(self) -> StopReply | None:
        """Returns the stop reply if it has arrived, without waiting."""
        self._received += self._channel.receive_arrived()
        payload = self._take_packet()
        return None if payload is None else parse_stop_reply(payload)

    # Packets

    def _read_xml(self, name: str) -> str:
        text = b""
        while True:
            answer = self.request(b"qXfer:features:read:%s:%x,%x" % (name.encode(), len(text), _XML_CHUNK))
            if answer[:1] not in (b"l", b"m"):
                raise GdbError(f"the gdb stub does not have its own file {name}: {answer.decode()}")
            text += answer[1:]
            if answer[:1] == b"l":
                return text.decode()

    def _checked(self, payload: bytes) -> bytes:
        answer = self.request(payload)
        if _is_error(answer):
            raise GdbError(f"the gdb stub refused {payload.decode()}: {answer.decode()}")
        return answer

    def _receive_packet(self) -> bytes:
        while (payload := self._take_packet()) is None:
            self._received += self._channel.receive()
        return payload

    def _take_packet(self) -> bytes | None:
        """Takes the first whole packet out of what has been received, and acknowledges it."""
        match = _PACKET.search(self._received)
        if match is None:
            return None
        self._received = self._received[match.end() :]
        payload = match[1]
        if sum(payload) % 256 != int(match[2], 16):
            raise GdbError(f"the gdb stub sent a packet with a wrong checksum: {match[0]!r}")
        if self._acknowledge:
            self._channel.send(b"+")
        return _unescape(payload)


def _is_error(answer: bytes) -> bool:
    return re.fullmatch(rb"E[0-9a-f]{2}", answer) is not None


def _unescape(payload: bytes) -> bytes:
    """Undoes the escapes of binary data: `}` and the byte XOR 0x20."""
    return re.sub(rb"\}(.)", lambda match: bytes([match[1][0] ^ 0x20]), payload, flags=re.DOTALL)
