_base_ = 'fld_512x512.py'
codec = dict(_delete_=True, type='RegressionLabel', input_size=(512, 512))

train_pipeline = [
    dict(step, encoder=dict(type='RegressionLabel', input_size=(512, 512)))
    if step['type'] == 'GenerateTarget' else step for step in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
