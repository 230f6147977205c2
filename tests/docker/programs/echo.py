"""Sends back what it gets; a line `!COMMAND` makes it do something else."""

import os
import socket
import struct
import threading
import time


def serve(client):
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    total = 0
    with client:
        while True:
            try:
                data = client.recv(65536)
            except ConnectionResetError:
                return
            if not data:
                client.sendall(b"END %d" % total)
                return
            total += len(data)
            if data == b"!reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if data == b"!half":
                client.sendall(b"half")
                client.shutdown(socket.SHUT_WR)
                rest = b""
                while more := client.recv(65536):
                    rest += more
                return
            if data == b"!close":
                client.sendall(b"bye")
                return
            if data == b"!slow":
                for number in range(20):
                    client.sendall(b"%d " % number)
                    time.sleep(0.02)
                continue
            if data.startswith(b"GET /healthz"):
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            client.sendall(data)


server = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])), backlog=1024)
threading.stack_size(256 * 1024)
while True:
    connection, _ = server.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
