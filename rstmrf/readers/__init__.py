"""Files in, validated xarray objects with units out."""
