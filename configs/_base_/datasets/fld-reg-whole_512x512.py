# The layout, the splits and the measure of DeepFashion.
_base_ = 'deepfashion-reg-whole_512x512.py'
dataset_type = 'FLDDataset'
data_root = '{{$FLD_ROOT:data/fld}}'

train_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
val_dataloader = train_dataloader
test_dataloader = train_dataloader
