# The 81 landmarks that the categories share.
_base_ = 'deepfashion2-simcc_256x192.py'
dataset_type = 'DeepFashion2SharedDataset'
train_dataloader = dict(dataset=dict(type=dataset_type))
val_dataloader = train_dataloader
test_dataloader = train_dataloader
