"""The intake: lets programs in any language that can send a Celery task submit jobs and workflows by name."""
