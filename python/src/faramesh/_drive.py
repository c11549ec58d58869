"""The two drivers of a road: one that blocks and one that awaits.

A driver sends the requests of the flow and passes back the answer or the error. When it is interrupted or cancelled, it
tells the flow, which may make final requests. The steps of a flow are not known here.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import concurrent.futures.thread
import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, Final, Protocol, TypeVar, cast

from faramesh._held import Pause, Road
from faramesh._wire import Request

T = TypeVar("T")

LOOK_UP: Final = 0.2
"""Seconds after which a thread that waits looks whether the program was interrupted."""


class Sender(Protocol):
    """A sender of requests that blocks."""

    def _send(self, request: Request[T]) -> T: ...


class AsyncSender(Protocol):
    """A sender of requests that is awaited."""

    async def _send(self, request: Request[T]) -> T: ...


def drive(sender: Sender, road: Road[T]) -> T:
    """Walk a road to its end, in this thread."""
    try:
        step = next(road)
        while True:
            try:
                answer = _step(sender, step)
            except BaseException as error:  # noqa: BLE001 - the road raises it again, unless it knows better
                step = road.throw(error)
            else:
                step = road.send(answer)
    except StopIteration as end:
        return cast("T", end.value)


async def adrive(sender: AsyncSender, road: Road[T]) -> T:
    """`drive` for an event loop."""
    try:
        step = next(road)
        while True:
            try:
                answer = await (asyncio.sleep(step.seconds) if isinstance(step, Pause) else sender._send(step))
            except BaseException as error:  # noqa: BLE001 - the road raises it again, unless it knows better
                step = road.throw(error)
            else:
                step = road.send(answer)
    except StopIteration as end:
        return cast("T", end.value)


def _step(sender: Sender, step: Request[Any] | Pause) -> Any:
    waits = isinstance(step, Pause) or step.patience
    if not waits or threading.current_thread() is threading.main_thread():
        return _at_once(sender, step)
    with _room_for_others():
        return _interruptibly(sender, step)


def _at_once(sender: Sender, step: Request[Any] | Pause) -> Any:
    if isinstance(step, Pause):
        time.sleep(step.seconds)
        return None
    return sender._send(step)


def _interruptibly(sender: Sender, step: Request[Any] | Pause) -> Any:
    """Wait in a thread that no signal reaches, so that Ctrl-C ends the wait: a pool would wait for this thread first.

    LangGraph runs the tools of a synchronous agent in such a pool.
    """
    answered: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def ask() -> None:
        try:
            answered.set_result(_at_once(sender, step))
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            answered.set_exception(error)

    threading.Thread(target=ask, name="faramesh-wait", daemon=True).start()
    while True:
        with contextlib.suppress(concurrent.futures.TimeoutError):
            return answered.result(timeout=LOOK_UP)
        if answered.done():
            return answered.result()
        if _program_is_interrupted():
            raise KeyboardInterrupt


def _program_is_interrupted() -> bool:
    """Whether the main thread is leaving a `with` block, such as that of a pool, because of Ctrl-C or an exit."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        if frame.f_code.co_name == "__exit__":
            kind = frame.f_locals.get("exc_type")
            if isinstance(kind, type) and issubclass(kind, KeyboardInterrupt | SystemExit):
                return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def _room_for_others() -> Iterator[None]:
    """While this thread waits for a person, the pool that it belongs to may have one more.

    A synchronous tool in an asynchronous agent runs in the loop's own pool of a few threads, which everything else in
    the program shares. Where the pool does not look as it always has, nothing is done.
    """
    pool = _own_pool()
    grow = getattr(pool, "_adjust_thread_count", None)
    if pool is None or not callable(grow) or not isinstance(getattr(pool, "_max_workers", None), int):
        yield
        return
    with _growing:
        pool._max_workers += 1
    try:
        # The pool itself does not check again for items that were queued before it had room.
        with contextlib.suppress(RuntimeError, AttributeError):
            if pool._work_queue.qsize():
                grow()
        yield
    finally:
        with _growing:
            pool._max_workers -= 1


_growing = threading.Lock()


def _own_pool() -> Any:
    """The thread pool whose thread this is, where it is one's."""
    frame: FrameType | None = sys._getframe()
    worker = getattr(concurrent.futures.thread, "_worker", None)
    while frame is not None:
        if frame.f_code is getattr(worker, "__code__", None):
            reference = frame.f_locals.get("executor_reference")
            return reference() if callable(reference) else None
        frame = frame.f_back
    return None
