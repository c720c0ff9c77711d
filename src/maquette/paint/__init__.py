"""Colour for a shape: from pictures to textures."""
