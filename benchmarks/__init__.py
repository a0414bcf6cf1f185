"""What is timed against the design document, and the document itself in code."""
