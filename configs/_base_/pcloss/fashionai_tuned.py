# Ours: the paper's k and partition, with lengths in place of squares, a larger alpha, and a weight that gives PCLoss
# 0.25 to 0.38 of the gradient (pc_share, measured on generated garments; docs/loss.md).
integral = dict(alpha=30.)
pc_loss = dict(
    type='PCLoss',
    topk=8,
    partition='left_right',
    metainfo='FashionAIDataset',
    loss_weight=1e-4,
    robust=True)
