"""Steps that cost more to launch than to compute: on CUDA they are recorded once and replayed, and drawn ahead."""

from concurrent.futures import ThreadPoolExecutor

import torch

BEFORE = 3
"""Calls that are made as usual before one is recorded: libraries choose kernels, optimizers make their state."""


class Recorded:
    """A function of tensors that on CUDA is recorded at its fourth call (a CUDA graph), and replayed from then on.

    A small network's step is some hundred kernels of a few microseconds each, and launching them one by one takes
    longer than they do. On other devices the function is called as it is.

    What is recorded reads and writes the same memory at every replay, so the function may depend on nothing but tensors
    of unchanging shapes, decide nothing by their values, and draw no random numbers. Optimizers need
    ``capturable=True`` and a tensor as their rate.

    Args:
        function: tensors -> one tensor; it may change networks and optimizers in place.
        device: where it computes.

    Example:
        >>> Recorded(lambda x: 2 * x, torch.device("cpu"))(torch.ones(1))
        tensor([2.])
    """

    def __init__(self, function, device):
        self.function, self.device = function, device
        self._calls, self._graph = 0, None

    def __call__(self, *inputs):
        """What the function gives; on CUDA the next call writes over it."""
        if self.device.type != "cuda":
            return self.function(*inputs)
        if self._graph is None and self._calls < BEFORE:
            return self._as_usual(inputs)
        if self._graph is None:
            self._record(inputs)
        for kept, now in zip(self._inputs, inputs, strict=True):
            kept.copy_(now)
        self._graph.replay()
        return self._result

    def _as_usual(self, inputs):
        """On a stream of its own, as recording asks for."""
        self._calls += 1
        aside, main = torch.cuda.Stream(self.device), torch.cuda.current_stream(self.device)
        aside.wait_stream(main)
        with torch.cuda.stream(aside):
            result = self.function(*inputs)
        main.wait_stream(aside)
        return result

    def _record(self, inputs):
        self._inputs = [tensor.clone() for tensor in inputs]
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._result = self.function(*self._inputs)
        self._graph = graph


class Ahead:
    """A function of a step's number whose next value is made in the background while this one is used.

    Args:
        function: number -> value; it depends on the number alone.
        last: no number from this one on is made ahead.

    Example:
        >>> squares = Ahead(lambda number: number**2, last=10)
        >>> squares(3), squares(4), squares(9)
        (9, 16, 81)
    """

    def __init__(self, function, last):
        self.function, self.last = function, last
        self._thread = ThreadPoolExecutor(1)
        self._begun = {}

    def __call__(self, number):
        """The value for a number, and a begin with that of the next."""
        ready = self._begun.pop(number, None) or self._thread.submit(self.function, number)
        following = number + 1
        self._begun = {following: self._thread.submit(self.function, following)} if following < self.last else {}
        return ready.result()
