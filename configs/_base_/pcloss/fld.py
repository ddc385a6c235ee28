# The paper: k 4, the skeleton-like partition, alpha 0.1, beta 1e-5. docs/loss.md explains the conversion.
integral = dict(alpha=10.)  # alpha 0.1 x a peak of 100, beside our heatmaps' peak of 1
pc_loss = dict(
    type='PCLoss',
    topk=4,  # all landmarks of a side
    partition='left_right',
    metainfo='FLDDataset',
    loss_weight=1.6384e-5)  # beta 1e-5 x 128^2 / 100^2
