# The whole image in the place of the box, which NE is still normalised by.
_base_ = 'fld-reg_512x512.py'

train_pipeline, val_pipeline = ([
    dict(type='WholeImageCrop') if step['type'] == 'GetBBoxCenterScale' else step for step in pipeline
] for pipeline in (_base_.train_pipeline, _base_.val_pipeline))

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=val_pipeline))
