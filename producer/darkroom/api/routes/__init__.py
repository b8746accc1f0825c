"""The API's routers, one module for each thing that has an address."""
