"""Mesh work: clean, simplify, export."""
