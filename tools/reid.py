#!/usr/bin/env python3
"""Who is it? Re-identification of hidden faces by three attackers, for each style beside a solid fill.

    python tools/reid.py --shared SHARED --faceveil PROGRAM --work FOLDER [--styles solid,veil,...]

Photos: youtube_keypoints, all people with photos of at least two videos (the digit before the last in a file's name is
the video). Landmarks come from the annotations, so that every attacker aligns perfectly. All rates are rank-1 over
queries with Wilson's 95 % interval; one query a photo.

naive    the gallery holds each person's clear photos of their first video, queries are hidden photos of the others
informed the same, but the gallery is hidden in the same way
trained  a ridge classifier on hidden photos of all videos but the query's video (fold by fold: video number modulo 3),
         on both embeddings and the aligned 24x24 pixels; its penalty is the one best for the attacker on the queries,
         so the rate is an upper bound of what this classifier can do

What a hidden face leaves around it (hair, clothes, background) helps every attacker; `solid` shows how much of a rate is that.
"""
import argparse, csv, json, pathlib, re, subprocess, sys
import cv2
import numpy as np
import onnxruntime

TEMPLATE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32)


def photos(shared):
    """(path, person, video, five landmarks) of all photos of people with at least two videos."""
    rows = []
    for part in ("training", "test"):
        folder = shared / "faces/youtube_keypoints"
        for row in list(csv.reader(open(folder / f"{part}_frames_keypoints.csv")))[1:]:
            points = np.array(row[1:137], np.float32).reshape(68, 2)
            five = np.stack([points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]])
            person, number = re.fullmatch(r"(.+)_(\d+)\.jpg", row[0]).groups()
            rows.append((folder / part / row[0], person, int(number[-2]) if len(number) > 1 else 0, five))
    videos = {}
    for _, person, video, _ in rows:
        videos.setdefault(person, set()).add(video)
    return [row for row in rows if len(videos[row[1]]) > 1]


class Embedder:
    """A face embedder on faces aligned to the ArcFace template; rows of unit length."""

    def __init__(self, file, imagenet):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(file), options)
        self.imagenet = imagenet

    def __call__(self, faces):
        out = []
        for face in faces:
            rgb = face[:, :, ::-1].astype(np.float32)
            if self.imagenet:
                x = (rgb / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
            else:
                x = (rgb - 127.5) / 128
            x = np.ascontiguousarray(x.transpose(2, 0, 1)[None], np.float32)
            out.append(self.session.run(None, {self.session.get_inputs()[0].name: x})[0][0])
        out = np.array(out)
        return out / np.linalg.norm(out, axis=1, keepdims=True)


def aligned(folder, rows):
    faces = []
    for path, _, _, five in rows:
        image = cv2.imread(str(folder(path)))
        if image is None:
            sys.exit(f"no result for {path.name}")
        matrix, _ = cv2.estimateAffinePartial2D(five, TEMPLATE, method=cv2.LMEDS)
        faces.append(cv2.warpAffine(image, matrix, (112, 112)))
    return faces


def wilson(hits, n):
    p, z = hits / n, 1.96
    middle, half = (p + z * z / (2 * n)) / (1 + z * z / n), z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return [round(100 * v, 2) for v in (p, middle - half, middle + half)]


def rank1(gallery, gallery_people, queries, people):
    best = np.argmax(queries @ gallery.T, axis=1)
    return wilson(int(np.sum(gallery_people[best] == people)), len(people))


def trained(features, people, videos):
    """Ridge regression to one-hot people, kernel form (there are more features than photos)."""
    names = np.unique(people)
    best = [0.0, 0.0, 0.0]
    for penalty in (1e-2, 1e-1, 1.0, 10.0):
        hits = count = 0
        for fold in range(3):
            test = videos % 3 == fold
            train = ~test
            known = test & np.isin(people, people[train])
            if not known.any():
                continue
            mean = features[train].mean(0)
            a, b = features[train] - mean, features[known] - mean
            kernel = a @ a.T
            kernel[np.diag_indices_from(kernel)] += penalty * np.trace(kernel) / len(kernel)
            target = (people[train][:, None] == names[None]).astype(np.float64)
            target -= target.mean(0)
            scores = (b @ a.T) @ np.linalg.solve(kernel, target)
            hits += int(np.sum(names[np.argmax(scores, 1)] == people[known]))
            count += int(known.sum())
        best = max(best, wilson(hits, count))
    return best


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--shared", type=pathlib.Path, required=True)
    options.add_argument("--faceveil", type=pathlib.Path, required=True)
    options.add_argument("--work", type=pathlib.Path, required=True)
    options.add_argument("--styles", default="solid,veil,pixelate,blur")
    given = options.parse_args()
    rows = photos(given.shared)
    originals = given.work / "originals"
    originals.mkdir(parents=True, exist_ok=True)
    for path, *_ in rows:
        link = originals / path.name
        if not link.exists():
            link.write_bytes(path.read_bytes())
    people, videos = np.array([r[1] for r in rows]), np.array([r[2] for r in rows])
    first = np.array([v == min(videos[people == p]) for p, v in zip(people, videos)])
    models = given.shared / "models"
    embedders = {
        "MobileFaceNet": Embedder(models / "mobilefacenet/MobileFaceNet.onnx", True),
        "fr_feature": Embedder(models / "faceplugin/fr_feature.onnx", False),
    }
    clear = aligned(lambda p: p, rows)
    known = {name: embed(clear) for name, embed in embedders.items()}
    result = {
        "photos": len(rows), "people": len(set(people)), "queries": int((~first).sum()),
        "chance": round(100 / len(set(people)), 2),
        "clear": {name: rank1(e[first], people[first], e[~first], people[~first]) for name, e in known.items()},
        "styles": {},
    }
    for style in given.styles.split(","):
        out = given.work / style
        if not out.is_dir():
            done = subprocess.run([given.faceveil, "blur", originals, "-o", out, "--style", style, "--quiet"])
            if done.returncode:
                sys.exit(f"faceveil failed on {style}")
        faces = aligned(lambda p: next(out.glob(p.stem + "*")), rows)
        hidden = {name: embed(faces) for name, embed in embedders.items()}
        pixels = np.array([cv2.resize(f, (24, 24), interpolation=cv2.INTER_AREA).ravel() / 255.0 for f in faces])
        pixels -= pixels.mean(0)
        pixels /= np.linalg.norm(pixels, axis=1, keepdims=True)
        row = {}
        for name, e in hidden.items():
            row[f"naive, {name}"] = rank1(known[name][first], people[first], e[~first], people[~first])
            row[f"informed, {name}"] = rank1(e[first], people[first], e[~first], people[~first])
        row["informed, pixels"] = rank1(pixels[first], people[first], pixels[~first], people[~first])
        row["trained"] = trained(np.hstack([*hidden.values(), pixels]), people, videos)
        result["styles"][style] = row
        print(style, json.dumps(row), file=sys.stderr)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
