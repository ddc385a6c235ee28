# Any data in the layout of DeepFashion's Category and Attribute benchmark, small enough for the CPU; tests on val.
_base_ = 'deepfashion_512x512.py'
codec = dict(input_size=(160, 160), heatmap_size=(40, 40), sigma=1.5)

train_pipeline, val_pipeline = ([
    dict(step, input_size=codec['input_size']) if step['type'] == 'TopdownStretch' else step for step in pipeline
] for pipeline in (_base_.train_pipeline, _base_.val_pipeline))

train_dataloader = dict(
    batch_size=12, num_workers=0, persistent_workers=False, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(
    num_workers=0, persistent_workers=False, dataset=dict(split='val', pipeline=val_pipeline))
