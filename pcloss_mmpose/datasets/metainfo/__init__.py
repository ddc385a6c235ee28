"""Landmark names, flip pairs, outline and colours of each dataset: one module each, with ``dataset_info``."""
