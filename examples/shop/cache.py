"""The cache: the part of the Redis protocol that the shop needs (PING, GET, SET, INCR, DEL), in memory."""

import socketserver
import threading

from service import log, port_of, serve


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address):
        super().__init__(address, Session)
        self.values = {}
        self.lock = threading.Lock()

    def run(self, command, *args):
        """The answer to one command, in the protocol's own notation."""
        with self.lock:
            match command.upper(), len(args):
                case b"PING", 0:
                    return b"+PONG\r\n"
                case b"GET", 1:
                    value = self.values.get(args[0])
                    return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)
                case b"SET", 2:
                    self.values[args[0]] = args[1]
                    return b"+OK\r\n"
                case b"INCR", 1:
                    try:
                        number = int(self.values.get(args[0], b"0")) + 1
                    except ValueError:
                        return b"-ERR value is not an integer or out of range\r\n"
                    self.values[args[0]] = b"%d" % number
                    return b":%d\r\n" % number
                case b"DEL", 1:
                    return b":%d\r\n" % (self.values.pop(args[0], None) is not None)
        return b"-ERR unknown command or wrong number of arguments\r\n"


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        while command := self.read_command():
            if command[0].upper() != b"PING":
                log(*(part.decode(errors="replace")[:40] for part in command))
            self.wfile.write(self.server.run(*command))

    def read_command(self):
        """The words of the next command; none when the connection ends or speaks something else."""
        line = self.rfile.readline(65536).strip()
        if not line.startswith(b"*"):
            return line.split()  # an inline command, as typed by hand
        words = []
        for _ in range(int(line[1:])):
            size = int(self.rfile.readline(32)[1:])
            words.append(self.rfile.read(size + 2)[:size])
        return words


port = port_of("redis", me="redis")
serve(Server(("127.0.0.1", port)), port)
