# Golden values of HEIC and AVIF: pillow-heif 0.22.0 (its own libheif), pillow 11.2.1.
#     python imaging/testdata/heif.py imaging/testdata/heif
import sys, os
from PIL import Image
import pillow_heif
pillow_heif.register_heif_opener(); pillow_heif.register_avif_opener()
out = sys.argv[1]
im = Image.new("RGB", (72, 40))
im.putdata([(x * 3, y * 6, (x + y) * 2) for y in range(40) for x in range(72)])
exif = Image.Exif(); exif[0x112] = 6
for name, kind, args in [("plain.heic", "HEIF", {"quality": 90}), ("turned.heic", "HEIF", {"quality": 90, "exif": exif.tobytes()}),
                         ("plain.avif", "AVIF", {"quality": 90}), ("two.heic", "HEIF", {"quality": 90, "save_all": True, "append_images": [im.transpose(Image.Transpose.ROTATE_180)]})]:
    path = os.path.join(out, name)
    im.save(path, kind, **args)
    golden = Image.open(path).convert("RGB")
    if name == "turned.heic":  # which pillow-heif 0.22.0 shifts by two rows: what Pillow makes of the image before it was turned
        golden = Image.open(os.path.join(out, "plain.heic")).convert("RGB").transpose(Image.Transpose.ROTATE_270)
    golden.save(path + ".png")
    print(name, golden.size, os.path.getsize(path))
