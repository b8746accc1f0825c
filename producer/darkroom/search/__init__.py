"""Image search: finds a tenant's pictures by words or by another picture, with the vectors of an embedding model.

`indexing` makes the vectors, by jobs like any other; `finding` asks for one more and looks for its neighbours; `index` says what
keeps vectors, and `disk` and `server` do: in files, and in a Redis or Valkey that has a search module.
"""
