"""Writes corpus-seed/: small synthetic files for the fuzz targets. Needs Pillow.

They are committed; this only documents how they came about.  python make_seeds.py
"""
import io
import json
import struct
import zlib
from pathlib import Path

from PIL import Image, PngImagePlugin

HERE = Path(__file__).parent
TESTS = HERE / "../crates/faceveil-media/tests/data"
WORDS = b"SEED-METADATA"


def picture(mode, size=(24, 18)):
    rgb = Image.new("RGB", size)
    rgb.putdata([((x * 9 + y * 3) % 256, (y * 13) % 256, (x * y + (x ^ y)) % 256)
                 for y in range(size[1]) for x in range(size[0])])
    if mode == "RGBA":
        rgb.putalpha(rgb.convert("L"))
        return rgb
    if mode == "P":
        return rgb.quantize(16)
    return rgb.convert(mode)


def gate(further=b""):
    """Side 16, two levels of 4 channels with a block each; 749 weights, as crates/faceveil-net counts."""
    levels = b"".join(struct.pack("<HBBB", 4, 1, 2, 2) for _ in range(2))
    head = b"FVNW" + struct.pack("<HHBBfff", 2 if further else 1, 16, 4, 2, 0.4, 0.6, 1.5) + further + levels
    return head + struct.pack("<I", 749) + b"".join(struct.pack("<f", i % 19 / 10 - 0.9) for i in range(749))


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def segment(code, data):
    return bytes([0xFF, code]) + struct.pack(">H", len(data) + 2) + data


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def profile(space):
    data = bytearray(132)
    data[16:20], data[36:40] = space, b"acsp"
    data[:4] = struct.pack(">I", len(data))
    return bytes(data)


def exif(orientation):
    block = Image.Exif()
    block[0x0112], block[0x010F], block[0x0110] = orientation, "Maker", "Model 1"
    block[0x0132], block[0x013B] = "2024:02:29 12:34:56", WORDS.decode()
    return block.tobytes()


def photos():
    rgb = picture("RGB")
    plain = saved(rgb, "JPEG", quality=80)
    yield "baseline.jpg", plain
    yield "progressive.jpg", saved(rgb, "JPEG", quality=70, progressive=True)
    yield "restarts.jpg", saved(rgb, "JPEG", quality=70, restart_marker_blocks=2)
    yield "full-chroma.jpg", saved(rgb, "JPEG", quality=90, subsampling=0)
    yield "grey.jpg", saved(picture("L"), "JPEG")
    yield "cmyk.jpg", saved(picture("CMYK"), "JPEG")
    yield "turned-profile.jpg", saved(rgb, "JPEG", exif=exif(6), icc_profile=profile(b"RGB "))
    stuffed = plain[:2] + segment(0xED, b"Photoshop 3.0\0" + WORDS) + segment(0xFE, WORDS) + plain[2:]
    yield "stuffed.jpg", stuffed + plain + WORDS
    for name in ("ink.jpg", "sequential.jpg", "refined.jpg", "lossy.webp"):
        yield name, (TESTS / name).read_bytes()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", WORDS.decode(), zip=True)
    yield "rgb.png", saved(rgb, "PNG", pnginfo=text, exif=exif(3))
    yield "rgba.png", saved(picture("RGBA"), "PNG", icc_profile=profile(b"RGB "))
    yield "palette.png", saved(picture("P"), "PNG", transparency=3)
    yield "bits.png", saved(picture("1"), "PNG")
    yield "grey-alpha.png", saved(picture("LA"), "PNG")
    yield "deep.png", saved(picture("L").convert("I;16"), "PNG")
    rows = b"".join(b"\1" + bytes([x * 16 for x in range(8)]) for _ in range(8))
    seven = [rows[:2], rows[:2], rows[:3], rows[:3] * 2, rows[:5] * 2, rows[:5] * 4, rows[:9] * 4]
    head = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 1)
    colours = chunk(b"cICP", bytes([9, 16, 0, 1])) + chunk(b"sRGB", b"\0") + chunk(b"gAMA", struct.pack(">I", 45455))
    yield "interlaced.png", (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + colours
                             + chunk(b"IDAT", zlib.compress(b"".join(seven))) + chunk(b"IEND", b""))
    yield "lossless.webp", saved(rgb, "WEBP", lossless=True)
    yield "lossless-alpha.webp", saved(picture("RGBA"), "WEBP", lossless=True, exif=exif(8))
    yield "lossy-alpha.webp", saved(picture("RGBA"), "WEBP", quality=50, icc_profile=profile(b"RGB "))


def varint(value):
    out = b""
    while value >= 0x80:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def field(number, body):
    if isinstance(body, int):
        return varint(number << 3) + varint(body)
    body = body.encode() if isinstance(body, str) else body
    return varint(number << 3 | 2) + varint(len(body)) + body


def tensor(name, dims, value):
    count = 1
    for n in dims:
        count *= n
    raw = b"".join(struct.pack("<f", value * (i % 7 - 3)) for i in range(count))
    return field(5, b"".join(field(1, n) for n in dims) + field(2, 1) + field(8, name) + field(9, raw))


def node(op, inputs, output, **attributes):
    body = b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, op)
    for name, value in attributes.items():
        ints = field(3, value) if isinstance(value, int) else b"".join(field(8, n) for n in value)
        body += field(5, field(1, name) + ints)
    return field(1, body)


def networks():
    stem = (tensor("w0", (4, 3, 3, 3), .1) + tensor("b0", (4,), .2)
            + node("Conv", ["x", "w0", "b0"], "s", strides=[2, 2], pads=[1] * 4) + node("Relu", ["s"], "r"))
    deep = (tensor("w1", (4, 1, 3, 3), .3) + tensor("w2", (4, 4, 1, 1), .4)
            + node("Conv", ["r", "w1"], "d", pads=[1] * 4, group=4) + node("Conv", ["d", "w2"], "p"))
    outer = field(11, field(1, "x"))

    def model(body, *outputs):
        return field(7, body + outer + b"".join(field(12, field(1, name)) for name in outputs))

    yield "stem.onnx", model(stem, "r")
    yield "residual.onnx", model(stem + deep + node("Add", ["p", "r"], "y"), "y")
    scales = field(5, field(1, 4) + field(2, 1) + field(8, "s2") + field(9, struct.pack("<4f", 1, 1, 2, 2)))
    yield "pyramid.onnx", model(
        stem + deep + scales + node("MaxPool", ["p"], "m", kernel_shape=[2, 2], strides=[2, 2])
        + node("Resize", ["m", "", "s2"], "u") + node("Add", ["u", "r"], "y"), "y", "m")
    norm = b"".join(tensor(name, (2,), .5) for name in ("g", "h", "i")) + field(
        5, field(1, 2) + field(2, 1) + field(8, "v") + field(9, struct.pack("<2f", 1, 2)))
    yield "double.onnx", model(
        stem + norm + tensor("w3", (4, 2, 2, 2), .2) + node("ConvTranspose", ["r", "w3"], "t", strides=[2, 2])
        + node("BatchNormalization", ["t", "g", "h", "i", "v"], "n") + node("Relu", ["n"], "y"), "y")
    heads = b"".join(tensor(f"k{i}", (1, 4, 1, 1), .1) + node("Conv", ["r", f"k{i}"], f"c{i}")
                     + node("Transpose", [f"c{i}"], f"t{i}", perm=[0, 2, 3, 1])
                     + node("Sigmoid", [f"t{i}"], f"y{i}") for i in range(2))
    yield "heads.onnx", model(stem + heads, "y0", "y1")


CONFIG = {
    "all.toml": 'level = "thorough"\nstyle = "pixelate"\ncells = 4\nshape = "box"\nmargin = 1.5\nfeather = 0.1\n'
                'seed = 7\non-no-face = "fail"\nkeep-metadata = "safe"\nmax-pixels = 1000000\noverwrite = true\n'
                'jobs = 3\nquiet = true\njson = false\n',
    "blur.toml": '# cosmetic\nstyle = "blur"\nsigma = 0.25\n',
    "solid.toml": 'style = "solid"\ncolor = "#00ff7f"\n',
    "overlay.toml": 'style = "image"\noverlay = "smile.png"\n',
    "odd.toml": '"level" = \'fast\'\nmargin = 1e0\nseed = 0xffff\njobs = 1_0\n',
    "wrong.toml": 'sigma = nan\nmargin = inf\n[table]\nlevel = "fast"\n',
}


def journals():
    line = ('{{"input":"/in/{0}.jpg","size":12,"mtime_ns":170000000000000000{0},"settings":"settings",'
            '"output":"/out/{0}.jpg","output_bytes":3,"output_sha256":"{1}","faces":{0},"durable":{2}}}\n')
    header, digest = '{"faceveil_journal":1}\n', "ab" * 32
    yield "empty", ""
    yield "header", header
    yield "two", header + line.format(1, digest, "false") + line.format(1, digest, "true")
    yield "cut", header + line.format(1, digest, "true") + line.format(2, digest, "true")[:70]
    odd = line.format(3, digest, "true").replace('"size"', '"input_hex":"2fff2e6a7067","size"')
    yield "bytes", header + odd
    yield "other", "just some notes\n"


def sidecars():
    digest = "ab" * 32
    head = ('{"faceveil_sidecar": 1, "faceveil": "0.1.0", "source": {"path": "../in/a.jpg", "bytes": 12, "sha256": "%s"},\n'
            '"result": {"format": "JPEG", "bytes": 3, "sha256": "%s"}, "size": [48, 40],\n'
            '"models": [{"name": "yunet", "sha256": "%s"}],\n'
            '"settings": {"level": "fast", "style": "veil", "shape": "ellipse", "margin": 1.45, "feather": 0.03,'
            ' "keep_metadata": "none"},\n' % (digest, digest, digest))
    face = '{"id": "f1", "box": [5, 6.5, 20, 30], "score": 0.9, "landmarks": null, "opinions": [[4, 6, 21, 30]]}'
    ellipse = '{"outline": "ellipse", "centre": [12.5, 18], "half_axes": [10, 17.25], "angle": -12.5}'
    box = '{"outline": "box", "corners": [1, 2, 30, 40]}'
    region = '{"id": "r1", "origin": "detected", "face": "f1", "hidden": true, "feather": 0.5, "shapes": [%s]}' % ellipse
    added = ('{"id": "r2", "origin": "added", "hidden": false, "note": "mine", "feather": 0, "shapes": [%s, %s]}'
             % (box, ellipse))
    yield "none.json", head + '"counts": {"faces": 0, "regions": 0}, "faces": [], "regions": []}\n'
    yield "one.json", head + '"counts": {"faces": 1, "regions": 1},\n"faces": [%s],\n"regions": [%s]}\n' % (face, region)
    yield "edited.json", head + ('"counts": {"faces": 1, "regions": 2},\n"faces": [%s],\n"regions": [%s,\n%s],\n'
                                 '"previous": "%s"}\n' % (face, region, added, digest))
    yield "other.json", '{"faceveil_sidecar": 2}\n'


def albums():
    frames = [picture("RGB"), picture("RGB").rotate(180), picture("L").convert("RGB")]
    more = {"save_all": True, "append_images": frames[1:]}
    yield "moving.gif", saved(frames[0], "GIF", duration=[40, 90, 120], loop=3, disposal=2, comment=WORDS, **more)
    yield "moving.png", saved(frames[0], "PNG", duration=[40, 90, 120], loop=3, default_image=False, **more)
    yield "default.png", saved(frames[0], "PNG", duration=50, default_image=True, **more)
    yield "moving.webp", saved(frames[0], "WEBP", duration=50, loop=2, lossless=True, exif=WORDS, **more)
    yield "lossy.webp", saved(frames[0], "WEBP", duration=50, quality=30, **more)
    for name, compression in [("raw", None), ("lzw", "tiff_lzw"), ("deflate", "tiff_adobe_deflate"),
                              ("packbits", "packbits")]:
        yield f"pages-{name}.tif", saved(frames[0], "TIFF", compression=compression, description="x", **more)
    yield "palette.tif", saved(picture("P"), "TIFF")
    yield "bits.tif", saved(picture("1"), "TIFF")
    yield "deep.tif", saved(Image.new("I;16", (24, 18), 777), "TIFF")
    yield "rgba.tif", saved(picture("RGBA"), "TIFF", compression="tiff_lzw")
    yield "rgb.bmp", saved(picture("RGB"), "BMP")
    yield "palette.bmp", saved(picture("P"), "BMP")
    yield "rgba.bmp", saved(picture("RGBA"), "BMP")
    yield "still.gif", saved(picture("P"), "GIF")


ANNOTATIONS = {
    "fddb.txt": "2002/08/11/big/img_591\n1\n123.5833 85.5495 1.265839 269.6934 161.7812  1\n"
                "a/b\n2\n40 20 1.5707963 100 100 1\n44.5 27 -0.5 184 129 1\n",
    "wider.txt": "0--Parade/x_1.jpg\n2\n1 2 3 4 0 0 0 0 0 0 \n5 5 0 0 0 0 0 0 0 0 \n"
                 "0--Parade/y_2.jpg\n0\n0 0 0 0 0 0 0 0 0 0 \n",
    "voc.xml": "<annotation>\n <object><name>f</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax>"
               "<ymax>8.5</ymax></bndbox></object>\n</annotation>\nrest",
    "yolo.txt": "0 0.5 0.25 0.5 0.1\n1 0.1 0.1 0.2 0.2\n",
    "coco.json": (
        '{"images":[{"id":7,"file_name":"a.jpg","width":9,"height":8},{"id":2,"file_name":"b.jpg"}],\n'
        '"annotations":[{"id":1,"image_id":7,"category_id":3,"bbox":[1,2,3.5,4]}],\n'
        '"categories":[{"id":3,"name":"face"},{"id":4,"name":"person"}]}\n'
    ),
    "celeba-boxes.txt": (
        '2\n'
        'image_id x_1 y_1 width height\n'
        '000001.jpg    95  71 226 313\n'
        '000002.jpg    72  94 221 306\n'
    ),
    "celeba-landmarks.txt": (
        '1\n'
        'lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y\n'
        '000001.jpg 69 109 106 113 77 142 73 152 108 154\n'
    ),
    "vggface2.csv": (
        'NAME_ID,X,Y,W,H\n'
        '"n000002/0001_01",161,140,224,324\n'
        '"n000002/0002_01",20,32.5,79,109\n'
    ),
    "data.yaml": (
        'path: set\n'
        'train: ../train/images\n'
        'val: [\'valid/images\', "more/images"]\n'
        'test:\n'
        '- test/images\n'
        'nc: 1\n'
        "names: ['face']\n"
    ),
    "points.csv": ",0,1\nAnn_Bee_01.jpg," + ",".join(f"{30 + i * 37 % 60}.0" for i in range(136)) + "\n",
}


REQUESTS = {
    "get": "GET /0123456789abcdef0123456789abcdef/view/original/3/0/0/10/10?2 HTTP/1.1\r\nHost: 127.0.0.1:4000\r\n"
           "Sec-Fetch-Site: same-origin\r\n\r\n",
    "post": "POST /0123456789abcdef0123456789abcdef/save/0 HTTP/1.1\r\nHost: 127.0.0.1:4000\r\n"
            "Origin: http://127.0.0.1:4000\r\nContent-Length: 15\r\n\r\n{\"version\":\"0\"}",
    "chunks": "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 99999999999\r\n\r\n0\r\n\r\n",
}


def nut():
    """A stream as FFmpeg writes it, with its table of frame codes and elided headers, and one as we write it."""
    def crc(data):
        value = 0
        for byte in data:
            value ^= byte << 24
            for _ in range(8):
                value = (value << 1 ^ (0x04C11DB7 if value >> 31 else 0)) & 0xFFFFFFFF
        return value.to_bytes(4, "big")

    def number(value):
        groups = [value & 127]
        while value >> 7:
            value >>= 7
            groups.append(value & 127 | 128)
        return bytes(reversed(groups))

    def packet(start, body):
        return bytes.fromhex(start) + number(len(body) + 4) + body + crc(body)

    main, stream, sync, info = "4e4d7a561f5f04ad", "4e5311405bf2f9db", "4e4be4adeeca4569", "4e49ab68b596ba78"
    theirs = bytes.fromhex(
        "030181ff7f010183e000c00006000000000001a000020101280100290021019f7f20029f7f8179c000060000000000010603"
        "00000104000001b602fffa02fffb02fffc02fffd")
    size = bytes.fromhex("00000449343230000e83e000000000") + number(4) + number(4) + b"\1\1\0"
    head = b"nut/multimedia container\0" + packet(main, theirs) + packet(stream, size)
    # Code 1 says which flags it has: a key frame with its time, size and checksum.
    frame = b"\1" + number(4096 ^ 4096 | 1 | 8 | 32 | 64)
    frames = b""
    for time in (0, 2048, 4096):
        coded = frame + number(time + (1 << 14)) + number(24)
        frames += packet(sync, number(time) + b"\0") + coded + crc(coded) + bytes(range(24))
    yield "ffmpeg", head + packet(info, b"\0" * 9) + frames
    yield "headers", head


PROBES = {
    "phone": """{"streams": [{"index": 0, "codec_name": "hevc", "codec_type": "video", "width": 1920, "height": 1080,
 "pix_fmt": "yuv420p10le", "color_range": "tv", "color_space": "bt2020nc", "color_transfer": "smpte2084",
 "color_primaries": "bt2020", "field_order": "progressive", "avg_frame_rate": "30000/1001", "time_base": "1/90000",
 "nb_frames": "77", "disposition": {"attached_pic": 0}, "side_data_list": [{"side_data_type":
 "Mastering display metadata", "red_x": "34000/50000", "red_y": "16000/50000", "green_x": "13250/50000", "green_y":
 "34500/50000", "blue_x": "7500/50000", "blue_y": "3000/50000", "white_point_x": "15635/50000", "white_point_y":
 "16450/50000", "min_luminance": "1/10000", "max_luminance": "10000000/10000"}, {"side_data_type":
 "Content light level metadata", "max_content": 1000, "max_average": 400}]},
 {"index": 1, "codec_name": "aac", "codec_type": "audio"}, {"index": 2, "codec_type": "data"}],
 "format": {"format_name": "mov,mp4", "start_time": "0.000000", "duration": "2.5"}}""",
    "short": '{"streams": [{"index": 0, "codec_type": "video", "width": 2, "height": 2, "time_base": "1/25"}]}',
}


Y4MS = {
    "plain": b"YUV4MPEG2 W4 H4 F25:1 Ip A1:1 C420jpeg\n" + 2 * (b"FRAME\n" + bytes(range(24))),
    "deep": b"YUV4MPEG2 W4 H3 F30000:1001 A4:3 C420p10 XCOLORRANGE=FULL\nFRAME Ix\n" + bytes(24),
}


VIDEO_SIDECAR = {
    "faceveil_video_sidecar": 1, "faceveil": "0.1.0",
    "source": {"path": "in/a.mp4", "bytes": 9, "sha256": "a" * 64},
    "result": {"format": "MP4", "bytes": 8, "sha256": "b" * 64},
    "size": [320, 240], "frames": 50, "models": [],
    "settings": {"level": "balanced", "style": "veil", "shape": "ellipse", "margin": 1.25, "feather": 0.03,
                 "keep_metadata": "none"},
    "encoding": {"mute": False}, "zones": {"hide": [[0, 0, 5, 5]], "keep": []}, "cuts": [7], "counts": {"tracks": 1},
    "tracks": [{"id": "t1", "hidden": True, "score": 0.75, "best": 4, "best_time": 0.16, "spans": [
        [{"frame": 2, "box": [1, 1, 21, 30], "also": [[1, 2, 22, 30.25]]}, {"frame": 9, "box": [4.5, 1, 24, 30]}],
        [{"frame": 20, "box": [-8.25, 1, 11, 30]}]]}],
}


def write(target, files):
    folder = HERE / "corpus-seed" / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


if __name__ == "__main__":
    write("photo", photos())
    write("album", albums())
    write("gate", [("small.fvnw", gate()), ("looks.fvnw", gate(struct.pack("<BHBHB", 2, 16, 1, 32, 0)))])
    write("onnx", networks())
    write("config", CONFIG.items())
    write("journal", journals())
    write("request", REQUESTS.items())
    write("sidecar", sidecars())
    write("annotations", ANNOTATIONS.items())
    write("nut", nut())
    write("probe", PROBES.items())
    write("video_sidecar", [("track", json.dumps(VIDEO_SIDECAR))])
    write("y4m", Y4MS.items())
