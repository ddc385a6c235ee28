# The paper: as on DeepFashion.
_base_ = 'deepfashion.py'
pc_loss = dict(metainfo='FLDDataset')
