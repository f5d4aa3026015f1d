"""An HTTP server whose paths say how a connection ends. Runs in the server's namespace.

    GET  /bytes/N       N bytes; keeps the connection (HTTP/1.1) or closes it ("Connection: close")
    GET  /after-eof/N   waits until the client has closed its side, then sends N bytes and closes
    GET  /hold          waits until the client has closed its side, then keeps its own side open
    GET  /reset         answers with a reset
    POST /              takes the body and says how long it was
"""

import http.server
import socket
import socketserver
import struct
import sys
import threading

PORT = 8080
_forever = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        verb, _, number = self.path.lstrip("/").partition("/")
        if verb == "bytes":
            self._answer(int(number))
        elif verb == "after-eof":
            self._read_to_eof()
            self.close_connection = True
            self._answer(int(number))
        elif verb == "hold":
            self._read_to_eof()
            _forever.wait()
        elif verb == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
        else:
            self.send_error(404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(len(body) % 100)

    def _read_to_eof(self):
        while self.rfile.read(4096):
            pass

    def _answer(self, length):
        self.send_response_only(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        for start in range(0, length, 65536):
            self.wfile.write(b"x" * min(65536, length - start))

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    address_family = socket.AF_INET6
    request_queue_size = 1024
    daemon_threads = True

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def shutdown_request(self, request):
        # Closing alone sends the FIN, and with SO_LINGER 0 a RST: a shutdown before it would hide the reset.
        request.close()

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


if __name__ == "__main__":
    threading.stack_size(256 * 1024)
    server = Server(("::", PORT), Handler)
    print("ready", flush=True)
    server.serve_forever(poll_interval=60)
