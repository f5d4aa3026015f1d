"""The daemon's HTTP API over its unix socket, as Python values."""

import http.client
import json
import socket
from urllib.parse import urlencode


class ApiError(Exception):
    """The daemon answered, but not with 2xx."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Api:
    """One request a connection. Raises OSError or http.client.HTTPException when there is no daemon."""

    def __init__(self, path, timeout=20):
        self._path, self._timeout = path, timeout

    def request(self, method, target, **query):
        """(status, headers, body) of one request."""
        if query:
            target += "?" + urlencode(query, doseq=True)
        connection = _UnixConnection(self._path, self._timeout)
        try:
            connection.request(method, target)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def get(self, target, **query):
        status, _, body = self.request("GET", target, **query)
        if status // 100 != 2:
            raise ApiError(f"GET {target}: {status}: {body.decode(errors='replace').strip()}")
        return body

    def json(self, target, **query):
        return json.loads(self.get(target, **query))

    def flows(self, **query):
        """Every flow that matches, each as the dictionary that one line of the answer is."""
        for line in self.get("/api/v1/flows", **query).splitlines():
            yield json.loads(line)
