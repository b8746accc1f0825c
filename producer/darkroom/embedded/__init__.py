"""The whole system on one machine: Valkey, the local Bedrock endpoint, a worker and Flower as child processes.

Needs the extra `local`. Nothing here reads the environment: what a child gets is an argument.
"""
