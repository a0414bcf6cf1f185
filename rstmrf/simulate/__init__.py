"""Simulated ionospheres, orbits and occultations; nothing in the core imports it."""
