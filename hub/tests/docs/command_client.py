"""`python command_client.py SOCKET WORDS...`: a management command, run by `command_server.py` as if it were here."""

import json
import os
import socket
import sys

with socket.socket(socket.AF_UNIX) as server:
    server.connect(sys.argv[1])
    said = json.dumps({"arguments": sys.argv[2:], "folder": os.getcwd()}).encode()
    socket.send_fds(server, [said], [0, 1, 2])
    code = server.recv(1)
sys.exit(code[0] if code else 1)
