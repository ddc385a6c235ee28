# What makes SPB an FPN, here and on COCO: ResNet's four levels, a feature pyramid, and one 1x1 convolution from its
# finest level to the heatmaps, whose size is a quarter of the input's in both. The width is the FPN paper's.
fpn = dict(
    backbone=dict(out_indices=(0, 1, 2, 3)),
    neck=dict(type='FinestFPN', in_channels=(256, 512, 1024, 2048), out_channels=256),
    head=dict(in_channels=256, deconv_out_channels=None))
