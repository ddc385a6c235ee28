_base_ = 'fld_512x512.py'
codec = dict(_base_.regression_codec, _delete_=True)
train_dataloader = dict(dataset=dict(pipeline=_base_.regression_train_pipeline))
