# Any data with COCO keypoint JSON; the config on top gives the files and the metainfo (docs/your_garments.md).
_base_ = 'crop_512x512.py'
dataset_type = 'CocoDataset'

train_dataloader = dict(dataset=dict(type=dataset_type))
val_dataloader = dict(dataset=dict(type=dataset_type))
test_dataloader = val_dataloader
val_evaluator = dict(type='NormalizedError', norm='box')
test_evaluator = val_evaluator
