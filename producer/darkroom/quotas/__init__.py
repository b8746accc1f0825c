"""Quotas as AWS states them: asked for in `aws`, read in `names`, handed to the ledger in `record`."""
