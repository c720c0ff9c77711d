"""Shared by all tests: the tests folder is importable, so helpers live beside the tests that use them."""
