"""Ray Serve: every replica is a `tensorferry serve` of its own, on a free port of its machine.

On each machine of the cluster, in the same folder:  npm install && pip install --requirement requirements.txt
Try it on one machine:                               serve run application:application
On a cluster that runs:                              serve deploy serve-config.yaml

Ray places, counts, restarts and scales the replicas, and its proxy (port 8000) gives them the requests. The server
batches, checks and answers. Requests and replies pass through as they are: paths, headers, status, bodies. Ray reads a
request's body whole before a replica gets it; replies are passed on while they arrive.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import aiohttp
from ray import serve
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

FOLDER = Path(__file__).resolve().parent
# The program, as a JSON list; the default is what npm install put here.
PROGRAM = json.loads(os.environ.get("TENSORFERRY_PROGRAM", "null")) or [
    "node",
    str(FOLDER / "node_modules" / "tensorferry" / "dist" / "main.js"),
]
ARGUMENTS: list[str] = []
# Seconds until its models are loaded, verified and warm.
START_SECONDS = 300
# Seconds that it is given to answer what it has taken.
STOP_SECONDS = 45
# These belong to one connection and are not passed on; lengths are counted anew, bodies stay packed as they are.
HOP_BY_HOP = {
    "connection",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


# Linux ends the server when its replica dies, even by SIGKILL: asked for in between, in a process without threads.
END_WITH_PARENT = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.execvp(sys.argv[1], sys.argv[1:])"


class ServerProcess:
    """One `tensorferry serve`."""

    def __init__(self) -> None:
        self.process: subprocess.Popen | None = None
        self.url: str | None = None
        self._known = threading.Event()
        self._ending = False
        # Linux ties a child to the thread that started it: this one lives as long as the server.
        threading.Thread(target=self._run, name="tensorferry-serve", daemon=True).start()

    def _run(self) -> None:
        try:
            command = [*PROGRAM, "serve", *ARGUMENTS]
            if sys.platform == "linux":
                command = [sys.executable, "-c", END_WITH_PARENT, *command]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            # One line of JSON, printed once it is ready; what follows is drained.
            for line in self.process.stdout:
                if self.url is None:
                    self.url = json.loads(line)["url"]
                    self._known.set()
            self.process.wait()
            if self.url is not None and not self._ending:
                # Ray starts another replica at once; after failed checks of its health it would be later.
                os._exit(1)
        finally:
            self._known.set()

    def wait_until_ready(self) -> str:
        self._known.wait(START_SECONDS)
        if self.url is None:
            self.end()
            code = None if self.process is None else self.process.poll()
            raise RuntimeError(f"tensorferry serve was not ready within {START_SECONDS} s (exit code {code})")
        return self.url

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def end(self) -> None:
        self._ending = True
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()


@serve.deployment(
    num_replicas=2,
    max_ongoing_requests=256,
    ray_actor_options={"num_cpus": 2},
    health_check_period_s=5,
    health_check_timeout_s=5,
    graceful_shutdown_timeout_s=STOP_SECONDS + 5,
)
class Tensorferry:
    """A replica: starts the server, passes requests to it, and tells Ray whether it is well."""

    def __init__(self) -> None:
        self.server = ServerProcess()
        self.url = self.server.wait_until_ready()
        self.client: aiohttp.ClientSession | None = None

    def session(self) -> aiohttp.ClientSession:
        if self.client is None:
            # The server has its own limits; bodies are not unpacked on the way.
            self.client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
            )
        return self.client

    async def check_health(self) -> None:
        """Ray replaces a replica for which this raises."""
        if not self.server.is_running():
            raise RuntimeError("tensorferry serve has ended")
        async with self.session().get(f"{self.url}/v2/health/live") as reply:
            if reply.status != 200:
                raise RuntimeError(f"/v2/health/live answered {reply.status}")

    async def __call__(self, request: Request) -> Response:
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP]
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        try:
            body = await request.body()
            reply = await self.session().request(
                request.method,
                self.url + target,
                headers=headers,
                data=body or None,
                skip_auto_headers=["Content-Type", "User-Agent", "Accept-Encoding"],
                allow_redirects=False,
            )
        except ClientDisconnect:
            return Response(status_code=499)
        except aiohttp.ClientError as error:
            return JSONResponse({"error": f"the replica's server does not answer: {error}"}, status_code=503)
        kept = {name: value for name, value in reply.headers.items() if name.lower() not in HOP_BY_HOP}

        async def chunks():
            try:
                async for chunk in reply.content.iter_any():
                    yield chunk
            finally:
                # Read to its end or not: the connection is free again, or closed, which tells the server to stop.
                reply.close() if not reply.content.at_eof() else reply.release()

        return StreamingResponse(chunks(), status_code=reply.status, headers=kept)

    def __del__(self) -> None:
        client, server = getattr(self, "client", None), getattr(self, "server", None)
        if client is not None and not client.closed:
            # Without a loop there is nobody left to close it for.
            with contextlib.suppress(RuntimeError):
                self._closing = asyncio.get_running_loop().create_task(client.close())
        if server is not None:
            server.end()


application = Tensorferry.bind()
