"""Seconds and files of one clip: faceveil beside FFmpeg encoding it anew with the same settings, and beside deface.

    python tools/bench_video.py --program target/release/faceveil [--deface .venv/bin/deface] CLIP.mp4

Prints, for each turn, the seconds on the clock and of the processors (all processes), each by FFmpeg's in the same turn; then
deface with and without `--scale 640x360`, each beside faceveil with its own encoder settings, with the files' bytes and their
SSIM to the clip in the lowest quarter of the frames (choose clips without a face there). Needs ffmpeg in the path.
"""

import argparse
import re
import resource
import subprocess
import tempfile
import time
from pathlib import Path

SAME = ["-c:v", "libx264", "-preset", "faster", "-crf", "23.5", "-c:a", "copy"]  # faceveil's own


def run(command):
    """Seconds on the clock, and of the processors."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([str(c) for c in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processors = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - begun, processors


def ssim(result, clip):
    quarter = "crop=iw:ih/4:0:ih*3/4"
    graph = f"[0:v]{quarter}[a];[1:v]{quarter}[b];[a][b]ssim"
    command = ["ffmpeg", "-nostdin", "-i", str(result), "-i", str(clip), "-lavfi", graph, "-f", "null", "-"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    return float(re.search(r"SSIM .*All:([\d.]+)", said).group(1))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("clip", type=Path)
    options.add_argument("--program", type=Path, required=True)
    options.add_argument("--deface", type=Path)
    options.add_argument("--turns", type=int, default=3)
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        compare_with_ffmpeg(options, folder)
        if options.deface:
            compare_with_deface(options, folder)


def compare_with_ffmpeg(options, folder):
    for turn in range(options.turns):
        encode = ["ffmpeg", "-nostdin", "-y", "-i", options.clip, *SAME, folder / "ffmpeg.mp4"]
        clock, processors = run(encode)
        print(f"{turn + 1}: ffmpeg {clock:.1f} s, {processors:.1f} of the processors", end="")
        for level in ["fast", "balanced"]:
            ours = run(blur(options, folder / f"{turn}-{level}.mp4", level))
            print(f" | {level} {ours[0]:.1f} s ({ours[0] / clock:.2f}, {ours[1] / processors:.2f})", end="")
        print(flush=True)


def blur(options, out, level):
    return [options.program, "blur", options.clip, "-o", out, "--level", level]


def compare_with_deface(options, folder):
    ours = folder / "ours.mp4"
    seconds = run(blur(options, ours, "balanced"))[0]
    print(f"faceveil balanced: {seconds:.1f} s, {ours.stat().st_size} bytes, SSIM {ssim(ours, options.clip):.3f}")
    for more in [["--scale", "640x360"], []]:
        theirs = folder / "deface.mp4"
        took = run([options.deface, options.clip, "-o", theirs, "--keep-audio", *more])[0]
        size = theirs.stat().st_size
        print(
            f"deface {' '.join(more)}: {took:.1f} s, {took / seconds:.1f} times ours, {size} bytes, "
            f"SSIM {ssim(theirs, options.clip):.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
