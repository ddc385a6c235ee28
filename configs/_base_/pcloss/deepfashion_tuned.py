# Ours: the paper's k and partition, with lengths in place of squares, a larger alpha, and a weight that gives PCLoss
# 0.3 of the gradient (pc_share, measured on photographs; docs/loss.md).
integral = dict(alpha=30.)
pc_loss = dict(
    type='PCLoss',
    topk=4,  # all landmarks of a side
    partition='left_right',
    metainfo='DeepFashionAttributeDataset',
    loss_weight=2e-4,
    robust=True)
