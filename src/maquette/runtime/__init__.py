"""Devices, precision and progress."""
