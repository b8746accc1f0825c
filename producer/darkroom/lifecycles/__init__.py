"""Life cycles as AWS states them: asked for in `aws`, held against the catalogue in `reading`, told to the ledger in `record`."""
