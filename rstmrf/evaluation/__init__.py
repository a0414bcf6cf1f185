"""A trained model against baselines, and how well directions agree."""
