"""Frames of a camera, on threads of their own."""

from __future__ import annotations

import atexit
import logging
import queue
import threading
import weakref
from typing import Any, Callable, Optional, Set

#: Streams that were not closed. The interpreter must not end before their threads have.
_OPEN: "weakref.WeakSet[LiveStream]" = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for stream in list(_OPEN):
        stream.close()


class LiveStream:
    """Works on one frame at a time, keeps the newest that came meanwhile, and hands results over one by one.

    Parameters
    ----------
    work
        Makes the result of a frame.
    callback
        Takes a result, and is called on another thread than `work`, so that it may be slow. What it raises is logged.
    """

    def __init__(self, work: Callable[[Any], Any], callback: Callable[[Any], None]) -> None:
        self._work, self._callback = work, callback
        self._changed = threading.Condition()
        self._waiting: Optional[Any] = None
        self._closed = False
        self._results: "queue.SimpleQueue[Any]" = queue.SimpleQueue()
        self._worker = threading.Thread(target=self._run, name="lookalike-worker", daemon=True)
        self._dispatcher = threading.Thread(
            target=self._dispatch, name="lookalike-dispatcher", daemon=True
        )
        self._worker.start()
        self._dispatcher.start()
        _OPEN.add(self)

    def send(self, frame: Any) -> None:
        """Take a frame, in the place of one that waits."""
        with self._changed:
            self._waiting = frame
            self._changed.notify()

    def end(self) -> None:
        """Work on the frame that waits, hand all results over, and end, without waiting for that."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def close(self) -> None:
        """End, and wait for it.

        Raises
        ------
        RuntimeError
            It is called from the callback, which cannot wait for itself. The stream ends all the same.
        """
        self.end()
        self._worker.join()
        # The dispatcher cannot wait for itself: `join` says so.
        self._dispatcher.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._waiting is None and not self._closed:
                    self._changed.wait()
                frame, self._waiting = self._waiting, None
            if frame is None:
                break
            self._results.put(self._work(frame))
        self._results.put(None)

    def _dispatch(self) -> None:
        while True:
            result = self._results.get()
            if result is None:
                return
            try:
                self._callback(result)
            except Exception as error:
                logging.exception("Error in callback: %r", error)
