"""The process that tries JSON schemas before the engine gets them.

vLLM compiles a schema into a grammar of the model's tokens, in a thread of the engine that nothing
can stop: one of 100 bytes can take minutes, and every later completion with a schema waits. So each
request's schemas are compiled here first, in a fork of this process with limits of CPU time and
memory. Only what is compiled in time reaches the engine.
"""

import os
import resource
import signal
from collections.abc import Sequence
from enum import IntEnum
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

#: Bytes that they may take.
MEMORY_LIMIT: Final = 1 << 30
#: Steps of a generation that are tried: a grammar can be compiled soon and be slow to follow.
_STEPS: Final = 32


class Verdict(IntEnum):
    """The result of a trial, which is also the exit status of its process."""

    FITS = 0
    TOO_COMPLEX = 1
    UNSUPPORTED = 2  # invalid, or beyond what XGrammar compiles


def serve(connection: Connection, tokenizer_info: str, cpu_limit_s: float) -> None:
    """Answer each list of schemas with a Verdict, until the other end closes.

    `tokenizer_info` is XGrammar's serialized TokenizerInfo; `cpu_limit_s` bounds each list. The
    first message is None, once ready.
    """
    # Imported here: the parent process must not load it.
    import xgrammar

    info = xgrammar.TokenizerInfo.deserialize_json(tokenizer_info)
    connection.send(None)
    while True:
        try:
            schemas: Sequence[str] = connection.recv()
        except EOFError:
            return
        connection.send(_verdict(info, schemas, cpu_limit_s))


def _verdict(info: Any, schemas: Sequence[str], cpu_limit_s: float) -> Verdict:
    child = os.fork()
    if child == 0:
        try:
            _limit(cpu_limit_s)
            for schema in schemas:
                _try(info, schema)
        except MemoryError:
            os._exit(Verdict.TOO_COMPLEX)
        except BaseException:
            os._exit(Verdict.UNSUPPORTED)
        os._exit(Verdict.FITS)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Verdict(status) if status >= 0 else Verdict.TOO_COMPLEX


def _limit(cpu_limit_s: float) -> None:
    """Limit this process; the kernel ends it when its time is over."""
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, cpu_limit_s)
    signal.setitimer(signal.ITIMER_REAL, 5 * cpu_limit_s)  # a busy machine
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_LIMIT,) * 2)


def _try(info: Any, schema: str) -> None:
    """Compile the schema and follow its grammar for some tokens."""
    import xgrammar

    compiler = xgrammar.GrammarCompiler(info, max_threads=1, cache_enabled=False)
    matcher = xgrammar.GrammarMatcher(compiler.compile_json_schema(schema))
    mask = xgrammar.allocate_token_bitmask(1, info.vocab_size)
    for _ in range(_STEPS):
        matcher.fill_next_token_bitmask(mask, 0)
        words = mask.numpy()[0]
        allowed = words.nonzero()[0]
        if not len(allowed):
            return
        word = int(words[allowed[-1]]) & 0xFFFFFFFF
        if not matcher.accept_token(int(allowed[-1]) * 32 + word.bit_length() - 1):
            return
        if matcher.is_terminated():
            return
