# The paper: k 8, the skeleton-like partition, alpha 0.1, beta 2e-4. docs/loss.md explains the conversion.
integral = dict(alpha=10.)  # alpha 0.1 x a peak of 100, beside our heatmaps' peak of 1
pc_loss = dict(
    type='PCLoss',
    topk=8,
    partition='left_right',
    metainfo='FashionAIDataset',
    loss_weight=3.2768e-4)  # beta 2e-4 x 128^2 / 100^2
