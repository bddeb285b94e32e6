"""Makes matrix.jsonl: small images of every format, mode, compression, orientation and transparency, each with the pixels that
Pillow shows, ImageOps.exif_transpose(im).convert("RGB").

    pip install pillow==12.0.0 numpy==2.4.6 && python matrix.py

A line has name, file (base64), w, h, rgb (base64; or as, the name of an earlier line with the same pixels) and tolerance, 0 for
lossless formats. Where Pillow is not the reference, `want` says what is, and a comment why.
"""
import base64
import io
import json
import re
import struct
import zlib

import numpy as np
from PIL import Image, ImageFile, ImageOps

W, H = 13, 9
LOSSY = 3  # versions of libjpeg and libwebp round differently

lines, seen, names = [], {}, set()


def upright(data):
    im = Image.open(io.BytesIO(data))
    try:
        return ImageOps.exif_transpose(im).convert("RGB")
    except (SyntaxError, struct.error, ValueError):  # EXIF that Pillow cannot read at all: upright
        return Image.open(io.BytesIO(data)).convert("RGB")


def add(name, data, tolerance=0, want=None):
    want = want or upright(data)
    assert name not in names, name
    names.add(name)
    line = {"name": name, "file": base64.b64encode(data).decode(), "tolerance": tolerance, "w": want.width, "h": want.height}
    key = (want.size, want.tobytes())
    if key in seen:
        line["as"] = seen[key]
    else:
        seen[key] = name
        line["rgb"] = base64.b64encode(want.tobytes()).decode()
    lines.append(json.dumps(line, separators=(",", ":")))


def saved(im, format, **options):
    out = io.BytesIO()
    im.save(out, format, **options)
    return out.getvalue()


# --- The image in every mode -----------------------------------------------------------------------------------------------
y, x = np.mgrid[0:H, 0:W]
pixels = np.stack([x * 19 + 9, y * 28 + 3, (x * y * 3 + 40) % 256], -1).astype(np.uint8)
pixels[:3, :4] = [250, 20, 20]
pixels[7:, :3] = [20, 20, 250]
rgb = Image.fromarray(pixels)
grey = rgb.convert("L")
alpha = Image.fromarray(((x * 40 + y * 17) % 256 // 60 * 85).astype(np.uint8))  # 0, 85, 170, 255
rgba = rgb.copy()
rgba.putalpha(alpha)
la = Image.merge("LA", (grey, alpha))
bilevel = Image.fromarray((pixels[..., 0] // 16 + y) % 3 == 0)
cmyk = Image.merge("CMYK", [Image.fromarray(c) for c in (pixels[..., 0], pixels[..., 1], pixels[..., 2], (x * 7 + y * 5).astype(np.uint8))])
deep = (pixels[..., 0].astype(np.uint16) << 8) | 0x5A  # 16-bit grey


def palette(n):
    return rgb.quantize(n, dither=Image.Dither.NONE)


# Pillow clips grey of 16 bits to 255, white nearly everywhere; the upper byte is what the other libraries show.
deep_want = Image.fromarray((deep >> 8).astype(np.uint8)).convert("RGB")

# --- PNG -------------------------------------------------------------------------------------------------------------------


def png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(depth, colour, rows, interlace=0, extra=b""):
    header = struct.pack(">IIBBBBB", W, H, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


def filtered(a):
    return b"".join(b"\0" + row.tobytes() for row in a)


for name, im in {"1": bilevel, "L": grey, "LA": la, "RGB": rgb, "RGBA": rgba, "P1": palette(2), "P2": palette(4), "P4": palette(16), "P8": palette(99)}.items():
    add(f"png/{name}", saved(im, "PNG"))
add("png/L, key", saved(grey, "PNG", transparency=int(pixels[0, 0, 0])))
add("png/RGB, key", saved(rgb, "PNG", transparency=(250, 20, 20)))
add("png/1, key", saved(bilevel, "PNG", transparency=1))
for n in (2, 4, 16, 99):
    add(f"png/P of {n}, one transparent", saved(palette(n), "PNG", transparency=1))
    add(f"png/P of {n}, alpha each", saved(palette(n), "PNG", transparency=bytes(i * 50 % 256 for i in range(n))))
wide = pixels.astype(np.uint16) << 8 | 0xA5
wide_alpha = np.asarray(alpha).astype(np.uint16)[..., None] << 8
add("png/L16", png(16, 0, filtered(deep.astype(">u2"))), want=deep_want)
add("png/LA16", png(16, 4, filtered(np.concatenate([deep[..., None], wide_alpha], -1).astype(">u2"))))
add("png/RGB16", png(16, 2, filtered(wide.astype(">u2"))))
add("png/RGBA16", png(16, 6, filtered(np.concatenate([wide, wide_alpha], -1).astype(">u2"))))
passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
add("png/interlaced RGBA", png(8, 6, b"".join(filtered(np.asarray(rgba)[b::e, a::d]) for a, b, d, e in passes), 1))
add("png/interlaced L", png(8, 0, b"".join(filtered(np.asarray(grey)[b::e, a::d]) for a, b, d, e in passes), 1))
for bits in (2, 4):
    levels = np.asarray(grey) >> (8 - bits)
    packed = np.packbits(np.unpackbits(levels[..., None], axis=-1)[..., 8 - bits:].reshape(H, -1), axis=-1)
    add(f"png/L of {bits} bits", png(bits, 0, filtered(packed)))
add("png/gamma and background", png(8, 2, filtered(pixels), extra=png_chunk(b"gAMA", struct.pack(">I", 100000)) + png_chunk(b"bKGD", b"\0\xff" * 3)))
add("png/animated", saved(rgb, "PNG", save_all=True, append_images=[rgb.rotate(180)]))
add("png/animated, default image", saved(rgb, "PNG", save_all=True, default_image=True, append_images=[rgb.rotate(180), rgb]))

# --- JPEG ------------------------------------------------------------------------------------------------------------------


def without(data, marker):
    """Cuts the segments of a marker out."""
    out, at = data[:2], 2
    while data[at + 1] != 0xDA:
        length = struct.unpack(">H", data[at + 2:at + 4])[0] + 2
        if data[at + 1] != marker:
            out += data[at:at + length]
        at += length
    return out + data[at:]


for sub in (0, 1, 2):
    add(f"jpeg/RGB, subsampling {sub}", saved(rgb, "JPEG", quality=90, subsampling=sub), LOSSY)
add("jpeg/RGB, progressive", saved(rgb, "JPEG", quality=90, progressive=True), LOSSY)
add("jpeg/RGB, restart markers", saved(rgb, "JPEG", quality=90, restart_marker_blocks=1), LOSSY)
add("jpeg/RGB stored as RGB", saved(rgb, "JPEG", quality=90, keep_rgb=True), LOSSY)
add("jpeg/RGB without JFIF", without(saved(rgb, "JPEG", quality=90), 0xE0), LOSSY)
add("jpeg/L", saved(grey, "JPEG", quality=90), LOSSY)
add("jpeg/L, progressive", saved(grey, "JPEG", quality=90, progressive=True), LOSSY)
inks = saved(cmyk, "JPEG", quality=95)
add("jpeg/CMYK", inks, LOSSY + 1)
add("jpeg/CMYK, progressive", saved(cmyk, "JPEG", quality=95, progressive=True), LOSSY + 1)
add("jpeg/CMYK without Adobe's marker", without(inks, 0xEE), LOSSY + 1)
ycck = Image.merge("CMYK", rgb.convert("YCbCr").split() + (alpha,))
transformed = saved(ycck, "JPEG", quality=95)
at = transformed.index(b"Adobe")
add("jpeg/YCCK", transformed[:at + 11] + b"\2" + transformed[at + 12:], LOSSY + 3)

# --- WebP ------------------------------------------------------------------------------------------------------------------


def riff(*chunks):
    body = b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def webp_chunks(data):
    at, out = 12, []
    while at < len(data):
        n = struct.unpack("<I", data[at + 4:at + 8])[0]
        out.append((data[at:at + 4], data[at + 8:at + 8 + n]))
        at += 8 + n + n % 2
    return out


def u24(v):
    return struct.pack("<I", v)[:3]


def vp8x(flags, w=W, h=H):
    return b"VP8X", bytes([flags, 0, 0, 0]) + u24(w - 1) + u24(h - 1)


for name, im in {"RGB": rgb, "RGBA": rgba, "L": grey}.items():
    add(f"webp/{name}, lossless", saved(im, "WEBP", lossless=True))
    add(f"webp/{name}, lossy", saved(im, "WEBP", quality=90), LOSSY)
    add(f"webp/{name}, animated", saved(im, "WEBP", lossless=True, save_all=True, append_images=[im.rotate(180)]))
    add(f"webp/{name}, animated and lossy", saved(im, "WEBP", quality=90, save_all=True, append_images=[im.rotate(180)]), LOSSY)
add("webp/RGBA, exact", saved(rgba, "WEBP", lossless=True, exact=True))
for name, im in {"RGB": rgb, "RGBA": rgba}.items():
    for kind in (dict(lossless=True), dict(quality=90)):
        chunks = [c for c in webp_chunks(saved(im, "WEBP", **kind)) if c[0] in (b"ALPH", b"VP8 ", b"VP8L")]
        frame = u24(2) + u24(3) + u24(W - 1) + u24(H - 1) + u24(100) + b"\0" + riff(*chunks)[12:]
        data = riff(vp8x(0x12, W + 6, H + 8), (b"ANIM", b"\xff\x10\x20\x30\0\0"), (b"ANMF", frame))
        add(f"webp/{name}, frame within the canvas, {kind}", data, LOSSY if "quality" in kind else 0)

# --- GIF -------------------------------------------------------------------------------------------------------------------
p = palette(60)
for name, im in {"1": bilevel, "L": grey, "P": p, "P of 2": palette(2), "RGBA": rgba}.items():
    add(f"gif/{name}", saved(im, "GIF"))
    add(f"gif/{name}, plain", saved(im.convert("P") if im.mode == "RGBA" else im, "GIF", interlace=0))
    if im.mode == "P":
        add(f"gif/{name}, transparent", saved(im, "GIF", transparency=1))
for disposal in range(4):
    add(f"gif/animated, disposal {disposal}", saved(p, "GIF", save_all=True, append_images=[p.rotate(180)], disposal=disposal, transparency=3))


def gif(screen, at, colours, local=None, transparent=None, flags=0, before=b""):
    """A file of one frame with the pixels of p, whose colour table is replaced."""
    plain = saved(p, "GIF", interlace=0, optimize=False)
    start = plain.index(b"," + struct.pack("<HHHH", 0, 0, W, H)) + 10
    table = lambda t: b"" if t is None else bytes(t)
    size = lambda t: 0 if t is None else 0x80 | (len(t) // 3).bit_length() - 2
    out = b"GIF89a" + struct.pack("<HH", *screen) + bytes([size(colours), 5, 0]) + table(colours) + before
    if transparent is not None:
        out += b"!\xf9\x04\x01\0\0" + bytes([transparent]) + b"\0"
    return out + b"," + struct.pack("<HHHH", *at, W, H) + bytes([size(local)]) + table(local) + plain[start:]


table = bytes((i * 37 + 11) % 256 for i in range(3 * 64))
other = bytes((i * 91 + 5) % 256 for i in range(3 * 64))
add("gif/frame within the canvas", gif((20, 15), (3, 4), table))
add("gif/frame within the canvas, transparent", gif((20, 15), (3, 4), table, transparent=7))
add("gif/frame within the canvas, own colours", gif((20, 15), (3, 4), table, other, 7))
add("gif/frame beyond the canvas", gif((8, 5), (2, 1), table))
add("gif/canvas of no size", gif((0, 0), (0, 0), table))
add("gif/own colours", gif((W, H), (0, 0), table, other))
add("gif/own colours only", gif((W, H), (0, 0), None, other, 9))
add("gif/no colours", gif((W, H), (0, 0), None))
add("gif/fewer colours than are used", gif((W, H), (0, 0), table[:3 * 16]))
add("gif/comment and application", gif((W, H), (0, 0), table, before=b"!\xfe\x05hello\0!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"))

# --- BMP -------------------------------------------------------------------------------------------------------------------
for name, im in {"1": bilevel, "L": grey, "P": palette(99), "P4": palette(16), "RGB": rgb, "RGBA": rgba}.items():
    add(f"bmp/{name}", saved(im, "BMP"))


def bmp(bits, rows, compression=0, masks=b"", header=40, colours=b"", height=H, used=0):
    info = struct.pack("<IiiHHIIiiII", header, W, height, 1, bits, compression, len(rows), 0, 0, used, 0)
    info += masks.ljust(header - 40, b"\0") if header > 40 else masks
    at = 14 + len(info) + len(colours)
    return b"BM" + struct.pack("<IHHI", at + len(rows), 0, 0, at) + info + colours + rows


def bmp_rows(a, upward=True):
    rows = [row.tobytes() for row in a]
    return b"".join(row + b"\0" * (-len(row) % 4) for row in (rows[::-1] if upward else rows))


bgr = pixels[..., ::-1]
bgrx = np.concatenate([bgr, np.asarray(alpha)[..., None]], -1)
add("bmp/top down", bmp(24, bmp_rows(bgr, False), height=-H))
add("bmp/32 bits", bmp(32, bmp_rows(bgrx)))
add("bmp/32 bits, masks", bmp(32, bmp_rows(bgrx), 3, struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000), 108))
fives = (pixels[..., 0] >> 3).astype("<u2") << 10 | (pixels[..., 1] >> 3).astype("<u2") << 5 | (pixels[..., 2] >> 3)
sixes = (pixels[..., 0] >> 3).astype("<u2") << 11 | (pixels[..., 1] >> 2).astype("<u2") << 5 | (pixels[..., 2] >> 3)
add("bmp/16 bits", bmp(16, bmp_rows(fives.astype("<u2"))))
add("bmp/16 bits, masks", bmp(16, bmp_rows(sixes.astype("<u2")), 3, struct.pack("<III", 0xF800, 0x7E0, 0x1F)))
four = np.asarray(palette(16))
colours16 = b"".join(bytes([*c[::-1], 0]) for c in np.array(palette(16).getpalette()[:48], np.uint8).reshape(-1, 3).tolist())
packed4 = np.packbits(np.unpackbits(four[..., None], axis=-1)[..., 4:].reshape(H, -1), axis=-1)
add("bmp/4 bits", bmp(4, bmp_rows(packed4), colours=colours16))
add("bmp/4 bits, 16 colours declared", bmp(4, bmp_rows(packed4), colours=colours16, used=16))
runs = b"".join(b"".join(bytes([1, v]) for v in row) + b"\0\0" for row in four[::-1].tolist()) + b"\0\1"
add("bmp/8 bits, runs", bmp(8, runs, 1, colours=colours16 + bytes(4 * 240)))

# --- TIFF ------------------------------------------------------------------------------------------------------------------
modes = {"1": bilevel, "L": grey, "LA": la, "P": palette(99), "RGB": rgb, "RGBA": rgba, "RGBX": rgb.convert("RGBX"), "CMYK": cmyk}
for name, im in modes.items():
    for compression in (None, "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate"):
        add(f"tiff/{name}, {compression}", saved(im, "TIFF", compression=compression))
for name in ("L", "P", "RGB", "RGBA", "CMYK"):
    for compression in ("tiff_lzw", "tiff_adobe_deflate"):
        add(f"tiff/{name}, {compression}, predictor", saved(modes[name], "TIFF", compression=compression, tiffinfo={317: 2}))
for compression in ("group3", "group4"):
    add(f"tiff/1, {compression}", saved(bilevel, "TIFF", compression=compression))
    add(f"tiff/1, {compression}, white is zero", saved(bilevel, "TIFF", compression=compression, tiffinfo={262: 0}))
    add(f"tiff/1, {compression}, strips", saved(bilevel, "TIFF", compression=compression, strip_size=4))
    add(f"tiff/1, {compression}, large", saved(bilevel.resize((300, 20), Image.Resampling.NEAREST), "TIFF", compression=compression))
for compression in (None, "tiff_lzw", "packbits", "tiff_adobe_deflate"):
    for name in ("1", "L"):
        add(f"tiff/{name}, {compression}, white is zero", saved(modes[name], "TIFF", compression=compression, tiffinfo={262: 0}))
    add(f"tiff/RGB, {compression}, strips", saved(rgb, "TIFF", compression=compression, strip_size=80))
add("tiff/BigTIFF", saved(rgb, "TIFF", big_tiff=True))
add("tiff/two pages", saved(rgb, "TIFF", save_all=True, append_images=[grey]))
for o in range(10):
    add(f"tiff/orientation {o}", saved(rgb, "TIFF", tiffinfo={274: o}))
    if 1 <= o <= 8:  # libtiff writes no others
        add(f"tiff/1, group4, orientation {o}", saved(bilevel, "TIFF", compression="group4", tiffinfo={274: o}))
add("tiff/XMP", saved(rgb, "TIFF", tiffinfo={700: b'<x tiff:Orientation="6"/>'}))


def tiff(blocks, fields, order="<", big=False):
    """A file of the given blocks of pixels; fields are tag: (type, values), without the positions and lengths of blocks."""
    sizes = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q"}
    place = "Q" if big else "I"
    out = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    out += struct.pack(order + "HHQ", 8, 0, 0) if big else struct.pack(order + "I", 0)
    positions = []
    for block in blocks:
        out += b"\0" * (len(out) % 2)
        positions.append(len(out))
        out += block
    tiled = 322 in fields
    fields = {**fields, 324 if tiled else 273: (4, positions), 325 if tiled else 279: (4, [len(b) for b in blocks])}
    entries = b""
    for tag, (kind, values) in sorted(fields.items()):
        if kind in (5, 10):
            raw = b"".join(struct.pack(order + ("II" if kind == 5 else "ii"), *v) for v in values)
        else:
            raw = struct.pack(order + str(len(values)) + sizes[kind], *values)
        if len(raw) > struct.calcsize(place):
            out += b"\0" * (len(out) % 2)
            raw, out = struct.pack(order + place, len(out)), out + raw
        entries += struct.pack(order + "HH" + place, tag, kind, len(values)) + raw.ljust(struct.calcsize("=" + place), b"\0")
    at = len(out) + len(out) % 2
    out = out.ljust(at, b"\0") + struct.pack(order + ("Q" if big else "H"), len(fields)) + entries + bytes(8 if big else 4)
    where = 8 if big else 4
    return out[:where] + struct.pack(order + place, at) + out[where + struct.calcsize(place):]


def fields(photometric, bits, **more):
    f = {256: (3, [W]), 257: (3, [H]), 258: (3, bits), 259: (3, [1]), 262: (3, [photometric]), 277: (3, [len(bits)])}
    named = dict(compression=259, fill=266, rows=278, planar=284, predictor=317, extra=338, colours=320, orientation=274)
    for name, value in more.items():
        f[named[name]] = value if isinstance(value, tuple) else (3, [value])
    return f


def bits_of(a, bits):
    return np.packbits(np.unpackbits(a[..., None], axis=-1)[..., 8 - bits:].reshape(H, -1), axis=-1).tobytes()


def colour_map(im, n):
    c = np.array((im.getpalette() + [0] * 768)[:3 * n], np.uint8).reshape(-1, 3).T.reshape(-1)
    return 3, [int(v) * 257 for v in c]


a4, a1 = np.asarray(rgba), np.asarray(bilevel)
reversed_bits = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))
for order in "<>":
    end = "LE" if order == "<" else "BE"
    for bits in (2, 4):
        levels = np.asarray(grey) >> (8 - bits)
        for photo in (0, 1):
            add(f"tiff/L of {bits} bits, {photo=}, {end}", tiff([bits_of(levels, bits)], fields(photo, [bits]), order))
        im = palette(1 << bits)
        add(f"tiff/P of {bits} bits, {end}", tiff([bits_of(np.asarray(im), bits)], fields(3, [bits], colours=colour_map(im, 1 << bits)), order))
    im = palette(2)
    add(f"tiff/P of 1 bit, {end}", tiff([bits_of(np.asarray(im), 1)], fields(3, [1], colours=colour_map(im, 2)), order))
    add(f"tiff/L16, {end}", tiff([deep.astype(order + "u2").tobytes()], fields(1, [16]), order), want=deep_want)
    inverse = ImageOps.invert(deep_want)
    add(f"tiff/L16, white is zero, {end}", tiff([deep.astype(order + "u2").tobytes()], fields(0, [16]), order), want=inverse)
    add(f"tiff/RGB16, {end}", tiff([wide.astype(order + "u2").tobytes()], fields(2, [16] * 3), order))
    for extra in (0, 1, 2):
        add(f"tiff/RGBA16, {extra=}, {end}", tiff([np.concatenate([wide // 4, wide_alpha], -1).astype(order + "u2").tobytes()], fields(2, [16] * 4, extra=extra), order))
        add(f"tiff/RGBA, {extra=}, {end}", tiff([a4.tobytes()], fields(2, [8] * 4, extra=extra), order))
    add(f"tiff/RGBA, no extra, {end}", tiff([a4.tobytes()], fields(2, [8] * 4), order))
    add(f"tiff/RGBAX, {end}", tiff([np.concatenate([a4, a4[..., :1]], -1).tobytes()], fields(2, [8] * 5, extra=(3, [2, 0])), order))
    difference = wide.astype(np.uint16).copy()
    difference[:, 1:] -= wide[:, :-1]
    add(f"tiff/RGB16, predictor, {end}", tiff([zlib.compress(difference.astype(order + "u2").tobytes())], fields(2, [16] * 3, compression=8, predictor=2), order))
    add(f"tiff/RGB, planes, {end}", tiff([pixels[..., c].tobytes() for c in range(3)], fields(2, [8] * 3, planar=2), order))
    add(f"tiff/RGBA, planes, {end}", tiff([a4[..., c].tobytes() for c in range(4)], fields(2, [8] * 4, planar=2, extra=2), order))
    planes = [zlib.compress(pixels[s:s + 4, :, c].tobytes()) for c in range(3) for s in range(0, H, 4)]
    add(f"tiff/RGB, deflated planes in strips, {end}", tiff(planes, fields(2, [8] * 3, planar=2, rows=4, compression=8), order))
    padded = np.zeros((16, 16, 3), np.uint8)
    padded[:H, :W] = pixels
    tile = {322: (3, [16]), 323: (3, [16])}
    add(f"tiff/RGB, a tile, deflated, {end}", tiff([zlib.compress(padded.tobytes())], {**fields(2, [8] * 3, compression=8), **tile}, order))
    add(f"tiff/RGB, a tile, {end}", tiff([padded.tobytes()], {**fields(2, [8] * 3), **tile}, order))
    for photo in (0, 1):
        add(f"tiff/1, reversed bits, {photo=}, {end}", tiff([bits_of(a1.astype(np.uint8), 1).translate(reversed_bits)], fields(photo, [1], fill=2), order))
        for compression in ("group3", "group4"):
            block = saved(bilevel, "TIFF", compression=compression)
            page = Image.open(io.BytesIO(block))
            strip = block[page.tag_v2[273][0]:][:page.tag_v2[279][0]]
            if page.tag_v2.get(266, 1) == 2:
                strip = strip.translate(reversed_bits)
            code = 3 if compression == "group3" else 4
            add(f"tiff/1, {compression}, {photo=}, {end}", tiff([strip], fields(photo, [1], compression=code), order))
            add(f"tiff/1, {compression}, reversed bits, {photo=}, {end}", tiff([strip.translate(reversed_bits)], fields(photo, [1], compression=code, fill=2), order))
    add(f"tiff/lengths left out, {end}", tiff([pixels.tobytes()], fields(2, [8] * 3), order).replace(struct.pack(order + "HH", 279, 4), struct.pack(order + "HH", 280, 4)))
    for kind in (1, 3, 4, 16):
        f = {tag: (kind, v) for tag, (k, v) in fields(2, [8] * 3, orientation=6).items()}
        if kind != 1:  # bytes: Pillow refuses
            add(f"tiff/fields of type {kind}, {end}", tiff([pixels.tobytes()], f, order))
big = tiff([pixels.tobytes()], fields(2, [8] * 3, orientation=8), ">", big=True)
add("tiff/BigTIFF, BE", big, want=rgb.transpose(Image.Transpose.ROTATE_90))  # Pillow 12.0 takes it for classic TIFF

# --- Orientation in EXIF and XMP -------------------------------------------------------------------------------------------
small = rgb.crop((0, 0, 7, 5))
jpeg = saved(small, "JPEG", quality=90, subsampling=0)
still = webp_chunks(saved(small, "WEBP", lossless=True))
plain = saved(small, "PNG")


def segment(data, marker=0xE1):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data


def app1(*datas):
    """After JFIF, as cameras' editors write it."""
    at = 4 + struct.unpack(">H", jpeg[4:6])[0]
    return jpeg[:at] + b"".join(segment(d) for d in datas) + jpeg[at:]


def in_png(*chunks):
    return plain[:33] + b"".join(png_chunk(*c) for c in chunks) + plain[33:]


def in_webp(*chunks, flags=0x0C):
    return riff(vp8x(flags, *small.size), *still, *chunks)


def exif(o, kind=3, count=1, order="<", offset=8, first=b"", more=()):
    """EXIF data with a Make, the orientation, and more entries."""
    codes = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 99: "H"}
    value = struct.pack(order + "II", o, 1) if kind in (5, 10) else struct.pack(order + codes[kind], o)
    raw = value * max(count, 1)
    n = 2 + len(more)
    end = offset + 2 + 12 * n + 4
    entries = [struct.pack(order + "HHI", 0x010F, 2, 4) + b"abc\0"]
    entries.append(struct.pack(order + "HHI", 0x0112, kind, count) + (raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack(order + "I", end)))
    entries += more
    head = first or (b"II*\0" if order == "<" else b"MM\0*")
    return (head + struct.pack(order + "I", offset)).ljust(offset, b"\0") + struct.pack(order + "H", n) + b"".join(entries) + bytes(4) + raw


PREFIX = b"Exif\0\0"
variants = {}
for order in "<>":
    end = "LE" if order == "<" else "BE"
    for o in range(10):
        variants[f"{o}, {end}"] = exif(o, order=order)
    for kind in (1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 99):
        variants[f"type {kind}, {end}"] = exif(6, kind, order=order)
    variants[f"two values, {end}"] = exif(6, count=2, order=order)
    variants[f"three values, {end}"] = exif(6, count=3, order=order)
    variants[f"no values, {end}"] = exif(6, count=0, order=order)
    variants[f"directory at 20, {end}"] = exif(6, offset=20, order=order)
    variants[f"directory at an odd place, {end}"] = exif(6, offset=33, order=order)
    variants[f"twice, {end}"] = exif(6, order=order, more=[struct.pack(order + "HHIHH", 0x0112, 3, 1, 3, 0)])
    variants[f"entries that are missing, {end}"] = exif(6, order=order)[:8] + struct.pack(order + "H", 200) + exif(6, order=order)[10:34]
    variants[f"value beyond the end, {end}"] = exif(6, 12, order=order)[:-8]
    variants[f"256, {end}"] = exif(256, order=order)
    variants[f"65542 as LONG, {end}"] = exif(65542, 4, order=order)
variants["swapped magic, LE"] = exif(6, first=b"II\0*")
variants["swapped magic, BE"] = exif(6, order=">", first=b"MM*\0")
variants["no byte order"] = exif(6, first=b"XX*\0")
variants["wrong magic"] = exif(6, first=b"II+*")
variants["directory beyond the end"] = exif(6)[:4] + struct.pack("<I", 5000) + exif(6)[8:]
variants["directory at the last byte"] = exif(6)[:4] + struct.pack("<I", len(exif(6)) - 1) + exif(6)[8:]
variants["empty"] = b""
variants["byte order only"] = b"II*\0"
for name, data in variants.items():
    add(f"jpeg/exif {name}", app1(PREFIX + data), LOSSY)
    add(f"png/exif {name}", in_png((b"eXIf", data)))
    add(f"webp/exif {name}", in_webp((b"EXIF", data)))
six, three, eight = exif(6), exif(3, order=">"), exif(8)
for name, build, tolerance in (("jpeg", lambda d: app1(PREFIX + d), LOSSY), ("png", lambda d: in_png((b"eXIf", d)), 0), ("webp", lambda d: in_webp((b"EXIF", d)), 0)):
    add(f"{name}/exif with the prefix", build(PREFIX + six), tolerance)
    add(f"{name}/exif with the prefix twice", build(PREFIX * 2 + three), tolerance)
    add(f"{name}/exif with half the prefix", build(PREFIX[:4] + six), tolerance)


def xmp(o, element=False):
    return f'<x:xmpmeta xmlns:tiff="x"><tiff:Orientation>{o}</tiff:Orientation></x:xmpmeta>'.encode() if element else f'<x:xmpmeta tiff:Orientation="{o}"/>'.encode()


XAP = b"http://ns.adobe.com/xap/1.0/\0"
KEY = b"XML:com.adobe.xmp\0"
for o in (0, 1, 3, 6, 9):
    add(f"jpeg/XMP {o}", app1(XAP + xmp(o)), LOSSY)
    add(f"png/XMP {o}", in_png((b"iTXt", KEY + bytes(4) + xmp(o))))
    add(f"webp/XMP {o}", in_webp((b"XMP ", xmp(o))))
for name, packet in {"element": xmp(8, True), "two": xmp(3) + xmp(6), "single quotes": xmp(6).replace(b'"', b"'"), "none": b"<x/>"}.items():
    add(f"jpeg/XMP, {name}", app1(XAP + packet), LOSSY)
    add(f"png/XMP, {name}", in_png((b"iTXt", KEY + bytes(4) + packet)))
    add(f"webp/XMP, {name}", in_webp((b"XMP ", packet)))
none = exif(6).replace(struct.pack("<H", 0x0112), struct.pack("<H", 0x0113))
for name, data in {"6": six, "0": exif(0), "a BYTE": exif(6, 1), "none": none, "an unknown type": exif(6, 99)}.items():
    add(f"jpeg/XMP 3 and EXIF {name}", app1(PREFIX + data, XAP + xmp(3)), LOSSY)
    add(f"jpeg/EXIF {name} behind XMP 3", app1(XAP + xmp(3), PREFIX + data), LOSSY)
    add(f"png/XMP 3 and EXIF {name}", in_png((b"iTXt", KEY + bytes(4) + xmp(3)), (b"eXIf", data)))
    add(f"webp/XMP 3 and EXIF {name}", in_webp((b"EXIF", data), (b"XMP ", xmp(3))))
add("jpeg/two XMP", app1(XAP + xmp(3), XAP + xmp(6)), LOSSY)
add("jpeg/two EXIF", app1(PREFIX + six, PREFIX + three), LOSSY)
add("jpeg/two EXIF, the first empty", app1(PREFIX, PREFIX + three), LOSSY)
add("jpeg/two EXIF, the first without orientation", app1(PREFIX + none, PREFIX + three), LOSSY)
add("jpeg/EXIF in two segments", app1(PREFIX + exif(6, 12)[:30], PREFIX + exif(6, 12)[30:]), LOSSY)
add("jpeg/EXIF before JFIF", jpeg[:2] + segment(PREFIX + six) + jpeg[2:], LOSSY)
add("jpeg/EXIF without JFIF", jpeg[:2] + segment(PREFIX + six) + without(jpeg, 0xE0)[2:], LOSSY)
add("jpeg/EXIF in APP2", jpeg[:2] + segment(PREFIX + six, 0xE2) + jpeg[2:], LOSSY)
scan = jpeg.index(b"\xff\xda")
add("jpeg/EXIF before the scan", jpeg[:scan] + segment(PREFIX + six) + jpeg[scan:], LOSSY)
add("jpeg/EXIF behind the scan", jpeg[:-2] + segment(PREFIX + six) + jpeg[-2:], LOSSY)
add("jpeg/EXIF behind the end", jpeg + segment(PREFIX + six), LOSSY)
add("png/two EXIF", in_png((b"eXIf", six), (b"eXIf", three)))
end = plain.index(b"IEND") - 4
add("png/EXIF behind the pixels", plain[:end] + png_chunk(b"eXIf", six) + plain[end:])
profile = b"\nexif\n%8d\n" % len(PREFIX + six) + re.sub(b"(.{72})", b"\\1\n", (PREFIX + six).hex().encode()) + b"\n"
RAW = b"Raw profile type exif\0"
add("png/profile in tEXt", in_png((b"tEXt", RAW + profile)))
add("png/profile in zTXt", in_png((b"zTXt", RAW + b"\0" + zlib.compress(profile))))
add("png/profile in iTXt", in_png((b"iTXt", RAW + b"\1\0\0\0" + zlib.compress(profile))))
add("png/profile without the prefix", in_png((b"tEXt", RAW + profile.replace(PREFIX.hex().encode(), b""))))
add("png/profile of odd digits", in_png((b"tEXt", RAW + profile[:-2])))
add("png/profile of no digits", in_png((b"tEXt", RAW + b"\nexif\n  10\nhello")))
add("png/profile behind the pixels", plain[:end] + png_chunk(b"tEXt", RAW + profile) + plain[end:])
add("png/profile and EXIF", in_png((b"tEXt", RAW + profile), (b"eXIf", three)))
add("png/profile APP1", in_png((b"tEXt", RAW.replace(b"exif", b"APP1") + profile)))
add("png/text exif", in_png((b"tEXt", b"exif\0" + six)))
add("png/XMP in tEXt", in_png((b"tEXt", KEY + xmp(6))))
add("png/XMP in zTXt", in_png((b"zTXt", KEY + b"\0" + zlib.compress(xmp(6)))))
add("png/XMP compressed", in_png((b"iTXt", KEY + b"\1\0\0\0" + zlib.compress(xmp(6)))))
wrong = png_chunk(b"eXIf", six)[:-1] + b"\0"
add("png/EXIF of a wrong checksum", plain[:33] + wrong + plain[33:], want=small)  # Pillow refuses the file; libpng leaves the chunk out
add("webp/two EXIF", in_webp((b"EXIF", six), (b"EXIF", three)))
add("webp/EXIF that the header does not announce", in_webp((b"EXIF", six), flags=0))
add("webp/EXIF without an extended header", riff(*still, (b"EXIF", six)))
add("webp/EXIF before the pixels", riff(vp8x(8, *small.size), (b"EXIF", six), *still))
add("webp/EXIF, animated", saved(small, "WEBP", lossless=True, save_all=True, append_images=[small.rotate(180)], exif=PREFIX + eight))
for name, im in {"1": bilevel, "LA": la, "P": palette(99), "RGBA": rgba}.items():
    add(f"png/{name}, orientation 6", saved(im, "PNG", exif=PREFIX + six))
add("jpeg/L, orientation 5", saved(grey, "JPEG", quality=90, exif=PREFIX + exif(5)), LOSSY)
add("jpeg/CMYK, orientation 7", saved(cmyk, "JPEG", quality=95, exif=PREFIX + exif(7)), LOSSY + 1)

with open("matrix.jsonl", "w") as f:
    f.write("\n".join(lines) + "\n")
print(len(lines), "images,", sum(map(len, lines)) // 1024, "KB")
