# The paper gives neither k nor beta for COCO: these are its values for FashionAI, read as in fashionai.py. PCLoss then
# has 0.24 of the gradient (pc_share, measured on four images; docs/loss.md).
integral = dict(alpha=10.)  # alpha 0.1 x a peak of 100, beside our heatmaps' peak of 1
pc_loss = dict(
    type='PCLoss',
    topk=8,
    partition='left_right',
    metainfo='CocoDataset',
    loss_weight=3.2768e-4)  # beta 2e-4 x 128^2 / 100^2
