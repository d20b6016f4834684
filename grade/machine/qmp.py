"""A client for QMP, QEMU's machine protocol: one JSON object a line.

QEMU greets, the client answers `qmp_capabilities`, and from then on QEMU
answers each command and sends events of its own in between. (QEMU's manual,
docs/interop/qmp-spec.)
"""

import json
from collections import deque
from typing import Any

from grade.machine.channel import Channel


class QmpError(Exception):
    """QEMU refused a command; the message names the command and QEMU's reason."""


class QmpClient:
    """Speaks QMP.

    Any call may raise ConnectionError if QEMU has gone, and TimeoutError if it
    does not answer in time.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._partial = b""
        self._messages: deque[dict[str, Any]] = deque()
        self.events: dict[str, dict[str, Any]] = {}
        """The data of the last event of each name."""
        self.greeting: dict[str, Any] = {}

    def negotiate(self) -> None:
        """Reads the greeting and enters command mode. QEMU sends no events before this."""
        self.greeting = self._next_message()
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: Any) -> Any:
        """Runs one command and returns its result. Events that arrive meanwhile go to `events`.

        An argument `cpu_index` is sent as `cpu-index`. Raises QmpError.
        """
        named = {name.replace("_", "-"): value for name, value in arguments.items()}
        request = json.dumps({"execute": command, "arguments": named})
        self._channel.send(request.encode() + b"\n")
        while True:
            message = self._next_message()
            if "event" in message:
                self._note(message)
            elif "error" in message:
                raise QmpError(f"QMP command {command} {named} failed: {message['error']['desc']}")
            else:
                return message["return"]

    def human_monitor_command(self, line: str) -> str:
        """Runs one line of QEMU's human monitor on the first CPU and returns what it prints."""
        return str(self.execute("human-monitor-command", command_line=line, cpu_index=0))

    def collect_events(self) -> None:
        """Moves what has already arrived to `events`, without waiting. To be called between commands only."""
        self._take(self._channel.receive_arrived())
        while self._messages:
            self._note(self._messages.popleft())

    def wait_event(self, name: str) -> dict[str, Any]:
        """Returns the data of the last event called `name`; waits for one if there was none."""
        while name not in self.events:
            self._note(self._next_message())
        return self.events[name]

    def _note(self, event: dict[str, Any]) -> None:
        self.events[event["event"]] = event.get("data", {})

    def _next_message(self) -> dict[str, Any]:
        while not self._messages:
            self._take(self._channel.receive())
        return self._messages.popleft()

    def _take(self, data: bytes) -> None:
        """Queues the messages that `data` completes."""
        *lines, self._partial = (self._partial + data).split(b"\n")
        self._messages.extend(json.loads(line) for line in lines if line.strip())
