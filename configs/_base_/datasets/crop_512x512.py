# The paper's crop and augmentation, shared by the three data sets: the box is resized to 512x512 whatever its shape,
# scale +-25 %, rotation +-30 degrees, flip. The paper does not say, and we chose:
# - heatmaps: MMPose's targets with a peak of 1; sigma 4 at 128x128, in proportion to MMPose's 2 at 64x48 and 3 at 96x72
# - every annotated landmark trains, occluded ones too: their places are known, and they are a seventh of all
#   landmarks in the FashionAI rows that we counted
# - scale and rotation are drawn for every image, from MMPose's truncated normal; half of the images are flipped;
#   where boxes are tight, this moves many landmarks out of the crop (docs/loss.md, "What leaves the crop")
# - the box is stretched and not padded, since NE is defined on "the width of the image" after the box became a square.
#   MMPose's aspect-preserving crop instead: GetBBoxCenterScale() and TopdownAffine in the place of the two steps here,
#   and LoadImageStrict without deferred.
# The pipeline makes no heatmaps: the leaf's HeatmapTargets makes them where the model trains, the same ones.
data_mode = 'topdown'  # MMPoseInferencer asks for it
codec = dict(type='MSRAHeatmap', input_size=(512, 512), heatmap_size=(128, 128), sigma=4)

train_pipeline = [
    dict(type='LoadImageStrict', deferred=True),
    dict(type='WholeImageBox'),  # where the data set has no boxes
    dict(type='GetBBoxCenterScale', padding=1.0),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBox', shift_prob=0, scale_factor=(0.75, 1.25), rotate_factor=30, rotate_prob=1),
    dict(type='TopdownStretch', input_size=codec['input_size']),
    dict(type='PackCrop', pack_transformed=True),
]
val_pipeline = [
    dict(type='LoadImageStrict', deferred=True),
    dict(type='WholeImageBox'),
    dict(type='GetBBoxCenterScale', padding=1.0),
    dict(type='TopdownStretch', input_size=codec['input_size']),
    dict(type='PackCrop'),
]

train_dataloader = dict(
    batch_size=5,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(pipeline=val_pipeline, test_mode=True))
test_dataloader = val_dataloader
