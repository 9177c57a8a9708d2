"""The example network of network namespaces: for the demonstration, for looking around, and for the tests."""
