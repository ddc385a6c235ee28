# The paper: k 4, the skeleton-like partition, alpha 0.1, beta 1e-5. We read beta as one for pixels of the heatmap,
# beside a peak of 100 and a heatmap loss averaged over the pixels. PCLoss then has 0.02 of the gradient (pc_share,
# measured on photographs), which does next to nothing. docs/loss.md has the other readings and what each gives.
integral = dict(alpha=10.)  # alpha 0.1 x a peak of 100, beside our heatmaps' peak of 1
pc_loss = dict(
    type='PCLoss',
    topk=4,  # all landmarks of a side
    partition='left_right',
    metainfo='DeepFashionAttributeDataset',
    loss_weight=1.6384e-5)  # beta 1e-5 x 128^2 / 100^2
