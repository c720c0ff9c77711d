"""The service: a thin HTTP shell over a table of jobs, and workers that own the device.

Of these modules only `work` imports torch; the web process never imports it.
"""
