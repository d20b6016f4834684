"""A stream socket to QEMU that can be read with or without waiting."""

import select
import socket

# Seconds to wait for QEMU's answer to a request. It answers within a millisecond, but later on a starved server.
ANSWER_TIMEOUT = 60.0


class Channel:
    """Bytes to and from QEMU. Does not own the socket.

    Every call raises ConnectionError once QEMU has gone.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(ANSWER_TIMEOUT)
        self._socket = connection
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def receive(self) -> bytes:
        """Returns the next bytes. Raises TimeoutError if none come in time."""
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionResetError("QEMU closed the connection")
        return data

    def receive_arrived(self) -> bytes:
        """Returns what has already arrived, which may be nothing."""
        return self.receive() if self._poll.poll(0) else b""

    def fileno(self) -> int:
        return self._socket.fileno()
