"""Memory of this process, as the system counts it."""

import contextlib
import ctypes
import platform
from pathlib import Path

import psutil

MB = 1e6


def resident_mb() -> float:
    """Resident memory of this process now [MB]."""
    return psutil.Process().memory_info().rss / MB


def peak_resident_mb() -> float:
    """Highest resident memory of this process since its start or `reset_peak` [MB].

    Where there is no /proc, what Windows counts stands in, or `getrusage`, which counts a parent's peak before the fork
    as its own.
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / MB
    counted = psutil.Process().memory_info()
    if hasattr(counted, "peak_wset"):
        return counted.peak_wset / MB
    import resource  # Windows has none

    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MB


def reset_peak() -> bool:
    """Give freed memory back and let the peak begin anew; False where the system cannot."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # the last is Windows, which wants a library's name
        ctypes.CDLL(None).malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True
