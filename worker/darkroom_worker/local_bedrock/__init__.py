"""The local Bedrock endpoint: an HTTP server that any AWS SDK can use in place of Amazon Bedrock's runtime, for image models.

Start it with `python -m darkroom_worker.local_bedrock`; point `AWS_ENDPOINT_URL_BEDROCK_RUNTIME` at the printed address.
"""
