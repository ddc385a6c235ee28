# Generated garments in the FashionAI layout (tools/generate_garments.py), small enough for the CPU.
_base_ = 'fashionai_512x512.py'
data_root = '{{$GARMENTS_ROOT:data/garments}}'
codec = dict(input_size=(128, 128), heatmap_size=(32, 32), sigma=1.5)

train_pipeline, val_pipeline = ([
    dict(step, input_size=codec['input_size']) if step['type'] == 'TopdownStretch' else step for step in pipeline
] for pipeline in (_base_.train_pipeline, _base_.val_pipeline))

train_dataloader = dict(
    batch_size=12, num_workers=0, persistent_workers=False,
    dataset=dict(data_root=data_root, ann_file='Annotations/train.csv', subset=None, pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=0, persistent_workers=False,
    dataset=dict(data_root=data_root, ann_file='Annotations/val.csv', subset=None, pipeline=val_pipeline))
test_dataloader = val_dataloader
