"""Figures of Datasets and tables; no model is known here."""
