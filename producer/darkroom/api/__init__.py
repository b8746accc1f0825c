"""The HTTP API: jobs, pictures, workflows and batches for programs in any language. Needs the extra `api`.

It adds HTTP to the client's flows and decides nothing of its own: who may do it (`callers`), how an error is told (`problems`),
what one connection may cost (`limits`), and how many listeners share one look at the ledger (`hub`).
"""
