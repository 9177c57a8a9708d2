"""The example network, built from network namespaces."""
