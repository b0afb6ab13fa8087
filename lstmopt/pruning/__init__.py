"""Which trials are stopped, paused or promoted."""
