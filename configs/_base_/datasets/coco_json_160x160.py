# Any data with COCO keypoint JSON: crop, loaders and measure of deepfashion_160x160 (docs/your_garments.md).
_base_ = 'deepfashion_160x160.py'
dataset_type = 'CocoDataset'

train_dataloader = dict(dataset=dict(_delete_=True, type=dataset_type, pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(_delete_=True, type=dataset_type, pipeline=_base_.val_pipeline, test_mode=True))
test_dataloader = dict(dataset=dict(_delete_=True, type=dataset_type, pipeline=_base_.val_pipeline, test_mode=True))
