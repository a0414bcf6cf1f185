"""Independent pieces of work on torch's threads, a whole piece on each."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch


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
