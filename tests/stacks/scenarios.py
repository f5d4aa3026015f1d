"""Kinds of connection between two real stacks, each a function of a Pair. What is to stay open is put into pair.keep."""

import socket
import struct
import time

from netlab.topology import CLIENT, SERVER, SILENT

from crossings import CROSSING

_TCP_FASTOPEN, _MSG_FASTOPEN = 23, 0x20000000


class Pair:
    """One connection's addresses and ports, and how its ends are made."""

    def __init__(self, hosts, version, client_port, server_port, random):
        self.hosts, self.version, self.random = hosts, version, random
        self.client_end = CLIENT[version], client_port
        self.server_end = SERVER[version], server_port
        self.keep = []

    def client_socket(self):
        sock = self.hosts.socket(self.hosts.client, self.version)
        sock.bind(self.client_end)
        return sock

    def listener(self, receive_buffer=None):
        sock = self.hosts.socket(self.hosts.server, self.version)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.bind(self.server_end)
        sock.setsockopt(socket.IPPROTO_TCP, _TCP_FASTOPEN, 16)
        sock.listen(4)
        return sock

    def open(self, client_buffer=None, server_buffer=None, mss=None):
        listener, client = self.listener(server_buffer), self.client_socket()
        if client_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, client_buffer)
        if mss:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
        client.connect(self.server_end)
        server, _ = listener.accept()
        server.settimeout(40)
        listener.close()
        return client, server


def _give(sender, receiver, count):
    """Sends `count` bytes while the other end reads them."""
    left, sender_flags = count, sender.gettimeout()
    sender.setblocking(False)
    unsent = memoryview(bytes(count))
    while left:
        try:
            unsent = unsent[sender.send(unsent[:65536]):] if unsent else unsent
        except BlockingIOError:
            pass
        receiver.settimeout(0.05 if unsent else 40)
        try:
            data = receiver.recv(1 << 20)
        except (TimeoutError, BlockingIOError):
            continue
        if not data:
            raise ConnectionError("ended early")
        left -= len(data)
    sender.settimeout(sender_flags)
    receiver.settimeout(40)


def _close(first, second):
    """`first` closes, `second` sees it and closes too."""
    first.close()
    while second.recv(65536):
        pass
    second.close()


def _set_traffic_class(pair, sockets, value):
    for sock in sockets:
        if pair.version == 4:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, value)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, value)


def _reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def bulk_both_ways(pair):
    client, server = pair.open()
    _give(client, server, pair.random.choice([1, 1000, 60_000]))
    _give(server, client, pair.random.choice([1, 5000, 150_000]))
    _close(*pair.random.choice([(client, server), (server, client)]))


def no_window_scale(pair):
    client, server = pair.open(client_buffer=16_000, server_buffer=16_000)
    _give(client, server, 40_000)
    _give(server, client, 40_000)
    _close(server, client)


def one_small_window(pair):
    client, server = pair.open(client_buffer=8_000)
    _give(client, server, 100_000)
    _give(server, client, 30_000)
    _close(client, server)


def small_segments(pair):
    client, server = pair.open(mss=200)
    _give(client, server, 20_000)
    _close(client, server)


def half_close(pair):
    client, server = pair.open()
    client.sendall(b"q" * 100)
    client.shutdown(socket.SHUT_WR)
    while server.recv(65536):
        pass
    _give(server, client, 30_000)
    _close(server, client)


def reset_by_client(pair):
    client, server = pair.open()
    _give(client, server, 3000)
    _reset(client)
    try:
        server.recv(1)
    except ConnectionResetError:
        pass
    server.close()


def reset_with_unread_data(pair):
    client, server = pair.open()
    client.sendall(b"u" * 5000)
    server.recv(1)
    server.close()  # what was not read makes it a RST
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        pass
    client.close()


def refused(pair):
    client = pair.client_socket()
    try:
        client.connect(pair.server_end)
    except ConnectionRefusedError:
        pass
    client.close()


def unanswered(pair):
    client = pair.client_socket()
    client.setblocking(False)
    pair.server_end = SILENT[pair.version], pair.server_end[1]
    client.connect_ex(pair.server_end)
    pair.keep.append(client)


def fast_open(pair):
    """Data in the SYN, once there is a cookie; its answer may come before the third ACK."""
    listener, client = pair.listener(), pair.client_socket()
    client.settimeout(None)  # without a cookie it waits for the SYN+ACK, as connect() does
    client.sendto(b"f" * 300, _MSG_FASTOPEN, pair.server_end)
    client.settimeout(40)
    server, _ = listener.accept()
    listener.close()
    server.settimeout(40)
    server.sendall(b"answer")
    got = 0
    while got < 300:
        got += len(server.recv(65536))
    client.recv(6)
    _close(server, client)


def keep_alive(pair):
    client, server = pair.open()
    for name, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 30)):
        client.setsockopt(socket.IPPROTO_TCP, name, value)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    _give(client, server, 100)
    time.sleep(2.5)
    _give(server, client, 100)
    pair.keep += [client, server]


def zero_window(pair):
    client, server = pair.open(client_buffer=4000)
    server.setblocking(False)
    sent = 0
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        try:
            sent += server.send(bytes(10_000))
        except BlockingIOError:
            time.sleep(0.05)
    server.settimeout(40)
    got = 0
    while got < sent:
        got += len(client.recv(65536))
    _close(server, client)


def urgent(pair):
    client, server = pair.open()
    client.send(b"!", socket.MSG_OOB)
    _give(client, server, 500)
    _close(client, server)


def simultaneous_open(pair, traffic_class=CROSSING):
    client = pair.client_socket()
    server = pair.hosts.socket(pair.hosts.server, pair.version)
    server.bind(pair.server_end)
    _set_traffic_class(pair, (client, server), traffic_class)
    for sock, peer in ((client, pair.server_end), (server, pair.client_end)):
        sock.setblocking(False)
        sock.connect_ex(peer)
    for sock, peer in ((client, pair.server_end), (server, pair.client_end)):
        sock.settimeout(40)
    _give(client, server, 1000)
    _give(server, client, 1000)
    _set_traffic_class(pair, (client, server), 0)  # the FINs do not cross
    _close(client, server)


def simultaneous_open_in_weather(pair):
    """Mostly the SYNs cross."""
    simultaneous_open(pair, traffic_class=0)


def simultaneous_close(pair, traffic_class=CROSSING):
    client, server = pair.open()
    _give(client, server, 1000)
    _set_traffic_class(pair, (client, server), traffic_class)
    client.close()
    server.close()


def simultaneous_close_in_weather(pair):
    """Mostly the FINs cross, and some of them are lost."""
    simultaneous_close(pair, traffic_class=0)


def stays_open(pair):
    client, server = pair.open()
    _give(client, server, 5000)
    pair.keep += [client, server]


def stays_half_closed(pair):
    client, server = pair.open()
    closer = pair.random.choice([client, server])
    closer.shutdown(socket.SHUT_WR)
    pair.keep += [client, server]


KINDS = [bulk_both_ways, bulk_both_ways, no_window_scale, one_small_window, small_segments, half_close, reset_by_client, reset_with_unread_data,
         refused, unanswered, fast_open, fast_open, keep_alive, zero_window, urgent, simultaneous_open, simultaneous_open_in_weather,
         simultaneous_close, simultaneous_close_in_weather, stays_open, stays_half_closed]
