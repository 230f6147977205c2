"""The witness: a service so small that it is slow only when the machine is. Run as ``python -I -S witness_server.py``.

It answers every byte with one byte, on $HOST:$PORT.
"""

import os
import socket


def main() -> None:
    """Serve one client after another."""
    with socket.create_server((os.environ["HOST"], int(os.environ["PORT"]))) as server:
        while True:
            client, _ = server.accept()
            with client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while data := client.recv(64):
                    client.sendall(data)


if __name__ == "__main__":
    main()
