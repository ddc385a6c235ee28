# Coordinates by regression, without heatmaps.
_base_ = 'garments_96x96.py'
label = dict(type='RegressionLabel', input_size=(96, 96))
train_dataloader = dict(dataset=dict(pipeline=[
    *_base_.train_pipeline[:-1], dict(type='GenerateTarget', encoder=label), _base_.train_pipeline[-1]]))
model = dict(
    data_preprocessor=dict(batch_augments=None),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        _delete_=True,
        type='PCRegressionHead',
        in_channels=320,
        num_joints=24,
        loss=dict(type='SmoothL1Loss', use_target_weight=True),
        decoder=label,
        pc_loss=dict(type='PCLoss', partition='left_right', metainfo='FashionAIDataset', loss_weight=1e-3)))
