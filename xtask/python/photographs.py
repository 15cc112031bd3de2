"""Makes photographs of other sizes of one: large.jpg of 12 megapixels, and a folder of small ones.

Usage: photographs.py PICTURE FOLDER
"""

import sys
from pathlib import Path

from PIL import Image, ImageOps

picture, folder = sys.argv[1], Path(sys.argv[2])
image = Image.open(picture).convert("RGB")
# Copies side by side, each second one mirrored, so that details are as fine as in the photograph.
large = Image.new("RGB", (4000, 3000))
for row, y in enumerate(range(0, large.height, image.height)):
    for column, x in enumerate(range(0, large.width, image.width)):
        copy = ImageOps.mirror(image) if column % 2 else image
        large.paste(ImageOps.flip(copy) if row % 2 else copy, (x, y))
large.save(folder / "large.jpg", quality=90, subsampling="4:2:0")
(folder / "small").mkdir()
for index in range(3000):
    x, y = index * 37 % (large.width - 500), index * 53 % (large.height - 375)
    crop = large.crop((x, y, x + 500, y + 375))
    crop.save(folder / "small" / f"{index:04}.jpg", quality=90, subsampling="4:2:0")
