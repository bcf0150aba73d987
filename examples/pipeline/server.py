"""The HTTP server of the processes that have a port."""

import socketserver
from http.server import ThreadingHTTPServer

from service import log


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self):
        # HTTPServer would look up this machine's name, which takes seconds where the resolver is slow.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address


def serve(handler, port):
    """Serve HTTP on the port until the process is told to end."""
    with Server(("127.0.0.1", port), handler) as server:
        log(f"listening on http://127.0.0.1:{port}")
        server.serve_forever()


def answer(request, status, kind, text):
    """Answer a request of an `http.server` handler."""
    content = text.encode()
    request.send_response(status)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)
