"""What a run is made of: points, windows of maps and drivers, splits, batches."""
