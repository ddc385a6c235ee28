"""FLD, DeepFashion's Fashion Landmark Detection benchmark: eight landmarks."""

from .fashion8 import fashion8_dataset_info

#: Name of each ``variation_type`` of the raw files.
VARIATIONS = {1: 'normal', 2: 'medium_pose', 3: 'large_pose', 4: 'medium_zoom', 5: 'large_zoom'}

dataset_info = fashion8_dataset_info(
    dataset_name='fld',
    paper_info={
        'author': 'Liu, Ziwei and Yan, Sijie and Luo, Ping and Wang, Xiaogang and Tang, Xiaoou',
        'title': 'Fashion Landmark Detection in the Wild',
        'container': 'European Conference on Computer Vision (ECCV)',
        'year': '2016',
        'homepage': 'https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion/LandmarkDetection.html'})
