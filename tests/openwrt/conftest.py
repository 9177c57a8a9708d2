"""Fixtures of the tests of the feed."""

from tests.net.conftest import site

__all__ = ["site"]
