"""Measuring generated meshes against the truth."""
