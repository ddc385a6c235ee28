_base_ = 'fashionai_512x512.py'
codec = dict(_delete_=True, type='RegressionLabel', input_size=(512, 512))

train_pipeline = [
    *_base_.train_pipeline[:-1],
    dict(type='GenerateTarget', encoder=dict(type='RegressionLabel', input_size=(512, 512))),
    _base_.train_pipeline[-1],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
