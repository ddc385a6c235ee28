_base_ = 'crop_512x512.py'
dataset_type = 'DeepFashionAttributeDataset'
data_root = '{{$DEEPFASHION_ROOT:data/deepfashion}}'

train_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, split='train'))
val_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, split='val'))
test_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, split='test'))
val_evaluator = dict(type='NormalizedError', norm='box')
test_evaluator = val_evaluator
