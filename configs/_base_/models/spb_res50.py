# SimpleBaselines (SPB): ResNet-50 and three deconvolutions. The leaf sets head.out_channels and head.decoder.
# Ours, since the paper does not say: the depth, ImageNet weights to start from, and no flip test for fashion.
# Random weights instead of ImageNet's: --cfg-options model.backbone.init_cfg=None
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True),
    backbone=dict(
        type='ResNet', depth=50, init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')),
    head=dict(type='HeatmapHead', in_channels=2048, loss=dict(type='KeypointMSELoss', use_target_weight=True)),
    test_cfg=dict(flip_test=False))
