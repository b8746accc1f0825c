"""How a request becomes calls: on which model, in which words, with which free steps around them, and what is lost on the way."""
