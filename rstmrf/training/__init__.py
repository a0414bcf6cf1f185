"""The losses, the step and the loop that Lightning runs, checkpoints."""
