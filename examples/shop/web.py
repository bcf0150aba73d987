"""A small HTTP server for the backend and the frontend."""

import socketserver
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from service import log


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self):
        # HTTPServer would look up this machine's name, which takes seconds where the resolver is slow.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address


class Handler(BaseHTTPRequestHandler):
    """Subclasses answer in do_GET and do_POST."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def body(self):
        """The request's body, at most 64 KB of it."""
        size = self.headers.get("Content-Length") or "0"
        if not size.isdecimal() or int(size) > 65536:
            self.close_connection = True  # what is left unread would be taken for the next request
        return self.rfile.read(min(int(size), 65536)) if size.isdecimal() else b""

    def answer(self, status, kind, text, location=None):
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(content)

    def log_request(self, code="-", size="-"):
        log(self.requestline, int(code))

    def log_message(self, words, *values):
        log(words % values)
