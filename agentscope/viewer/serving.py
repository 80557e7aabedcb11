"""The server of the page: this machine only, quiet, gone with Ctrl-C."""

from __future__ import annotations

import contextlib
import errno
import socket
import webbrowser
from dataclasses import dataclass

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from agentscope.errors import BadOption
from agentscope.pipeline.running import in_one_thread

HOST = "127.0.0.1"
FIRST_PORT = 8050  # Dash's own; the next free one is taken where it is in use
TRIED = 20
WAITING = 128  # connections that may wait while the page is being opened


class QuietHandler(WSGIRequestHandler):
    """Answers without a line a request, and without telling versions."""

    server_version = "AgentScope"
    sys_version = ""

    def version_string(self) -> str:
        """What the Server header says."""
        return self.server_version

    def log(self, type: str, message: str, *args: object) -> None:
        """Nothing: only the command line prints."""


@dataclass(frozen=True)
class Door:
    """A listening socket on this machine."""

    socket: socket.socket

    @property
    def port(self) -> int:
        """The port that was taken."""
        return int(self.socket.getsockname()[1])

    @property
    def address(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self.port}/"

    def close(self) -> None:
        """Give the port back."""
        self.socket.close()


def open_door(port: int | None) -> Door:
    """Take a port of 127.0.0.1 before the long work of opening a run begins.

    Args:
        port: 0 takes any free one; None the first free one from FIRST_PORT on.
    Raises: BadOption: the port is in use, or not allowed to this user.
    """
    why = ""
    for each in range(FIRST_PORT, FIRST_PORT + TRIED) if port is None else (port,):
        taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else a port rests a minute after its last page
        try:
            taken.bind((HOST, each))
            taken.listen(WAITING)
        except OSError as problem:
            taken.close()
            if problem.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            why = "is in use" if problem.errno == errno.EADDRINUSE else "is not allowed to you"
        else:
            return Door(taken)
    told = f"Ports {FIRST_PORT} to {FIRST_PORT + TRIED - 1} are in use" if port is None else f"Port {port} {why}"
    raise BadOption(f"{told} on {HOST}. Name another with --port, or --port 0 for any free one.")


def open_browser(address: str) -> None:
    """Show the page; a machine without a browser is no error."""
    with contextlib.suppress(webbrowser.Error, OSError):
        webbrowser.open(address)


@in_one_thread
def serve(server: Flask, door: Door) -> None:
    """Answer requests, a thread each, until Ctrl-C (which werkzeug turns into an ordinary return).

    Each request computes with one BLAS thread: threads that set and restore the number would undo each other.
    """
    with door.socket:
        running = make_server(
            HOST, door.port, server, threaded=True, request_handler=QuietHandler, fd=door.socket.fileno()
        )
        running.serve_forever()
