"""Readers: files in, validated xarray objects with units out."""
