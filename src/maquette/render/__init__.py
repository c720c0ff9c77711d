"""Our own software renderer: cameras, rasterisation, previews."""
