"""Connections of many kinds, as a client makes them, and how each one must look to a box in between.

A kind is a function from a fresh socket and an address to the socket if it is to stay open, else None.
`EXPECTED` names the states of both ends once the connection has come to rest.
"""

import errno
import socket
import struct

from . import web_server

CLOSED_PORT = 81  # nobody listens there


def send_request(sock, path, close=False, body=None):
    """Sends one HTTP request: POST when there is a body, else GET."""
    head = f"{'POST' if body is not None else 'GET'} {path} HTTP/1.1\r\nHost: demo\r\n"
    if body is not None:
        head += f"Content-Length: {len(body)}\r\n"
    if close:
        head += "Connection: close\r\n"
    sock.sendall(head.encode() + b"\r\n" + (body or b""))


def read_answer(sock):
    """Reads exactly one answer; returns the length of its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            raise ConnectionError("the answer ended early")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    left = length - len(body)
    while left > 0:
        more = sock.recv(min(left, 65536))
        if not more:
            raise ConnectionError("the answer ended early")
        left -= len(more)
    return length


def read_to_eof(sock):
    while sock.recv(65536):
        pass


def _reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def client_closes(sock, address, size):
    sock.connect((address, web_server.PORT))
    send_request(sock, f"/bytes/{size}")
    read_answer(sock)
    sock.close()


def server_closes(sock, address, size):
    sock.connect((address, web_server.PORT))
    send_request(sock, f"/bytes/{size}", close=True)
    read_answer(sock)
    read_to_eof(sock)
    sock.close()


def keep_alive(sock, address, size):
    sock.connect((address, web_server.PORT))
    for i in range(4):
        send_request(sock, f"/bytes/{size * i // 3}")
        read_answer(sock)
    sock.close()


def upload(sock, address, size):
    sock.connect((address, web_server.PORT))
    send_request(sock, "/", body=b"u" * size)
    read_answer(sock)
    sock.close()


def half_close(sock, address, size):
    sock.connect((address, web_server.PORT))
    send_request(sock, f"/after-eof/{size}")
    sock.shutdown(socket.SHUT_WR)
    read_answer(sock)
    read_to_eof(sock)
    sock.close()


def client_resets(sock, address, size):
    sock.connect((address, web_server.PORT))
    send_request(sock, f"/bytes/{size}")
    read_answer(sock)
    _reset(sock)


def server_resets(sock, address, size):
    del size
    sock.connect((address, web_server.PORT))
    send_request(sock, "/reset")
    try:
        read_to_eof(sock)
        raise ConnectionError("the server closed instead of resetting")
    except ConnectionResetError:
        sock.close()


def refused(sock, address, size):
    del size
    try:
        sock.connect((address, CLOSED_PORT))
        raise ConnectionError("somebody listens on the closed port")
    except ConnectionRefusedError:
        sock.close()


def unanswered(sock, address, size):
    """`address` belongs to nobody. The SYN is sent; closing the socket afterwards sends nothing."""
    del size
    sock.setblocking(False)
    if sock.connect_ex((address, web_server.PORT)) != errno.EINPROGRESS:
        raise ConnectionError("the silent address answered")
    sock.close()


def stays_open(sock, address, size):
    sock.connect((address, web_server.PORT))
    send_request(sock, f"/bytes/{size}")
    read_answer(sock)
    return sock


def stays_half_closed(sock, address, size):
    del size
    sock.connect((address, web_server.PORT))
    send_request(sock, "/hold")
    sock.shutdown(socket.SHUT_WR)
    return sock


# kind -> (originator's state, responder's state)
EXPECTED = {
    client_closes: ("TIME_WAIT", "CLOSED"),
    server_closes: ("CLOSED", "TIME_WAIT"),
    keep_alive: ("TIME_WAIT", "CLOSED"),
    upload: ("TIME_WAIT", "CLOSED"),
    half_close: ("TIME_WAIT", "CLOSED"),
    client_resets: ("CLOSED", "CLOSED"),
    server_resets: ("CLOSED", "CLOSED"),
    refused: ("CLOSED", "CLOSED"),
    unanswered: ("SYN_SENT", "LISTEN"),
    stays_open: ("ESTABLISHED", "ESTABLISHED"),
    stays_half_closed: ("FIN_WAIT_2", "CLOSE_WAIT"),
}


def open_socket(version, source=None, timeout_seconds=30):
    """A socket of IP version 4 or 6; `source` is (address, port) or None."""
    sock = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    sock.settimeout(timeout_seconds)
    if source:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(source)
    return sock
