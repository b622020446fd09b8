"""A client that leaves frees its work: what waits never runs, and what runs stops at the next chunk."""

from __future__ import annotations

import socket
import time

from reliability.deadlines import hold_the_device, run_for_nobody
from reliability.promise import Promise, Result, Trial
from reliability.rows import DIGITS, body, digits
from reliability.service_process import Service

_MOST_SECONDS = 1.0


def prove(trial: Trial) -> Result:
    """Leave while a request waits in the queue, and while it runs, and count what the model did."""
    with trial.serve(hold_the_device, max_queue_seconds="600") as service:
        before = service.metric("credence_batch_rows_count", model=DIGITS)
        worker = _send(service, 0)  # at work while the others wait
        time.sleep(0.1)
        waiting = [_send(service, i) for i in range(1, trial.size + 1)]
        while service.metric("credence_queue_rows") < trial.size:
            time.sleep(0.01)
        queued = _leave(service, [*waiting, worker])
        running = 0.0
        for i in range(trial.size):
            connection = _send(service, i)
            time.sleep(0.05)
            running = max(running, _leave(service, [connection]))
        ran = service.metric("credence_batch_rows_count", model=DIGITS) - before
        with service.client() as client:
            alive = client.post("/predict", json={"inputs": digits(1)}).status_code
    broken = [
        *([f"the model finished {ran:.0f} batches for nobody"] if ran else []),
        *([f"the slots were free after {max(queued, running):.2f} s"] if max(queued, running) > _MOST_SECONDS else []),
        *([f"a good request was answered by {alive}"] if alive != 200 else []),
    ]
    return Result(
        f"{trial.size} left while they waited, {trial.size} at work",
        "connections closed without reading",
        f"{ran:.0f} batches for nobody; slots free after {queued:.2f} s and {running:.2f} s",
        broken,
    )


def _send(service: Service, seed: int) -> socket.socket:
    content = body(digits(1))
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=60)
    head = f"POST /predict?seed={seed} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    return connection


def _leave(service: Service, connections: list[socket.socket]) -> float:
    """Close connections, and return the seconds until nothing waits and the device takes new work."""
    for connection in connections:
        connection.close()
    start = time.monotonic()
    while service.metric("credence_queue_rows") and time.monotonic() < start + 10 * _MOST_SECONDS:
        time.sleep(0.01)
    return time.monotonic() - start


PROMISE = Promise(
    "leaving",
    "A client that leaves frees its work within a second",
    "clients",
    50,
    10,
    prove,
    (run_for_nobody,),
)
