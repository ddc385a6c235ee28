# Generated garments in the FashionAI layout (tools/generate_garments.py), small enough for the CPU.
_base_ = 'fashionai_512x512.py'
data_root = '{{$GARMENTS_ROOT:data/garments}}'
codec = dict(input_size=(128, 128), heatmap_size=(32, 32), sigma=1.5)

train_pipeline = _base_.train_pipeline
train_pipeline[-3].update(input_size=codec['input_size'])
train_pipeline[-2].update(encoder=dict(_base_.codec, **codec))
val_pipeline = _base_.val_pipeline
val_pipeline[-2].update(input_size=codec['input_size'])
in_process = dict(num_workers=0, persistent_workers=False)
garments = dict(data_root=data_root, subset=None)

train_dataloader = dict(
    in_process, batch_size=12, dataset=dict(garments, ann_file='Annotations/train.csv', pipeline=train_pipeline))
val_dataloader = dict(in_process, dataset=dict(garments, ann_file='Annotations/val.csv', pipeline=val_pipeline))
test_dataloader = val_dataloader
