"""A training step on a GPU that is launched as a whole, instead of hundreds of small kernels one after another."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

PLAIN_CALLS = 5
"""The number of calls before the step is captured: in them, libraries choose their kernels and allocate memory."""


class Captured:
    """A step as a CUDA graph: first a few plain calls, then replays of a captured call.

    The step changes tensors in place and never waits for the device. It may draw from torch's global random numbers on
    the device: every replay continues them. If it cannot be captured, a warning says so, and calls stay plain; but some
    versions of PyTorch give no more random numbers then, and must not be asked to capture.

    Args:
        step: Does all its work on the tensor that it is given, and on others that stay where they are.
        shape: The shape of the tensor that a replay takes; a call with another shape is plain.
        device: A CUDA device.
    """

    def __init__(self, step: Callable[[Tensor], None], shape: tuple[int, ...], device: torch.device) -> None:
        self._step = step
        self._device = device
        self._input = torch.empty(shape, dtype=torch.int64, device=device)
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._graph: torch.cuda.CUDAGraph | None = None
        self._calls = 0

    def __call__(self, values: Tensor) -> None:
        """Take the step, some time after this returns.

        Args:
            values: On the CPU; whole numbers.
        """
        pinned = values.pin_memory()  # it is copied from there while the CPU continues
        if values.shape != self._input.shape:
            self._step(pinned.to(self._device, non_blocking=True))
            return
        self._input.copy_(pinned, non_blocking=True)
        if self._graph is not None:
            self._graph.replay()
            return
        self._calls += 1
        self._call_beside(capture=self._calls == PLAIN_CALLS)

    def _call_beside(self, *, capture: bool) -> None:
        """Take the step in the stream that it is captured in, for memory belongs to a stream; then capture it there."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):  # also leads back from a capture that fails
            self._step(self._input)
            if capture:
                self._capture()
        current.wait_stream(self._stream)

    def _capture(self) -> None:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self._stream):
                self._step(self._input)  # only recorded, not done
        except RuntimeError as error:
            warnings.warn(f"Steps stay slow, for they cannot be captured as a CUDA graph: {error}", stacklevel=3)
        else:
            self._graph = graph
