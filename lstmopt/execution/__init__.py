"""Where candidates train: this process, others, a cluster."""
