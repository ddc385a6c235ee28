# RTMPose's targets: a distribution over half pixels for each axis.
_base_ = 'deepfashion2-crop_256x192.py'
codec = dict(
    type='SimCCLabel', input_size=(192, 256), sigma=(4.9, 5.66), simcc_split_ratio=2.0, normalize=False,
    use_dark=False)
train_pipeline = [
    *_base_.train_pipeline[:-1], dict(type='GenerateTarget', encoder=codec), _base_.train_pipeline[-1]
]
train_dataloader = dict(batch_size=256, dataset=dict(pipeline=train_pipeline))
