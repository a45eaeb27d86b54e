"""Compares tiles with those of gdalwarp, and prints findings.

The folder holds sources kind.tif and tiles kind.z.x.y.png. A tile that is empty
is a file without bytes.
"""
import glob
import math
import os
import sys

import numpy as np
from osgeo import gdal

gdal.UseExceptions()
gdal.SetConfigOption("GDAL_PAM_ENABLED", "NO")
HALF = math.pi * 6378137.0


def warped(source, z, x, y):
    """Returns the bands of a tile, with that of alpha."""
    side = 2 * HALF / 2**z
    west, north = -HALF + x * side, HALF - y * side
    out = gdal.Warp(
        "", source, format="MEM", dstSRS="EPSG:3857", outputBounds=(west, north - side, west + side, north),
        width=256, height=256, resampleAlg="near", errorThreshold=0, dstAlpha=source.RasterCount == 3)
    return out.ReadAsArray()


def rendered(path):
    if os.path.getsize(path) == 0:
        return np.zeros((4, 256, 256), "u1")
    bands = gdal.Open(path).ReadAsArray()
    if bands.shape[0] == 3:  # the encoder leaves out alpha where all is opaque
        bands = np.concatenate([bands, np.full((1, 256, 256), 255, "u1")])
    return bands


files = sorted(glob.glob(sys.argv[1] + "/*.png"))
totals = {}
for path in files:
    kind, z, x, y, _ = os.path.basename(path).split(".")
    want = warped(gdal.Open(f"{sys.argv[1]}/{kind}.tif"), int(z), int(x), int(y))
    got = rendered(path)
    visible = (want[3] > 0) | (got[3] > 0)
    differ = visible & (np.any(want[:3] != got[:3], axis=0) | ((want[3] > 0) != (got[3] > 0)))
    a, b = totals.get(kind, (0, 0))
    totals[kind] = (a + np.count_nonzero(differ), b + np.count_nonzero(visible))
for kind, (differ, visible) in sorted(totals.items()):
    if visible == 0 or differ > visible * 0.002:
        print(f"{kind}: {differ} of {visible} pixels differ")
print(f"judged {len(files)}")
