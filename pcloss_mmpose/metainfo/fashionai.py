"""FashionAI key points: 24 landmarks over five categories of garment."""

from __future__ import annotations

from .builder import build_dataset_info

#: In the order of the CSV's columns.
LANDMARKS = (
    'neckline_left', 'neckline_right', 'center_front', 'shoulder_left', 'shoulder_right', 'armpit_left',
    'armpit_right', 'waistline_left', 'waistline_right', 'cuff_left_in', 'cuff_left_out', 'cuff_right_in',
    'cuff_right_out', 'top_hem_left', 'top_hem_right', 'waistband_left', 'waistband_right', 'hemline_left',
    'hemline_right', 'crotch', 'bottom_left_in', 'bottom_left_out', 'bottom_right_in', 'bottom_right_out')

CATEGORIES = ('blouse', 'outwear', 'dress', 'skirt', 'trousers')

#: Landmark ids that each category defines.
CATEGORY_LANDMARKS: dict[str, tuple[int, ...]] = {
    'blouse': (*range(7), *range(9, 15)),
    'outwear': (0, 1, *range(3, 15)),
    'dress': (*range(13), 17, 18),
    'skirt': tuple(range(15, 19)),
    'trousers': (15, 16, *range(19, 24)),
}

_ARMPITS = (LANDMARKS.index('armpit_left'), LANDMARKS.index('armpit_right'))
_WAISTBANDS = (LANDMARKS.index('waistband_left'), LANDMARKS.index('waistband_right'))

#: Landmark ids whose distance normalises the error of each category.
NORM_PAIRS: dict[str, tuple[int, int]] = {
    'blouse': _ARMPITS,
    'outwear': _ARMPITS,
    'dress': _ARMPITS,
    'skirt': _WAISTBANDS,
    'trousers': _WAISTBANDS,
}

dataset_info = build_dataset_info(
    dataset_name='fashionai',
    landmarks=LANDMARKS,
    upper=LANDMARKS[:LANDMARKS.index('waistband_left')],
    categories={category: [LANDMARKS[k] for k in own] for category, own in CATEGORY_LANDMARKS.items()},
    outline=(
        ('neckline_left', 'neckline_right'),
        ('neckline_left', 'center_front'),
        ('neckline_left', 'shoulder_left'),
        ('shoulder_left', 'cuff_left_out'),
        ('cuff_left_out', 'cuff_left_in'),
        ('cuff_left_in', 'armpit_left'),
        ('armpit_left', 'waistline_left'),  # dress and outwear
        ('armpit_left', 'top_hem_left'),  # blouse
        ('waistline_left', 'top_hem_left'),  # outwear
        ('waistline_left', 'hemline_left'),  # dress
        ('top_hem_left', 'top_hem_right'),
        ('waistband_left', 'waistband_right'),
        ('waistband_left', 'hemline_left'),  # skirt
        ('hemline_left', 'hemline_right'),
        ('waistband_left', 'bottom_left_out'),  # trousers
        ('bottom_left_out', 'bottom_left_in'),
        ('bottom_left_in', 'crotch'),
    ),
    paper_info={
        'author': 'Zou, Xingxing and Kong, Xiangheng and Wong, Waikeung and Wang, Congde and Liu, Yuguang '
                  'and Cao, Yang',
        'title': 'FashionAI: A Hierarchical Dataset for Fashion Understanding',
        'container': 'IEEE/CVF Conference on Computer Vision and Pattern Recognition Workshops (CVPRW)',
        'year': '2019',
        'homepage': 'https://tianchi.aliyun.com/competition/entrance/231670/introduction'})
