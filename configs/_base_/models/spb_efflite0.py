# A small SPB for the CPU: EfficientNet-lite0 (weights from a Python package) and three narrow deconvolutions.
_base_ = 'spb_res50.py'
model = dict(
    data_preprocessor=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    backbone=dict(_delete_=True, type='EfficientNetLite0'),
    head=dict(in_channels=320, deconv_out_channels=(64, 64, 64), deconv_kernel_sizes=(4, 4, 4)))
