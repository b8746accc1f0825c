"""What the producer and the worker both need: rules, records, contracts and adapters."""
