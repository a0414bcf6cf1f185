"""Fetching from public archives: TEC maps, indices, COSMIC-2 profiles. Where files lie is in `archives.toml`."""

from rstmrf.archives.fetch import Fetched, fetch_cosmic2, fetch_indices, fetch_tec

__all__ = ["Fetched", "fetch_cosmic2", "fetch_indices", "fetch_tec"]
