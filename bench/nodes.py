"""What more nodes bring: `python -m bench.nodes`.

A Ray cluster with PostgreSQL and a shared folder, with one worker node and with several: a replica
of each deployment on each node, and clients that take the nodes in turns. The nodes are of this
machine, so this is a simulation: a control group limits each worker node to a share of a core, so
that several have the CPU time of several. The head, the database and the clients are not limited.
Linux with control groups, as root. Without the engine.
"""

import argparse
import itertools
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench.load_generator import NextRequest, load, wait_until_idle
from bench.requests import categorize, new_name, receipt
from tests.acceptance.cluster import Cluster, Node, running_cluster, wait_until

_GROUPS: Final = Path("/sys/fs/cgroup")
_PERIOD_US: Final = 20_000
_DEPLOYMENTS: Final = ("Ingress", "Embedder", "Classifier", "Planner", "JobRunner")


def main() -> None:
    """Parse the arguments, measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.nodes", description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--cores", type=float, default=0.3, help="of each worker node")
    parser.add_argument("--clients", type=int, default=8, help="for each node")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--receipts", type=int, default=6, help="for each node")
    options = parser.parse_args()
    print(
        "| nodes | new names/s | … seen before/s | receipts a minute, as jobs |\n|---|---|---|---|",
        flush=True,
    )
    first: Sequence[float] = ()
    for count in options.nodes:
        with tempfile.TemporaryDirectory() as folder:
            rates = _measure(Path(folder), count, options)
        first = first or rates
        cells = (f"{rate:.1f} ({rate / base:.2f})" for rate, base in zip(rates, first, strict=True))
        print(f"| {count} | {' | '.join(cells)} |", flush=True)


def _measure(folder: Path, count: int, options: argparse.Namespace) -> Sequence[float]:
    """Return answers a second for new names and for a name seen before, and receipts a minute."""
    with ExitStack() as stack:
        change = partial(_one_of_each_on_each_node, count=count)
        cluster = stack.enter_context(running_cluster(folder, workers=count, change=change))
        for node in cluster.workers:
            wait_until(partial(_has_all, node))
            stack.enter_context(_limited(node, options.cores))
        wait_until_idle()
        urls = [str(node.client.base_url) for node in cluster.workers]
        new = partial(new_name, random.Random())
        rates = [
            load(
                "",
                _in_turns(urls, request),
                clients=options.clients * count,
                seconds=options.seconds,
            ).per_second
            for request in (new, lambda: categorize("whole milk"))
        ]
        return [*rates, _receipts_a_minute(cluster, options.receipts)]


def _one_of_each_on_each_node(config: dict[str, Any], count: int) -> None:
    [service, _] = config["applications"]
    for deployment in service["deployments"]:
        deployment.pop("autoscaling_config", None)
        deployment |= {"num_replicas": count, "max_replicas_per_node": 1}


def _has_all(node: Node) -> bool:
    return all(node.runs(f"ServeReplica:sidecar:{name}") for name in _DEPLOYMENTS)


def _in_turns(urls: Sequence[str], request: NextRequest) -> NextRequest:
    turns = itertools.cycle(urls)

    def next_request() -> tuple[str, dict[str, Any] | None]:
        path, body = request()
        return next(turns) + path, body

    return next_request


def _receipts_a_minute(cluster: Cluster, each: int) -> float:
    """Return receipts a minute as jobs, `each` for each node, after one for each."""
    _read_receipts(cluster, 1)
    started = time.monotonic()
    _read_receipts(cluster, each)
    return each * len(cluster.workers) / (time.monotonic() - started) * 60


def _read_receipts(cluster: Cluster, each: int) -> None:
    _, body = receipt()
    waiting = set()
    for node in [*cluster.workers] * each:
        response = node.client.post("/api/v1/jobs", json={"feature": "receipt_extraction", **body})
        waiting.add(response.raise_for_status().json()["id"])

    def have_ended() -> bool:
        while waiting and cluster.get(f"/api/v1/jobs/{min(waiting)}")["status"] == "succeeded":
            waiting.remove(min(waiting))
        return not waiting

    wait_until(have_ended)


@contextmanager
def _limited(node: Node, cores: float) -> Iterator[None]:
    """Limit a node's processes, and those that they start, to this share of the CPU."""
    unified = (_GROUPS / "cgroup.controllers").exists()
    group = (_GROUPS if unified else _GROUPS / "cpu") / f"bench-{node.process.pid}"
    group.mkdir()
    quota = round(cores * _PERIOD_US)
    if unified:
        (group / "cpu.max").write_text(f"{quota} {_PERIOD_US}")
    else:
        (group / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(quota))
    for process in node.processes():
        with suppress(ProcessLookupError):
            (group / "cgroup.procs").write_text(str(process.pid))
    try:
        yield
    finally:
        node.kill()
        group.rmdir()


if __name__ == "__main__":
    main()
