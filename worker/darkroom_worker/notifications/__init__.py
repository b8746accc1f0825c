"""Webhooks: what they say, where they go, and the loop that delivers them."""
