"""Runs inside a sandbox: 127.0.0.1:3128 leads to the agent's egress proxy, then the program runs.

The standard library only, without `site`: it starts with each program of an agent that has a
network. Its process ends with the sandbox.
"""

import os
import socket
import sys
import threading
from contextlib import suppress

SOCKET, PORT, PIECE = "/run/proxy.sock", 3128, 65536


def main() -> None:
    listener = socket.create_server(("127.0.0.1", PORT), backlog=64)
    if os.fork():
        listener.close()
        try:
            os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  the program that was asked for
        except OSError as error:
            sys.exit(f"{sys.argv[1]}: {error.strerror}")
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # the program's streams end with the program
        os.dup2(nowhere, stream)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client,), daemon=True).start()


def serve(client: socket.socket) -> None:
    with client, socket.socket(socket.AF_UNIX) as proxy:
        try:
            proxy.connect(SOCKET)
        except OSError:
            return
        back = threading.Thread(target=copy, args=(proxy, client), daemon=True)
        back.start()
        copy(client, proxy)
        back.join()


def copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(PIECE):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    main()
