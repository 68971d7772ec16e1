"""How long 1,000 faces of 112x112 take to draw and encode on one core. Target: at most 5 s.

Run: taskset -c 0 python benchmarks/faces_speed.py
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from unifer.prepare import corpus


def main() -> None:
    faces = [
        corpus.emotional_face("speed", index, emotion) for index, emotion in enumerate(corpus.balanced(1000))
    ]
    with tempfile.TemporaryDirectory() as folder:
        drawn = [(face, Path(folder) / corpus.image_name(face)) for face in faces]
        corpus.save_faces(drawn[:20], workers=1)
        wall, cpu = time.perf_counter(), time.process_time()
        corpus.save_faces(drawn, workers=1)
        print(
            json.dumps(
                {
                    "faces": 1000,
                    "wall_s": round(time.perf_counter() - wall, 2),
                    "cpu_s": round(time.process_time() - cpu, 2),
                }
            )
        )


if __name__ == "__main__":
    main()
