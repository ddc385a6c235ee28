"""Labels as tools for labelling export them, made into files to train on. Nothing heavy is imported."""
