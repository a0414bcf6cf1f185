"""The networks: a residual field of density and a field of TEC gradient directions."""
