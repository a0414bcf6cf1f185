"""Keep freed memory for the next training step instead of handing it back to the system.

A step allocates and frees the same large blocks again and again. glibc gives every block above a threshold back at
once, and the system must clear it anew: on a busy or virtual machine that can cost more than the arithmetic.
"""

import ctypes
import os
import platform

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
