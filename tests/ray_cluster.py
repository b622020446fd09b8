"""A cluster of Ray with two nodes on this machine, in a process of its own, and the service on it.

Ray's driver changes signal handlers, and its processes shall not count coverage, hence the process: run as a program,
this file holds the cluster, and takes orders on its standard input.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import httpx
from conftest import missing
from patience import PATIENCE, wait_until

ROOT = Path(__file__).parents[1]
T = TypeVar("T")


def nodes_environment() -> dict[str, str]:
    """What the environment of every node has to have."""
    lines = (ROOT / "docker" / "ray" / "nodes.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


class RayCluster:
    """The service on two nodes, a replica and a free CPU on either; requests go to the first node.

    Args:
        folder: Folder for what is written.
        store: Folder of checkpoints.
        settings: Settings of the service.
    """

    def __init__(self, folder: Path, store: Path, **settings: str) -> None:
        if find_spec("ray") is None:
            missing("ray", "ray is not installed")
        self.store = store
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("COV")},
            "PYTHONPATH": str(ROOT),
            **nodes_environment(),
            "RAY_USAGE_STATS_ENABLED": "0",
            "CREDENCE_STORE": str(store),
            "CREDENCE_DEVICE": "cpu",
            **{f"CREDENCE_{name.upper()}": value for name, value in settings.items()},
        }
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        with (folder / "cluster.log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, __file__, str(port)],
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        if not self._is_done():
            self.stop()
            raise AssertionError((folder / "cluster.log").read_text())
        self.wait_for_replicas(2)

    def replicas(self) -> set[str]:
        """The ids of the replicas that are ready."""
        try:
            text = httpx.get(f"{self.url}/metrics", timeout=PATIENCE).text
        except httpx.TransportError:  # no proxy listens yet
            return set()
        ready = (line for line in text.splitlines() if line.startswith("credence_ready{"))
        return {line.split('"')[1] for line in ready}

    def wait_for_replicas(self, count: int) -> None:
        wait_until(lambda: len(self.replicas()) == count)

    def kill_a_node(self) -> None:
        """Kill the second node with its replica, without a warning to anybody."""
        self._order("kill")

    def add_a_node(self) -> None:
        """Start another node, on which Serve then starts a replica."""
        self._order("add")

    def _order(self, order: str) -> None:
        assert self.process.stdin
        print(order, file=self.process.stdin, flush=True)
        assert self._is_done()

    def _is_done(self) -> bool:
        """Wait until the last order has been carried out; Ray says things of its own meanwhile."""
        assert self.process.stdout
        for line in iter(self.process.stdout.readline, ""):
            if line.startswith("done "):
                self.address = line.split()[1]
                return True
        return False

    def stop(self) -> None:
        self.process.communicate(timeout=PATIENCE)


@contextmanager
def ray_cluster(folder: Path, store: Path, **settings: str) -> Iterator[RayCluster]:
    """A cluster that is stopped in the end."""
    cluster = RayCluster(folder, store, **settings)
    try:
        yield cluster
    finally:
        cluster.stop()


def hold(port: int) -> None:
    """Hold a cluster of two nodes with the service until the standard input ends."""
    import ray
    from ray import serve
    from ray.cluster_utils import Cluster

    from service.ray_app import deployment

    node = {"num_cpus": 2, "include_dashboard": False, "object_store_memory": 100 * 2**20}
    cluster = patiently(lambda: Cluster(initialize_head=True, head_node_args=node))
    second = patiently(lambda: cluster.add_node(num_cpus=2))
    ray.init(address=cluster.address, log_to_driver=False)
    # Two nodes of one machine cannot have proxies at one port.
    serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
    serve.run(deployment().options(num_replicas=2).bind(), name="credence")
    say_done(cluster.address)
    for order in sys.stdin:
        if order.strip() == "kill":
            cluster.remove_node(second, allow_graceful=False)
        else:
            second = patiently(lambda: cluster.add_node(num_cpus=2))
        say_done(cluster.address)
    ray.shutdown()
    cluster.shutdown()


def patiently(start: Callable[[], T]) -> T:
    """Start a node; Ray gives up after half a minute, which a busy machine may need."""
    for _ in range(3):
        try:
            return start()
        except Exception as error:  # Ray raises no other
            last = error
    raise last


def say_done(address: str) -> None:
    sys.stdout.write(f"done {address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    hold(int(sys.argv[1]))
