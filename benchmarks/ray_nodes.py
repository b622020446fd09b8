"""A cluster of Ray on this machine in a process of its own, with the service on it: orders come by standard input.

Ray's driver changes signal handlers of its process, and what is measured, or counted as covered, shall not share it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx

_ROOT = Path(__file__).parents[1]
_NODE = {"num_cpus": 2, "include_dashboard": False, "object_store_memory": 100 * 2**20}
_READY_SECONDS = 180.0
_OF_TESTS = "rfc3987_syntax"
"""Package of tools for tests that every process of Ray would import, for 2 s each; ``make ray`` does not install it."""
_STARTS = 3
"""Attempts to start a node: Ray gives up after half a minute, which a busy machine may need."""
T = TypeVar("T")


class Cluster:
    """The service on one node or two, with a replica on each; all requests go to the proxy of the first.

    Args:
        folder: Folder for its log.
        store: Store of checkpoints.
        replicas: Number of replicas, and of nodes.
        settings: Settings of the service, by their names.

    Attributes:
        store: Store of checkpoints.
        environment: Environment of its nodes.
        port: Port of the proxy on this machine.
        url: Address of the proxy.
        address: Address of the cluster.

    Raises:
        RuntimeError: if it does not get ready; with its log.
    """

    def __init__(self, folder: Path, store: Path, replicas: int, settings: Mapping[str, str]) -> None:
        self.store = store
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        lines = (_ROOT / "docker" / "ray" / "nodes.env").read_text(encoding="utf-8").splitlines()
        fixed = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
        (hiding := folder / "hiding").mkdir(exist_ok=True)
        (hiding / f"{_OF_TESTS}.py").write_text("raise ImportError", encoding="utf-8")
        path = os.pathsep.join([str(hiding), str(_ROOT)])
        fixed |= {"RAY_USAGE_STATS_ENABLED": "0", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": path}
        own = {"store": str(store), "device": "cpu", **settings}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        self.environment = inherited | fixed | {f"CREDENCE_{name.upper()}": value for name, value in own.items()}
        self._log = folder / f"cluster-{time.monotonic_ns()}.log"
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(self.port), str(replicas)],
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        try:
            self.address = self._wait_done()
            self.wait_ready(replicas)
        except BaseException:
            self.stop()
            raise

    def wait_ready(self, replicas: int) -> None:
        """Wait until so many replicas are ready."""
        deadline = time.monotonic() + _READY_SECONDS
        while len(self.replicas()) != replicas:
            if time.monotonic() > deadline:
                raise RuntimeError(self._log.read_text(encoding="utf-8"))
            time.sleep(0.2)

    def replicas(self) -> set[str]:
        """Return the ids of the replicas that are ready."""
        with contextlib.suppress(httpx.TransportError):  # no proxy listens yet
            lines = httpx.get(f"{self.url}/metrics", timeout=_READY_SECONDS).text.splitlines()
            ready = (line for line in lines if line.startswith("credence_ready{") and line.endswith(" 1.0"))
            return {line.split('"')[1] for line in ready}
        return set()

    def order(self, what: str) -> None:
        """Have an order carried out: ``kill`` the second node, ``add`` one, or ``update`` all replicas.

        ``join`` adds an application of another store, whose folder ends in ``-2``, at ``/second``; ``part`` ends it.
        """
        assert self._process.stdin is not None
        print(what, file=self._process.stdin, flush=True)
        self._wait_done()

    def _wait_done(self) -> str:
        """Wait until the last order has been carried out, and return the address of the cluster.

        Ray says things of its own meanwhile.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("done "):
                return line.split()[1]
        raise RuntimeError(self._log.read_text(encoding="utf-8"))

    def stop(self) -> None:
        """End the cluster."""
        self._process.communicate(timeout=_READY_SECONDS)


@contextlib.contextmanager
def cluster(folder: Path, store: Path, replicas: int, **settings: str) -> Iterator[Cluster]:
    """Return a cluster that is stopped in the end."""
    made = Cluster(folder, store, replicas, settings)
    try:
        yield made
    finally:
        made.stop()


def _hold(port: int, replicas: int) -> None:
    """Hold a cluster until the standard input ends."""
    import ray
    from ray import serve
    from ray.cluster_utils import Cluster as Nodes

    from service.ray_app import deployment

    def join() -> None:
        env: dict[str, Any] = {"env_vars": {"CREDENCE_STORE": f"{os.environ['CREDENCE_STORE']}-2"}}
        second = deployment().options(ray_actor_options={"num_cpus": 1, "runtime_env": env}).bind()
        serve.run(second, name="second", route_prefix="/second")

    def run(generation: int) -> None:
        env: dict[str, Any] = {"env_vars": {"CREDENCE_SEED": str(generation)}}  # another one makes Serve replace all
        options = {"num_cpus": 1, "runtime_env": env}
        serve.run(deployment().options(num_replicas=replicas, ray_actor_options=options).bind(), name="credence")

    nodes = _start(lambda: Nodes(initialize_head=True, head_node_args=_NODE))
    others = [_start(lambda: nodes.add_node(num_cpus=2)) for _ in range(replicas - 1)]
    ray.init(address=nodes.address, log_to_driver=False)
    # Two nodes of one machine cannot have proxies at one port.
    serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
    run(0)
    _say_done(nodes.address)
    for order in map(str.strip, sys.stdin):
        if order == "kill":
            nodes.remove_node(others.pop(), allow_graceful=False)
        elif order == "add":
            others.append(_start(lambda: nodes.add_node(num_cpus=2)))
        elif order == "join":
            join()
        elif order == "part":
            serve.delete("second")
        else:
            run(1)
        _say_done(nodes.address)
    ray.shutdown()
    nodes.shutdown()


def _start(node: Callable[[], T]) -> T:
    for _ in range(_STARTS):
        try:
            return node()
        except Exception as error:  # Ray raises no other
            last = error
    raise last


def _say_done(address: str) -> None:
    sys.stdout.write(f"done {address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _hold(int(sys.argv[1]), int(sys.argv[2]))
