"""Threads and memory of the process: independent work on torch's threads, and what becomes of freed memory.

A training step allocates and frees the same large blocks again and again. glibc gives every block above a threshold
back at once, and the system must clear it anew: on a busy or virtual machine that can cost more than the arithmetic.
`keep_freed_memory` keeps freed blocks for the next step instead.
"""

import ctypes
import os
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
#: mallopt takes a C int; blocks up to 1 GiB then come from the heap, and 2 GiB of freed heap is kept
_MMAP_BYTES, _TRIM_BYTES = 2**30, 2**31 - 1


def keep_freed_memory() -> bool:
    """Set glibc's thresholds once for this process; True where that was possible.

    Does nothing outside glibc, where the environment sets the thresholds itself (`MALLOC_MMAP_THRESHOLD_`), or with
    `RSTMRF_ALLOCATOR=system`.
    """
    if os.environ.get("RSTMRF_ALLOCATOR") == "system" or "MALLOC_MMAP_THRESHOLD_" in os.environ:
        return False
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)) and bool(mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES))


def give_back_freed_memory() -> None:
    """Hand what was freed back to the system: threads that come and go leave it scattered. Outside glibc, nothing."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def in_threads(work: Callable, pieces: Sequence) -> None:
    """Call `work` for each piece, on as many threads as torch uses; the first error in the pieces' order is raised.

    Within `work` torch uses one thread. A single piece is done by the caller, with all of its threads.
    """
    if len(pieces) < 2 or torch.get_num_threads() == 1:
        for piece in pieces:
            work(piece)
        return
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for _ in pool.map(work, pieces):
                pass
    finally:
        torch.set_num_threads(threads)  # the workers' setting is also what later threads would begin with
