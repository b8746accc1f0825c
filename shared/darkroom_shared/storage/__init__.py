"""Assets, receipts and stories: bytes named by their SHA-256, in a directory, in Redis or in S3."""

from darkroom_shared.storage.base import Asset, AssetStore, AsyncAssetStore, StoryOutput
from darkroom_shared.storage.registry import open_async_store, open_store

__all__ = ["Asset", "AssetStore", "AsyncAssetStore", "StoryOutput", "open_async_store", "open_store"]
