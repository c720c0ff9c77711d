"""maquette: one picture in, a finished 3D asset out."""
