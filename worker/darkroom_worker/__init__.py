"""The worker: claims calls from the ledger, makes them at Bedrock, stores what comes back."""
