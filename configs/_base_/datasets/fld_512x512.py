# The layout, the splits and the measure of DeepFashion.
_base_ = 'deepfashion_512x512.py'
dataset_type = 'FLDDataset'
data_root = '{{$FLD_ROOT:data/fld}}'
fld = dict(dataset=dict(type=dataset_type, data_root=data_root))

train_dataloader = fld
val_dataloader = fld
test_dataloader = fld
