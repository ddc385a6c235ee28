# Ours: FashionAI's k and partition, and lengths in place of squares, for the up to 39 landmarks of a category.
integral = dict(alpha=30.)
pc_loss = dict(
    type='PCLoss',
    topk=8,
    partition='left_right',
    metainfo='DeepFashion2Dataset',
    loss_weight=1e-4,
    robust=True)
