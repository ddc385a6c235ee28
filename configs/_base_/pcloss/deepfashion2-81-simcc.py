# Ours: FashionAI's k and partition, and lengths in place of squares, for the up to 39 landmarks of a category.
pc_loss = dict(
    type='PCLoss',
    topk=8,
    partition='left_right',
    metainfo='DeepFashion2SharedDataset',
    loss_weight=1e-2,
    robust=True)
