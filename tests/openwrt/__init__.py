"""Tests of the OpenWrt feed."""
