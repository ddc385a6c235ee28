# From the paper's units to ours, for every config with PCLoss (docs/loss.md).
# Ours are coordinates in fractions of the input and heatmaps that peak at 1. The paper states neither; we take pixels
# of the 128x128 heatmap and a peak of 100, which public FashionAI code of the time used and alpha 0.1 needs.
paper_alpha = 0.1
paper_peak = 100
paper_side = 128

integral = dict(alpha=paper_alpha * paper_peak)
# The loss is a squared length; beside it the heatmap loss shrinks with the square of the peak.
weight_per_beta = paper_side**2 / paper_peak**2

# Ours, in the place of a converted beta and alpha: beside FashionNet's L2 loss, which MMPose averages over coordinates;
# and for the small models, since at alpha 10 the background outweighs their low peaks (docs/loss.md).
regression_weight = 0.03
small_alpha = 30.
small_weight = 3e-4
