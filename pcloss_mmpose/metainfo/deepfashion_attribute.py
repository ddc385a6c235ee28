"""DeepFashion, Category and Attribute Prediction benchmark: eight landmarks."""

from .fashion8 import fashion8_dataset_info

dataset_info = fashion8_dataset_info(
    dataset_name='deepfashion_attribute',
    paper_info={
        'author': 'Liu, Ziwei and Luo, Ping and Qiu, Shi and Wang, Xiaogang and Tang, Xiaoou',
        'title': 'DeepFashion: Powering Robust Clothes Recognition and Retrieval with Rich Annotations',
        'container': 'IEEE Conference on Computer Vision and Pattern Recognition (CVPR)',
        'year': '2016',
        'homepage': 'https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion/AttributePrediction.html'})
