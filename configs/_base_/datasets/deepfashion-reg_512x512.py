_base_ = 'deepfashion_512x512.py'
encoder = dict(type='RegressionLabel', input_size=_base_.codec.input_size)
codec = dict(encoder, _delete_=True)
train_pipeline = _base_.train_pipeline
train_pipeline[-2] = dict(type='GenerateTarget', encoder=encoder)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
