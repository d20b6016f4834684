"""The parts of the protocols that a well-behaved QEMU does not show."""

import json
import socket

import pytest

from grade.machine.channel import Channel
from grade.machine.facts import parse_facts
from grade.machine.gdb_registers import read_register_map
from grade.machine.gdb_remote import GdbError, GdbRemote, StopReply, encode_packet, parse_stop_reply
from grade.machine.qmp import QmpClient, QmpError


@pytest.fixture
def ends():
    """Yields a channel, and the socket at its other end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours), theirs


def test_packet_has_its_checksum():
    assert encode_packet(b"m0,4") == b"$m0,4#fd"


@pytest.mark.parametrize(
    ("payload", "reply"),
    [
        (b"T05thread:01;", StopReply(5)),
        (b"S02", StopReply(2)),
        (b"T05thread:01;watch:ffff800000001000;", StopReply(5, watched=0xFFFF800000001000)),
        (b"W00", StopReply(0, exited=True)),
    ],
)
def test_stop_replies(payload, reply):
    assert parse_stop_reply(payload) == reply


def test_what_is_no_stop_reply_is_refused():
    with pytest.raises(GdbError, match="where a stop was due"):
        parse_stop_reply(b"OK")


def test_wrong_checksum_is_found(ends):
    channel, theirs = ends
    theirs.sendall(b"+$OK#00")
    with pytest.raises(GdbError, match="wrong checksum"):
        GdbRemote(channel).request(b"g")


def test_packet_in_pieces_is_put_together(ends):
    channel, theirs = ends
    theirs.sendall(b"+$T05thr")
    gdb = GdbRemote(channel)
    assert gdb.poll_stop() is None
    theirs.sendall(b"ead:01;#07")
    assert gdb.poll_stop() == StopReply(5)


def test_escaped_bytes_come_back(ends):
    channel, theirs = ends
    theirs.sendall(encode_packet(b"l<a}\x03>"))
    assert GdbRemote(channel).request(b"qXfer") == b"l<a#>"


def test_physical_mode_is_put_back_after_an_error(ends):
    channel, theirs = ends
    theirs.sendall(encode_packet(b"OK") + encode_packet(b"E14") + encode_packet(b"OK"))
    gdb = GdbRemote(channel)
    with pytest.raises(GdbError, match="cannot read"), gdb.physical_addresses():
        gdb.read_memory(0x1000, 8)
    assert b"Qqemu.PhyMemMode:0" in theirs.recv(4096)


def test_closed_gdb_connection_is_an_error(ends):
    channel, theirs = ends
    theirs.close()
    with pytest.raises(ConnectionError):
        GdbRemote(channel).request(b"g")


def test_registers_are_numbered_across_files():
    files = {
        "target.xml": '<target><xi:include href="core.xml"/><xi:include href="system.xml"/></target>',
        "core.xml": '<feature><reg name="x0" bitsize="64"/><!-- <reg name="no" bitsize="8"/> -->'
        '<reg name="pc" bitsize="64"/></feature>',
        "system.xml": '<feature><reg name="SCTLR" bitsize="64" regnum="68"/>' '<reg name="VBAR" bitsize="32"/></feature>',
    }
    registers = read_register_map(files.__getitem__)
    found = [registers.find(name) for name in ("x0", "PC", "sctlr", "vbar")]
    assert [(register.number, register.bits) for register in found] == [(0, 64), (1, 64), (68, 64), (69, 32)]
    assert registers.find("sctlr_el1", "sctlr").name == "SCTLR"
    assert registers.find("cr3") is None


def test_qmp_keeps_events_that_come_between(ends):
    channel, theirs = ends
    shutdown = {"event": "SHUTDOWN", "data": {"reason": "x"}}
    messages = [{"QMP": {}}, {"event": "STOP"}, {"return": {}}, shutdown]
    theirs.sendall(b"".join(json.dumps(message).encode() + b"\r\n" for message in messages))
    qmp = QmpClient(channel)
    qmp.negotiate()
    assert qmp.wait_event("SHUTDOWN") == {"reason": "x"}
    assert qmp.events.keys() == {"STOP", "SHUTDOWN"}


def test_qmp_error_names_the_command(ends):
    channel, theirs = ends
    theirs.sendall(b'{"error": {"class": "GenericError", "desc": "no such device"}}\n')
    with pytest.raises(QmpError, match="QMP command device_del {'id': 'a'} failed: no such device"):
        QmpClient(channel).execute("device_del", id="a")


def test_facts_are_found_among_other_text():
    text = "hello\n@boot nonce=0x1 isa=i386\r\n @indented a=1\n@\n@todo lab=1 function=map(a=b)\n@cut of=f"
    facts = parse_facts(text)
    assert [(fact.name, fact.values) for fact in facts] == [
        ("boot", {"nonce": "0x1", "isa": "i386"}),
        ("todo", {"lab": "1", "function": "map(a=b)"}),
    ]
    assert facts[0].line == "@boot nonce=0x1 isa=i386"
