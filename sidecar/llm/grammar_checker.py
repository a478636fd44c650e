"""Refuses JSON schemas that would occupy the engine for too long."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Final, Protocol

from cachetools import LRUCache

from sidecar.core.errors import BadRequest, ModelUnavailable, Overloaded
from sidecar.llm.grammar_worker import Verdict, serve

log = logging.getLogger(__name__)

#: Verdicts that are cached. A caller's schemas come again and again.
_MAX_CACHED: Final = 1_000
#: Requests whose schemas wait for the worker; each takes a few seconds at most.
_MAX_WAITING: Final = 16
#: Seconds after which the worker counts as hung: above what it grants, and above its start.
_TIMEOUT_S: Final = 120.0

_UNSUPPORTED: Final = "A JSON schema is invalid, or has keywords that the engine can't enforce."


class ProcessContext(Protocol):
    """Starts processes; see sidecar.llm.vllm_process.EngineProcessContext."""

    def Process(  # noqa: N802  # multiprocessing's name
        self, *, target: Callable[..., None], name: str, kwargs: Mapping[str, Any]
    ) -> BaseProcess: ...


class GrammarChecker:
    """Tries each new request's schemas in a process that may die; for one event loop."""

    def __init__(self, context: ProcessContext, tokenizer_info: str, cpu_limit_s: float) -> None:
        """Start the process; `tokenizer_info` is XGrammar's, serialized.

        `cpu_limit_s` is what the schemas of one request may take.
        """
        self._context = context
        self._arguments = {"tokenizer_info": tokenizer_info, "cpu_limit_s": cpu_limit_s}
        self._too_complex = (
            "The JSON schemas are too complex: their grammar takes more than "
            f"{cpu_limit_s:g} s to compile. Use fewer optional properties and fewer different "
            "bounds of lengths."
        )
        self._verdicts: LRUCache[bytes, Verdict] = LRUCache(_MAX_CACHED)
        self._waiting = 0
        # One at a time: what is tried takes a core.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="grammars")
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._thread.submit(self._start)

    async def check(self, schemas: Sequence[Mapping[str, Any]]) -> None:
        """Return when the schemas are known to fit the limits.

        Raises:
            BadRequest: when they don't.
            Overloaded: when too many requests' schemas wait.
            ModelUnavailable: when the process has died; the next call starts another.
        """
        if not schemas:
            return
        texts = [json.dumps(schema) for schema in schemas]
        key = hashlib.sha256("\0".join(texts).encode()).digest()
        verdict = self._verdicts.get(key)
        if verdict is None:
            if self._waiting >= _MAX_WAITING:
                raise Overloaded("Too many new JSON schemas are being compiled.", retry_after_s=2)
            self._waiting += 1
            try:
                loop = asyncio.get_running_loop()
                verdict = await loop.run_in_executor(self._thread, self._ask, texts)
            finally:
                self._waiting -= 1
            self._verdicts[key] = verdict
        if verdict is Verdict.TOO_COMPLEX:
            raise BadRequest(self._too_complex)
        if verdict is Verdict.UNSUPPORTED:
            raise BadRequest(_UNSUPPORTED)

    def stop(self) -> None:
        """End the process."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._process is not None:
            self._process.kill()

    def _ask(self, schemas: Sequence[str]) -> Verdict:
        """Return the worker's verdict. Runs in the thread."""
        try:
            connection = self._connection or self._start()
            connection.send(schemas)
            return Verdict(_receive(connection))
        except (OSError, EOFError) as error:
            log.warning("the process that compiles JSON schemas has died: %r", error)
            self._discard()
            raise ModelUnavailable("JSON schemas can't be compiled at the moment.") from error

    def _start(self) -> Connection:
        self._discard()  # one that was not ready in time
        own, others = Pipe()
        process = self._context.Process(
            target=serve,
            name="grammars",
            kwargs={"connection": others, **self._arguments},
        )
        process.start()
        others.close()
        self._process = process
        _receive(own)
        self._connection = own
        return own

    def _discard(self) -> None:
        if self._process is not None:
            self._process.kill()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None


def _receive(connection: Connection) -> Any:
    if not connection.poll(_TIMEOUT_S):
        raise TimeoutError("no answer")
    return connection.recv()
