# RTMPose's targets: a distribution over half pixels for each axis. The pipeline makes none, since 294 are 1 MB an
# image: the leaf's SimCCTargets makes them where the model trains, the same ones.
_base_ = 'deepfashion2-crop_256x192.py'
codec = dict(
    type='SimCCLabel', input_size=(192, 256), sigma=(4.9, 5.66), simcc_split_ratio=2.0, normalize=False,
    use_dark=False)
train_dataloader = dict(batch_size=256)
