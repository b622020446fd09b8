"""Requests as a collector sees them: every span that a real receiver gets, its place in a trace, and its times."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from otlp_receiver import Receiver, attributes, receiving
from patience import PATIENCE, happens
from random_models import digits, save_model
from running_service import started

pytestmark = pytest.mark.anyio

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, NOT_SAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"
STAGES = ["parse", "queue", "draws", "answer"]
TENSOR = {"name": "inputs", "shape": [1, 64], "datatype": "FP32", "data": [0] * 64}
ROUNDING = 10_000
"""Nanoseconds by which a span may differ from the header that tells of it in hundredths of a millisecond."""
MALFORMED = [
    "",
    "nonsense",
    f"00-{TRACE}-{PARENT}",
    f"00-{TRACE.upper()}-{PARENT}-01",
    f"00-{'0' * 32}-{PARENT}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE}-{PARENT}-01-extra",
    f"ff-{TRACE}-{PARENT}-01",
    f"0-{TRACE}-{PARENT}-01",
    f"00-{TRACE[:-1]}-{PARENT}-01",
    f"00-{TRACE[:-1]}g-{PARENT}-01",
    f"00-{TRACE}-{PARENT}-1",
    "00-" + "a" * 5000,
]


@pytest.fixture(scope="module")
def collector() -> Iterator[Receiver]:
    with receiving() as receiver, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        patch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=lab,service.version=9")
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
        yield receiver


@pytest.fixture(scope="module")
def few(generators: Path) -> Path:
    """A store of few models, so that a service of them starts soon."""
    save_model(generators, "mlp")
    return generators


@pytest.fixture(scope="module")
async def traced(collector: Receiver, few: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with started(store=few, tracing=True, max_header_bytes=8000) as client:
        yield client


async def span_of(collector: Receiver, answer: httpx.Response) -> Span:
    """The span that an answer names, once it has been received with its parts, which are sent before it."""
    _, _, span_id, _ = answer.headers["traceresponse"].split("-")

    def found() -> list[Span]:
        return [span for span in collector.spans if span.span_id.hex() == span_id]

    await happens(found)
    return found()[0]


async def predict(client: httpx.AsyncClient, *lines: tuple[str, str], **options: Any) -> httpx.Response:
    return await client.post("/predict", params=options, json={"inputs": digits(1)}, headers=list(lines))


async def test_a_prediction_is_a_span_of_its_clients_trace_whose_stages_follow_each_other(
    traced: httpx.AsyncClient, collector: Receiver
) -> None:
    lines = [("traceparent", SAMPLED), ("tracestate", "a=1"), ("tracestate", "b=2"), ("baggage", "secret=7")]
    answer = await predict(traced, *lines, ("x-request-id", "mine"))
    span = await span_of(collector, answer)
    assert answer.headers["traceresponse"] == f"00-{TRACE}-{span.span_id.hex()}-01"
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert (span.name, span.kind, span.trace_state) == ("POST /predict", Span.SPAN_KIND_SERVER, "a=1,b=2")
    assert attributes(span) == {
        "http.request.method": "POST",
        "http.route": "/predict",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "credence.request_id": "mine",
        "credence.model": "mlp",
        "credence.version": "1",
    }
    parts = collector.parts(span)
    assert [part.name for part in parts] == STAGES
    assert all(part.trace_id == span.trace_id for part in parts)
    edges = [(part.start_time_unix_nano, part.end_time_unix_nano) for part in parts]
    assert [start for start, _ in edges[1:]] == [end for _, end in edges[:-1]]
    assert (edges[0][0], edges[-1][1]) == (span.start_time_unix_nano, span.end_time_unix_nano)
    for (start, end), header in zip(edges[1:3], ("x-queue-time-ms", "x-compute-time-ms"), strict=True):
        assert abs(end - start - 1e6 * float(answer.headers[header])) <= ROUNDING
    wanted = {"service.name": "credence", "deployment.environment.name": "lab", "service.version": "9"}
    wanted |= {"telemetry.sdk.language": "python"}
    assert collector.resource.items() >= wanted.items()


@pytest.mark.parametrize("line", MALFORMED)
async def test_what_names_no_trace_begins_a_new_one(traced: httpx.AsyncClient, collector: Receiver, line: str) -> None:
    answer = await predict(traced, ("traceparent", line))
    assert answer.status_code == 200
    span = await span_of(collector, answer)
    assert span.parent_span_id == b""
    assert span.trace_id.hex() not in ("0" * 32, TRACE)


async def test_two_names_name_none_and_a_later_version_is_read_as_this_one(
    traced: httpx.AsyncClient, collector: Receiver
) -> None:
    twice = await span_of(collector, await predict(traced, ("traceparent", SAMPLED), ("traceparent", SAMPLED)))
    later = await span_of(collector, await predict(traced, ("traceparent", f"cc-{TRACE}-{PARENT}-01-more")))
    assert (twice.parent_span_id, later.parent_span_id.hex()) == (b"", PARENT)


async def test_what_a_client_does_not_sample_is_not_sent(traced: httpx.AsyncClient, collector: Receiver) -> None:
    answer = await predict(traced, ("traceparent", NOT_SAMPLED))
    assert re.fullmatch(f"00-{TRACE}-[0-9a-f]{{16}}-00", answer.headers["traceresponse"])
    await span_of(collector, await predict(traced))  # what was to be sent before it is there
    assert answer.headers["traceresponse"].split("-")[2] not in {span.span_id.hex() for span in collector.spans}


async def test_which_requests_are_traced_is_a_matter_of_the_standard_variable(
    few: Path, collector: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    async with started(store=few, tracing=True) as client:
        before = len(collector.spans)
        flags = (await predict(client)).headers["traceresponse"].rsplit("-", 1)[1]
        assert int(flags, 16) & 1 == 0
        await span_of(collector, await predict(client, ("traceparent", SAMPLED)))
        assert len(collector.spans) == before + 1 + len(STAGES)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/models/mlp/infer", {"inputs": [TENSOR]}),
        ("/v1/models/mlp:predict", {"instances": digits(1)}),
        ("/acquire", {"inputs": digits(4), "n": 1}),
        ("/generate/vae", {"n": 2}),
        ("/encode/infogan", {"inputs": digits(1)}),
    ],
)  # fmt: skip
async def test_whatever_computes_has_the_same_stages(
    traced: httpx.AsyncClient, collector: Receiver, path: str, body: Any
) -> None:
    answer = await traced.post(path, json=body)
    assert answer.status_code == 200, answer.text
    span = await span_of(collector, answer)
    assert [part.name for part in collector.parts(span)] == STAGES
    assert all(part.end_time_unix_nano >= part.start_time_unix_nano for part in collector.parts(span))
    assert attributes(span)["credence.model"] in path or path == "/acquire"


async def test_refusals_name_their_problem_and_only_faults_of_the_service_are_errors(
    traced: httpx.AsyncClient, collector: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = await span_of(collector, await predict(traced, samples=-1))
    nowhere = await span_of(collector, await traced.get("/jobs/secret/nothing"))
    too_long = await span_of(collector, await traced.get("/health/live", headers={"x-long": "a" * 8000}))
    monkeypatch.setattr(traced.runtime.batcher, "submit", lambda *_: 1 / 0)
    failed = await span_of(collector, await predict(traced))
    told = [(span.name, attributes(span), span.status.code) for span in (refused, nowhere, too_long, failed)]
    assert [(name, facts["http.response.status_code"], facts["error.type"]) for name, facts, _ in told] == [
        ("POST /predict", 422, "invalid-request"),
        ("GET", 404, "not-found"),
        ("GET", 431, "head-too-large"),
        ("POST /predict", 500, "internal-error"),
    ]
    assert [status for *_, status in told] == [Status.STATUS_CODE_UNSET] * 3 + [Status.STATUS_CODE_ERROR]
    assert "secret" not in str(nowhere)


async def test_a_job_goes_on_in_the_trace_of_the_request_that_asked_for_it(
    traced: httpx.AsyncClient, collector: Receiver
) -> None:
    answer = await traced.post("/project/layered", json={"inputs": digits(1)}, headers={"traceparent": SAMPLED})
    assert answer.status_code == 202, answer.text
    asked = await span_of(collector, answer)
    await happens(lambda: [span for job in collector.parts(asked) for span in collector.parts(job)])
    (job,) = collector.parts(asked)
    assert (job.name, job.trace_id.hex()) == ("job", TRACE)
    assert attributes(job) == {"credence.model": "layered", "credence.job.state": "done"}
    queue, search = collector.parts(job)
    assert (queue.name, search.name) == ("queue", "search")
    assert queue.end_time_unix_nano == search.start_time_unix_nano
    assert search.end_time_unix_nano == job.end_time_unix_nano > asked.end_time_unix_nano


async def test_a_collector_that_is_away_costs_no_request_and_is_mentioned_once(
    few: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With room for 8 spans that wait: more are dropped, and once there is a collector new ones arrive."""
    with receiving() as gone:
        port = int(gone.url.rsplit(":", 1)[1])
    settings = {"EXPORTER_OTLP_ENDPOINT": gone.url, "EXPORTER_OTLP_TIMEOUT": "1", "BSP_SCHEDULE_DELAY": "10"}
    settings |= {"BSP_MAX_QUEUE_SIZE": "8", "BSP_MAX_EXPORT_BATCH_SIZE": "8"}
    for name, value in settings.items():
        monkeypatch.setenv(f"OTEL_{name}", value)

    def said() -> list[str]:
        return [record.getMessage() for record in caplog.records if "span" in record.getMessage().lower()]

    with caplog.at_level(logging.INFO):
        async with started(store=few, tracing=True) as client:
            while not said():
                assert (await predict(client)).status_code == 200
            for _ in range(20):
                assert (await predict(client)).status_code == 200
            await asyncio.sleep(2.5)  # two more attempts and their ends
            assert len(said()) == 1
            assert said()[0].startswith("spans cannot be sent, and are dropped until they can: ")
            with receiving(port) as back:
                while not back.spans:
                    assert (await predict(client)).status_code == 200
                await asyncio.wait_for(happens(lambda: len(said()) >= 2), PATIENCE)
            assert re.fullmatch(r"spans are sent again; \d+ or more were dropped", said()[1])


async def test_without_the_setting_nothing_is_named_and_nothing_sent(few: Path, collector: Receiver) -> None:
    before = len(collector.spans)
    async with started(store=few) as client:
        assert "traceresponse" not in (await predict(client, ("traceparent", SAMPLED))).headers
        assert client.runtime.tracer is None
    assert len(collector.spans) == before
