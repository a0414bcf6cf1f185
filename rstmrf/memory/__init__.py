"""Where the memory of a training step goes: every tensor, who made it, who holds it, and when it was there.

`ledger` watches the operations of a step. A storage is counted once, however many views of it there are, from the
operation that made it until its last holder lets go. It works on fake tensors, which have shapes and no contents: a
step that would not fit into this machine is studied without allocating it. It knows no model of this package; anything
that computes a scalar can be watched.
"""

from rstmrf.memory.process import MB, peak_resident_mb, reset_peak, resident_mb
from rstmrf.memory.tables import at_peak, by_module_and_role, peak_mb, peak_moment, saved_mb
from rstmrf.memory.watch import ROLES, fake_tensors, ledger

__all__ = [
    "MB",
    "ROLES",
    "at_peak",
    "by_module_and_role",
    "fake_tensors",
    "ledger",
    "peak_mb",
    "peak_moment",
    "peak_resident_mb",
    "reset_peak",
    "resident_mb",
    "saved_mb",
]
