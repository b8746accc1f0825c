"""The border to Amazon Bedrock: one HTTP request an attempt, and what its answers mean."""
