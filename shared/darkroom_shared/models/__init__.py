"""The image models: what each one accepts, costs and allows. `catalogue` is the way in."""
