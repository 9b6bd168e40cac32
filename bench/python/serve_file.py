"""Serves one file over HTTP/1.1 on the loopback address by sendfile(2): bytes go from the page cache to the socket
without passing through Python, so that the server does not bound what is measured. Range and HEAD are understood.

Usage: serve_file.py FILE; prints the port, ends when its standard input does.
"""

import os
import re
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler

PATH = sys.argv[1]
SIZE = os.path.getsize(PATH)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        start, end = self.answer()
        with open(PATH, "rb") as file:
            while start <= end:
                sent = os.sendfile(self.connection.fileno(), file.fileno(), start, min(end + 1 - start, 1 << 24))
                if sent == 0:
                    break
                start += sent

    def answer(self):
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = (int(asked[1]), int(asked[2] or SIZE - 1)) if asked else (0, SIZE - 1)
        end = min(end, SIZE - 1)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(end - start + 1))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", "application/octet-stream")
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{end}/{SIZE}")
        self.end_headers()
        self.wfile.flush()
        return start, end

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_):
        pass


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
