_base_ = 'crop_512x512.py'
dataset_type = 'FLDDataset'
data_root = '{{$FLD_ROOT:data/fld}}'

train_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, split='train'))
val_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, split='val'))
test_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, split='test'))
val_evaluator = dict(type='NormalizedError', norm='box')
test_evaluator = val_evaluator
