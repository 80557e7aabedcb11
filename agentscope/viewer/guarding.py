"""What the page's server lets in and sends out: this machine, this page, small bodies, and a strict policy for scripts.

A page of another site can make a browser send requests to 127.0.0.1, directly (Origin tells) or through a name of its
own that it points here (Host tells: DNS rebinding). Both are refused before anything is read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from agentscope.errors import AgentScopeError, ConceptsMissing, EmptySample, TextError

MOST_BYTES = 2**20  # of a request's body: a strategy has at most 256 KiB
MOST_ADDRESS = 8192  # letters of an address: edits of a board are in it
NAMES = ("127.0.0.1", "localhost")
NOT_THERE = (EmptySample, ConceptsMissing)
WRITES = ("POST",)
READS = ("GET", "HEAD")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
LASTING = "/_dash-component-suites/"  # Dash's own scripts, whose addresses change with their contents


def guard(server: Flask, port: int) -> None:
    """Refuse what does not come from this machine's page; to be called before anything else is registered.

    Host must be 127.0.0.1 or localhost with this port; Origin, where it is sent, one of these; what another site makes
    a browser fetch is refused by Sec-Fetch-Site; a POST must show by one of the two that it comes from the page.
    """
    hosts = {f"{name}:{port}" for name in NAMES} | (set(NAMES) if port == 80 else set())
    origins = {f"http://{host}" for host in hosts}
    server.config["MAX_CONTENT_LENGTH"] = MOST_BYTES

    @server.before_request
    def refuse() -> Response | None:
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        if request.host not in hosts:
            return answer_error(f"This page answers to 127.0.0.1:{port} only, not to another host name.", 403)
        if origin is not None and origin not in origins:
            return answer_error("The request comes from another site's page, so it is refused.", 403)
        if site not in (None, "same-origin", "none") and (request.method not in READS or request.path != "/"):
            return answer_error("The request was made by another site, so it is refused.", 403)
        if request.method not in READS + WRITES:
            return answer_error(f"The page knows GET and POST, not {request.method[:20]}.", 405)
        if request.method in WRITES and origin is None and site != "same-origin":
            return answer_error("A POST must come from the page itself (Origin or Sec-Fetch-Site says so).", 403)
        if (request.content_length or 0) > MOST_BYTES:
            return answer_error(f"The request has more than {MOST_BYTES:,} bytes; send a shorter text.", 413)
        if len(request.full_path) > MOST_ADDRESS:
            return answer_error(f"The address has more than {MOST_ADDRESS:,} letters; make fewer edits.", 414)
        return None


def answer_errors(server: Flask) -> None:
    """Every failure as JSON {"error": one line}, never a traceback; AGENTSCOPE_DEBUG=1 lets it through to the log."""

    @server.errorhandler(AgentScopeError)
    def ours(problem: AgentScopeError) -> Response:
        return answer_error(str(problem), 404 if isinstance(problem, NOT_THERE) else 400, problem)

    @server.errorhandler(HTTPException)
    def known(problem: HTTPException) -> Response:
        return answer_error(f"{problem.name}: {problem.description}", problem.code or 500)

    @server.errorhandler(Exception)
    def unknown(problem: Exception) -> Response:
        if os.environ.get("AGENTSCOPE_DEBUG"):
            raise problem
        told = f"{type(problem).__name__}: {problem} (a fault of AgentScope: please report this line)"
        return answer_error(f"internal error: {told}", 500)


def send_headers(server: Flask, script_hashes: Callable[[], Sequence[str]]) -> None:
    """Headers of every answer; to be called after Dash has registered its own.

    Args:
        script_hashes: of the scripts that Dash writes into the page, as `Dash.csp_hashes` gives them, quotes included.
    """
    scripts = " ".join(("'self'", *script_hashes()))
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "connect-src 'self'; font-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )

    @server.after_request
    def add(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers.update(HEADERS)
        if not request.path.startswith(LASTING):
            response.headers["Cache-Control"] = "no-store"
        return response


def answer(document: Any, status: int = 200) -> Response:
    """A document as JSON; NaN and infinity are mistakes of ours and raise."""
    return Response(json.dumps(document, allow_nan=False), status, mimetype="application/json")


def answer_error(message: str, status: int, problem: AgentScopeError | None = None) -> Response:
    """An error as JSON: one line, and for a text the place where it breaks."""
    document: dict[str, Any] = {"error": " ".join(message.split())}
    if isinstance(problem, TextError):
        document |= {"line": problem.line, "column": problem.column}
    return answer(document, status)
