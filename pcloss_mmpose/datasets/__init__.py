"""Readers of the official raw files, their metainfo and the paper's crops."""
