"""Shape generation: condition, denoise, decode to a mesh."""
