"""The demo: one job of every kind on a sample photograph, followed live, and a page that shows what came of it."""
