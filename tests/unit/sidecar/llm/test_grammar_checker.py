from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import pytest

from sidecar.core.errors import BadRequest
from sidecar.llm import grammar_checker
from sidecar.llm.grammar_checker import GrammarChecker
from sidecar.llm.grammar_worker import Verdict

Serve = Callable[..., None]


class Processes:
    """A context whose processes serve by the given functions, one after another."""

    def __init__(self, *serves: Serve) -> None:
        self._serves = iter(serves)
        self.started: list[BaseProcess] = []

    def Process(  # noqa: N802  # multiprocessing's name
        self, *, target: Serve, name: str, kwargs: Mapping[str, Any]
    ) -> BaseProcess:
        del target
        process = get_context("spawn").Process(target=next(self._serves), name=name, kwargs=kwargs)
        self.started.append(process)
        return process


@asynccontextmanager
async def checking(processes: Processes) -> AsyncIterator[GrammarChecker]:
    checker = GrammarChecker(processes, tokenizer_info="", cpu_limit_s=1)
    try:
        yield checker
    finally:
        checker.stop()
        for process in processes.started:
            process.join()


def serve_in_time(connection: Connection, **_: object) -> None:
    connection.send(None)
    while True:
        [schema] = connection.recv()
        connection.send(Verdict.TOO_COMPLEX if "pattern" in schema else Verdict.FITS)


def serve_late(connection: Connection, **_: object) -> None:
    connection.poll(None)
    serve_in_time(connection)


def die(**_: object) -> None:
    pass


async def test_only_schemas_that_take_too_long_are_refused() -> None:
    async with checking(Processes(serve_in_time)) as checker:
        await checker.check([{"type": "string"}])
        with pytest.raises(BadRequest, match="too complex"):
            await checker.check([{"pattern": "a"}])


async def test_a_process_that_is_ready_too_late_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Patient(Processes):
        def Process(self, **arguments: Any) -> BaseProcess:  # noqa: N802
            monkeypatch.setattr(grammar_checker, "_TIMEOUT_S", 60 if self.started else 0.01)
            return super().Process(**arguments)

    processes = Patient(serve_late, serve_in_time)
    async with checking(processes) as checker:
        await checker.check([{"type": "string"}])
        with pytest.raises(BadRequest, match="too complex"):
            await checker.check([{"pattern": "a"}])
        late, _ = processes.started
        late.join(timeout=10)
        assert not late.is_alive()


async def test_a_process_that_dies_as_it_starts_is_replaced() -> None:
    async with checking(Processes(die, serve_in_time)) as checker:
        await checker.check([{"type": "string"}])
