# The paper: k 8, the skeleton-like partition, alpha 0.1, beta 2e-4. We read beta as one for pixels of the heatmap,
# beside a peak of 100 and a heatmap loss averaged over the pixels. PCLoss then has 0.3 of the gradient (pc_share,
# measured on generated garments). docs/loss.md has the other readings and what each gives.
integral = dict(alpha=10.)  # alpha 0.1 x a peak of 100, beside our heatmaps' peak of 1
pc_loss = dict(
    type='PCLoss',
    topk=8,
    partition='left_right',
    metainfo='FashionAIDataset',
    loss_weight=3.2768e-4)  # beta 2e-4 x 128^2 / 100^2
