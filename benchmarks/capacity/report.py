"""The part of ``docs/capacity.md`` that is written by ``make capacity``."""

from __future__ import annotations

from page import number, table

from capacity.plan import DEATH, FAILURE_LOAD, FEW, MANY, MOST_REPLICAS, RATES, Plan
from capacity.prices import replicas_for
from capacity.validation import TOLERANCE


def report(plan: Plan) -> str:
    """Return a plan in Markdown."""
    parts = {
        "What was measured": _times(plan),
        "The simulation beside the measurement": _agreement(plan),
        "Replicas and prices": _replicas(plan),
        "A replica dies": _failures(plan),
        "The load grows": _growth(plan),
        "Where growth ends": _limits(plan),
    }
    told = f"Measured on {plan.measured.machine}."
    told += " A quick run, of short stretches and slow replicas: the figures are rough." if plan.quick else ""
    return "\n\n".join([told, *(f"## {heading}\n\n{text}" for heading, text in parts.items())]) + "\n"


def _times(plan: Plan) -> str:
    times, around, facts = plan.measured.times, plan.measured.surroundings, plan.measured.facts
    lines = [
        ("reading a request, and as much for its answer", f"{number(1e6 * times.read)} µs"),
        ("around a batch: waking up, sockets, choosing jobs", f"{number(1e6 * times.turn)} µs"),
        ("a batch, however many rows", f"{number(1e6 * times.batch)} µs"),
        ("each row of it", f"{number(1e6 * times.row)} µs"),
        ("most rows that share a batch (20 ms by the service's estimate)", f"{times.batch_rows}"),
        ("a replica that is never idle", f"{number(times.capacity)} requests/s"),
        ("of its time the device's, as the autoscaler sees it", f"{_busy_share(plan):.0%}"),
        ("work on all cores at once, over work on one", f"{number(around.slowdown)} times"),
        ("load generator, for each request", f"{number(1e6 * (around.send + around.receive))} µs"),
        ("more, where a request finds it idle", f"{number(1e6 * times.wake)} µs"),
        ("request, answer", f"{number(facts.request_bytes)}, {number(facts.answer_bytes)} bytes"),
        ("memory of a replica with four small models", f"{number(facts.memory_bytes / 1e6)} MB"),
        ("from start to ready", f"{number(facts.start_seconds)} s"),
        ("series of metrics, and a look at them", f"{facts.series}, {number(1000 * facts.scrape_seconds)} ms"),
        (
            "answers while all are remembered in SQLite",
            f"{number(facts.remembering)}/s, {number(facts.remembered)}/s of them written",
        ),
    ]
    return table(["one replica", "measured"], lines)


def _busy_share(plan: Plan) -> float:
    """Return the share of its time for which a replica that is never idle computes."""
    times = plan.measured.times
    return (times.row + times.batch / times.batch_rows) * times.capacity


def _agreement(plan: Plan) -> str:
    lines = []
    for one in plan.agreements:
        scale, unit = (1, "requests/s") if one.figure == "goodput" else (1000, "ms")
        values = [f"{number(scale * value)} {unit}" for value in (one.measured, one.simulated)]
        lines.append(
            [f"{one.processes}, {one.load:g} ({number(one.rate)}/s)", one.figure, *values, f"{one.difference:+.0%}"]
        )
    held = sum(one.holds for one in plan.agreements)
    text = f"{held} of {len(plan.agreements)} figures agree within {TOLERANCE:.0%}."
    return f"{text}\n\n{table(['processes, load', 'figure', 'measured', 'simulated', 'difference'], lines)}"


def _replicas(plan: Plan) -> str:
    prices, times = plan.assumptions.prices, plan.measured.times
    each = {name: plan.rate_of_one(name) for name in plan.curves}
    fastest, feeding = plan.rate_of_floor(), prices.core + prices.gpu
    lines = []
    for rate in RATES:
        counts = [replicas_for(rate, one) for one in each.values()]
        costs = [prices.million(count * prices.core, rate) for count in counts]
        gpus = replicas_for(rate, fastest)
        cells = [*map(str, counts), *map(number, costs), str(gpus), number(prices.million(gpus * feeding, rate))]
        lines.append([f"{rate:,.0f}", *cells])
    kinds = [f"{what}, {name}" for what in ("replicas", "a million") for name in each]
    headings = ["requests/s", *kinds, "GPUs, at least", "a million, at least"]
    bears = "; ".join(f"{name} {number(one)}" for name, one in each.items())
    own = times.row + times.batch / times.batch_rows
    return "\n\n".join(
        [
            f"Requests/s of one replica with p99 within {1000 * plan.measured.within:g} ms, by how the balancer "
            f"chooses: {bears}; with a device that computes in no time {number(fastest)}.",
            table(headings, lines),
            f"At {prices.core:g} an hour for a core and {prices.gpu:g} for a GPU, a GPU can be cheaper for models "
            f"whose computation keeps a core busy for more than {number(1000 * prices.worthwhile_seconds(times))} ms a "
            f"prediction; this one's does for {number(1000 * own)} ms.",
        ]
    )


def _failures(plan: Plan) -> str:
    lines = []
    for count in (FEW, MANY):
        record = plan.failures[count].record
        moments, p99 = record.by_second(99)
        usual = float(p99[moments < DEATH].mean())
        late = moments[(moments >= DEATH) & (p99 > 2 * usual)]
        back = f"{late.max() + 1 - DEATH:.0f} s" if len(late) else "at once"
        cells = [number(1000 * usual), number(1000 * float(p99.max())), str(record.lost), str(record.refused), back]
        lines.append([str(count), *cells])
    headings = ["replicas", "p99 before [ms]", "worst second", "sent again", "refused", "below twice that after"]
    start = plan.measured.facts.start_seconds + plan.assumptions.pod_seconds
    told = f"At {FAILURE_LOAD:g} of the capacity one replica dies, and another one is ready {start:.0f} s later."
    return f"{told}\n\n{table(headings, lines)}"


def _growth(plan: Plan) -> str:
    record, history = plan.growth.record, plan.growth.history
    asked = len(record.seconds) + record.refused
    useful = sum(seconds <= plan.measured.within for seconds in record.seconds) / asked
    refused = record.refused / asked
    targets = ", ".join(f"`{name}` {target:g}" for name, target in plan.rules.targets.items())
    most = max(ready for _, ready, _ in history)
    return (
        f"The load doubles every minute, from what keeps one replica busy to what keeps twelve busy. The autoscaler "
        f"has the manifest's numbers ({targets}), but for {MOST_REPLICAS} replicas at most. Of {asked:,} requests "
        f"{useful:.1%} were answered in time, {1 - useful - refused:.1%} later, and {refused:.1%} were refused; there "
        f"were {most} replicas at most."
    )


def _limits(plan: Plan) -> str:
    lines = [[limit.name, limit.needs, f"{limit.rate:,.0f}", limit.remedy] for limit in plan.limits]
    return table(["breaks", "by", "at requests/s", "what to change there"], lines)
