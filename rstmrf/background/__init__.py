"""IRI at any point: PyIRI's monthly maps, interpolated smoothly, and its profile with derivatives, in torch."""

from rstmrf.background.iri import BackgroundPoints, IriBackground

__all__ = ["BackgroundPoints", "IriBackground"]
