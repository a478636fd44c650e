"""The questions of many callers in few calls."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, copy_context
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Told = TypeVar("Told")


class Gathered(Generic[Asked, Told]):
    """What is asked while a call is under way goes into the next one together, so a lone question
    waits for nobody and many cost little more than one. For one event loop.

    Never two calls: the second would be of the first one that asks after it, alone, and so would
    every other be.
    """

    def __init__(
        self,
        call: Callable[[Sequence[Asked]], Awaitable[Sequence[Told]]],
        *,
        size: Callable[[Asked], int] = lambda _: 1,
        most: float = math.inf,
    ) -> None:
        """`call` answers some questions, in order; their sizes come to `most` together, or it is
        one question alone.
        """
        self._call = call
        self._size = size
        self._most = most
        self._waiting: deque[tuple[Asked, asyncio.Future[Told], Context]] = deque()
        self._under_way: asyncio.Task[None] | None = None

    async def ask(self, question: Asked) -> Told:
        """The answer, from a call that began after this did. Raises what the call raises."""
        answer: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer, copy_context()))
        if self._under_way is None:
            self._begin()
        return await answer

    def _begin(self) -> None:
        asked = [self._waiting.popleft()]
        room = self._most - self._size(asked[0][0])
        while self._waiting and (room := room - self._size(self._waiting[0][0])) >= 0:
            asked.append(self._waiting.popleft())
        # What one caller's context holds (its trace, and that it can be called off) is not the
        # others'.
        context = asked[0][2] if len(asked) == 1 else Context()
        self._under_way = asyncio.get_running_loop().create_task(
            self._answer([(question, answer) for question, answer, _ in asked]), context=context
        )
        self._under_way.add_done_callback(self._ended)

    def _ended(self, _: asyncio.Task[None]) -> None:
        self._under_way = None
        if self._waiting:
            self._begin()

    async def _answer(self, asked: Sequence[tuple[Asked, asyncio.Future[Told]]]) -> None:
        try:
            told = await self._call([question for question, _ in asked])
        except asyncio.CancelledError:
            for _, answer in asked:
                answer.cancel()
            raise
        except Exception as error:
            for _, answer in asked:
                if not answer.done():  # else its caller has left
                    answer.set_exception(error)
        else:
            for (_, answer), one in zip(asked, told, strict=True):
                if not answer.done():
                    answer.set_result(one)
