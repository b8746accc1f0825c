"""The ledger: operations as data, one Lua script each, and an executor for each colour."""
