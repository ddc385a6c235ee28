# Any data with COCO keypoint JSON, small enough for the CPU.
_base_ = 'coco_json_512x512.py'
codec = dict(input_size=(160, 160), heatmap_size=(40, 40), sigma=1.5)

train_pipeline = _base_.train_pipeline
train_pipeline[-3].update(input_size=codec['input_size'])
train_pipeline[-2].update(encoder=dict(_base_.codec, **codec))
val_pipeline = _base_.val_pipeline
val_pipeline[-2].update(input_size=codec['input_size'])
in_process = dict(num_workers=0, persistent_workers=False)

train_dataloader = dict(in_process, batch_size=12, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(in_process, dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
