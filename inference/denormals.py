"""Numbers so small that a processor works on them by exception: denormals, below 1.2e-38, taken for zero here.

A softmax leaves them where a word is masked or far from what matters: ONNX Runtime's gives a masked word not zero, but
some 4e-39. A product with such a number takes some processors many times as long as another: half the time of local
attention, for digits that no result has. What to do with them is set for each thread. ONNX Runtime has an option for
its own (`session.set_denormal_as_zero`), yet the thread that calls it takes part in the work, and that one is the
user's, which is left as it was. PyTorch's threads serve the user's own work, too; whoever wants them so has
`torch.set_flush_denormal`.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_WORDS, _MXCSR = 8, 7  # of fenv_t on x86-64 in glibc and musl: 28 bytes for the old x87 unit, then MXCSR
_AS_ZERO = 0x8040  # MXCSR: results flushed to zero, operands taken for zero


def _floating_point_calls() -> ctypes.CDLL | None:
    if not (sys.platform == "linux" and platform.machine() == "x86_64"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "fegetenv") and hasattr(library, "fesetenv") else None


_LIBRARY = _floating_point_calls()
CAN_FLUSH = _LIBRARY is not None
"""Whether this system lets `flushed` do anything: Linux on x86-64."""


@contextmanager
def flushed() -> Iterator[None]:
    """While it lasts, this thread takes denormals for zero; afterwards it does what it did before."""
    if _LIBRARY is None:
        yield
        return
    before = (ctypes.c_uint32 * _WORDS)()
    _LIBRARY.fegetenv(before)
    changed = (ctypes.c_uint32 * _WORDS)(*before)
    changed[_MXCSR] |= _AS_ZERO
    _LIBRARY.fesetenv(changed)
    try:
        yield
    finally:
        _LIBRARY.fesetenv(before)
