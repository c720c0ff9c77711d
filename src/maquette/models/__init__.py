"""The networks: plain modules, one file each, no files, devices or settings inside."""
