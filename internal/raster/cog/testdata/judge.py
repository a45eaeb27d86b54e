"""Compares each pair of source and output in a folder, and prints findings.

The folder may be one of /vsiaz/.
"""
import sys

import numpy as np
from osgeo import gdal
from osgeo_utils.samples import validate_cloud_optimized_geotiff as cog

gdal.UseExceptions()
gdal.SetConfigOption("GDAL_PAM_ENABLED", "NO")


def compare(name, what, got, want):
    if got != want:
        print(f"{name}: {what}: got {got!r}, want {want!r}")


def same(a, b):
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def overviews(name, src, out):
    """Compares overviews with those of GDAL's own COG driver."""
    n = out.GetRasterBand(1).GetOverviewCount()
    size = out.GetRasterBand(1).GetBlockSize()[0]
    options = [f"BLOCKSIZE={size}", "OVERVIEW_RESAMPLING=AVERAGE", "COMPRESS=NONE"]
    gdals = gdal.GetDriverByName("COG").CreateCopy("/vsimem/cog.tif", src, options=options)
    compare(name, "overviews", n, gdals.GetRasterBand(1).GetOverviewCount())
    for b in range(1, out.RasterCount + 1):
        alpha = out.GetRasterBand(b).GetColorInterpretation() == gdal.GCI_AlphaBand
        for i in range(n):
            mine = out.GetRasterBand(b).GetOverview(i).ReadAsArray()
            theirs = gdals.GetRasterBand(b).GetOverview(i).ReadAsArray()
            if not alpha and not same(mine, theirs):
                differ = np.count_nonzero(mine != theirs)
                print(f"{name}: overview {i} of band {b}: {differ} of {mine.size} pixels differ")


def judge(path):
    name = path.split("/")[-1]
    warnings, errors, _ = cog.validate(path, full_check=True)
    compare(name, "errors", errors, [])
    compare(name, "warnings", warnings, [])
    src, out = gdal.Open(path.replace(".cog.tif", ".src.tif")), gdal.Open(path)
    stored = src.GetMetadataItem("COMPRESSION", "IMAGE_STRUCTURE") or ""
    compare(name, "layout", out.GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE"), "COG")
    compare(name, "transform", out.GetGeoTransform(), src.GetGeoTransform())
    compare(name, "projection", out.GetProjection(), src.GetProjection())
    compare(name, "bands", out.RasterCount, src.RasterCount)
    compare(name, "overviews", out.GetRasterBand(1).GetOverviewCount(), halvings(out))
    for b in range(1, src.RasterCount + 1):
        mine, theirs = out.GetRasterBand(b), src.GetRasterBand(b)
        compare(name, f"type of band {b}", mine.DataType, theirs.DataType)
        compare(name, f"colour of band {b}", mine.GetColorInterpretation(), theirs.GetColorInterpretation())
        compare(name, f"nodata of band {b}", str(mine.GetNoDataValue()), str(theirs.GetNoDataValue()))
        a, c = mine.ReadAsArray(), theirs.ReadAsArray()
        if "JPEG" not in stored and "lossy" not in name and not same(a, c):
            print(f"{name}: band {b}: {np.count_nonzero(a != c)} of {a.size} pixels differ")
        # GDAL interpolates chroma that is stored at half the resolution.
        if "JPEG" in stored and "lossy" not in name:
            apart = np.abs(a.astype("i4") - c.astype("i4"))
            if apart.mean() > 4 or apart.max() > 80 or "YCbCr" not in stored and apart.max() > 3:
                print(f"{name}: band {b}: pixels differ by {apart.mean():.2f} on average, by {apart.max()} at most")
        if "lossy" not in name:
            statistics(name, b, mine, a, theirs, 5e-2 if "JPEG" in stored else 1e-6)
    if "even" in name:
        overviews(name, src, out)


def halvings(out):
    """Returns the number of overviews of which the last one is the first that fits into a tile."""
    side, n = max(out.RasterXSize, out.RasterYSize), 0
    while (side - 1 >> n) + 1 > out.GetRasterBand(1).GetBlockSize()[0]:
        n += 1
    return n


def statistics(name, b, mine, pixels, theirs, tolerance):
    stored = [float(mine.GetMetadataItem("STATISTICS_" + k)) for k in ("MINIMUM", "MAXIMUM", "MEAN", "STDDEV")]
    computed = theirs.ComputeStatistics(False)
    last = mine.GetDataset().GetRasterBand(mine.GetDataset().RasterCount)
    alpha = last.GetColorInterpretation() == gdal.GCI_AlphaBand
    if alpha and last.GetBand() != b:  # GDAL counts transparent pixels
        valid = pixels[last.ReadAsArray() != 0].astype("f8")
        computed = [valid.min(), valid.max(), valid.mean(), valid.std()]
    if not np.allclose(stored, computed, rtol=tolerance, atol=1e-9):
        print(f"{name}: statistics of band {b}: got {stored}, want {computed}")


folder = sys.argv[1]
files = sorted(f"{folder}/{name}" for name in gdal.ReadDir(folder) or [] if name.endswith(".cog.tif"))
for path in files:
    try:
        judge(path)
    except Exception as e:
        print(f"{path}: {e!r}")
print(f"judged {len(files)}")
