"""What memory and disk a run takes, before it runs."""
