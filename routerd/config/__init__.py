"""The configuration: what its words mean and how text becomes them."""
