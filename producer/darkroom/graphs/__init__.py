"""Workflows as data: a document with parameters becomes steps, the steps become a plan, and the plan goes into the ledger."""
