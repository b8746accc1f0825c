"""A server of the Model Context Protocol over a client: assistants submit image jobs, follow them and look at what came of them."""
