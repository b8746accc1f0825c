"""The image endpoints as programs written for OpenAI's API call them, over the same queue."""
