"""A small HTTP/2 client with prior knowledge, as AWS's JavaScript SDK speaks to `http://` endpoints."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events


@dataclass
class Answered:
    """One answer; `reset` if the server ended the stream without one."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    ended: bool = False
    reset: bool = False


class ConnectionCut(Exception):
    """The server closed the connection before all answers were there."""


class Http2:
    """One connection."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, timeout=30)
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self._h2.initiate_connection()
        self._answers: dict[int, Answered] = {}
        self._flush()

    def close(self) -> None:
        """Closes it."""
        self._socket.close()

    def post_all(self, requests: Sequence[tuple[str, Mapping[str, str], bytes]]) -> list[Answered]:
        """Sends requests (path, headers, body) side by side on streams of their own; all answers in their order."""
        streams = [self._begin(path, headers) for path, headers, _ in requests]
        for stream, (_, _, body) in zip(streams, requests, strict=True):
            self._send_body(stream, body)
        while not all(self._answers[stream].ended or self._answers[stream].reset for stream in streams):
            self._receive()
        return [self._answers[stream] for stream in streams]

    def send(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """Sends a request and does not wait; the number of its stream."""
        stream = self._begin(path, headers)
        self._send_body(stream, body)
        return stream

    def abandon(self, stream: int) -> None:
        """Resets a stream: its answer is no longer wanted."""
        self._h2.reset_stream(stream)
        self._flush()

    def _begin(self, path: str, headers: Mapping[str, str]) -> int:
        stream = self._h2.get_next_available_stream_id()
        pseudo = [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", path)]
        self._h2.send_headers(stream, [*pseudo, *headers.items()])
        self._answers[stream] = Answered()
        return stream

    def _send_body(self, stream: int, body: bytes) -> None:
        sent = 0
        while sent < len(body):
            window = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
            if window == 0:
                self._flush()
                self._receive()
                continue
            self._h2.send_data(stream, body[sent : sent + window])
            sent += window
        self._h2.end_stream(stream)
        self._flush()

    def _flush(self) -> None:
        self._socket.sendall(self._h2.data_to_send())

    def _receive(self) -> None:
        try:
            data = self._socket.recv(65_536)
        except ConnectionError as error:
            raise ConnectionCut from error
        if not data:
            raise ConnectionCut
        for event in self._h2.receive_data(data):
            self._take(event)
        self._flush()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            answer = self._answers[event.stream_id]
            answer.headers = {str(name): str(value) for name, value in event.headers}
            answer.status = int(answer.headers[":status"])
        elif isinstance(event, h2.events.DataReceived):
            self._answers[event.stream_id].body += event.data
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self._answers[event.stream_id].ended = True
        elif isinstance(event, h2.events.StreamReset):
            self._answers[event.stream_id].reset = True
