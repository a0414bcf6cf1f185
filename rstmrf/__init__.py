"""R-STMRF: electron density as the IRI background plus a learned residual, guided by TEC gradient directions."""
