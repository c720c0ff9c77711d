"""From one machine to many: batches, and the same batches and the service on a Ray cluster."""
