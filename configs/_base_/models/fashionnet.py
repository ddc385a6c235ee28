# FashionNet's kind of model: VGG-16, coordinates regressed by a fully connected layer under an L2 loss (Eq. 11).
# Not FashionNet itself: no second stage pooled at the landmarks, no visibility branch, average pooling before the
# fully connected layer. The leaf sets head.num_joints and head.decoder.
# Random weights instead of ImageNet's: --cfg-options model.backbone.init_cfg=None
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True),
    backbone=dict(type='VGG', depth=16, init_cfg=dict(type='Pretrained', checkpoint='torchvision://vgg16')),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='RegressionHead', in_channels=512, loss=dict(type='MSELoss', use_target_weight=True)),
    test_cfg=dict(flip_test=False))
