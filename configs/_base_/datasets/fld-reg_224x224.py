# VGG's own input size.
_base_ = 'fld-reg_512x512.py'
codec = dict(input_size=(224, 224))

train_pipeline, val_pipeline = ([
    dict(step, input_size=codec['input_size']) if step['type'] == 'TopdownStretch' else
    dict(step, encoder=dict(type='RegressionLabel', **codec)) if step['type'] == 'GenerateTarget' else step
    for step in pipeline
] for pipeline in (_base_.train_pipeline, _base_.val_pipeline))

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=val_pipeline))
