"""Compares each report in a folder with what GDAL reads from the file.

Prints findings. A report has the name of its file and the suffix .json.
"""
import json
import struct
import sys

from osgeo import gdal, osr
from osgeo_utils.samples import validate_cloud_optimized_geotiff as cog

gdal.UseExceptions()
osr.UseExceptions()
gdal.SetConfigOption("GDAL_PAM_ENABLED", "NO")
COMPRESSIONS = {"YCbCr JPEG": "jpeg", None: "none"}
TYPES = {"Byte": "uint8"}


def differ(got, want):
    if isinstance(got, list) and isinstance(want, list) and len(got) == len(want):
        return any(differ(a, b) for a, b in zip(got, want))
    if isinstance(got, float) and isinstance(want, float):
        return got != want and abs(got - want) > 1e-9 * max(abs(got), abs(want))
    return got != want


def compare(name, what, got, want):
    if differ(got, want):
        print(f"{name}: {what}: got {got!r}, want {want!r}")


def corners(src, to=None):
    """Returns west, south, east and north of points on the edges."""
    t, along = src.GetGeoTransform(), [i / 21 for i in range(22)]
    at = [p for a in along for p in ((a, 0), (a, 1), (0, a), (1, a))]
    at = [(x * src.RasterXSize, y * src.RasterYSize) for x, y in at]
    xy = [(t[0] + x * t[1] + y * t[2], t[3] + x * t[4] + y * t[5]) for x, y in at]
    if to:
        xy = to.TransformPoints(xy)
    x, y = [p[0] for p in xy], [p[1] for p in xy]
    return [min(x), min(y), max(x), max(y)]


def sides(bounds):
    return [float(bounds[side]) for side in ("west", "south", "east", "north")]


def position(name, r, src):
    crs = src.GetSpatialRef() or src.GetGCPSpatialRef()
    compare(name, "has a reference system", r["crs"]["defined"], crs is not None)
    if src.GetGeoTransform(can_return_null=True) is None:
        compare(name, "transform", r.get("transform"), None)
        compare(name, "points only", r.get("gcps_only", False), src.GetGCPCount() > 0)
        return
    compare(name, "transform", [float(v) for v in r["transform"]], list(src.GetGeoTransform()))
    compare(name, "bounds", sides(r["bounds"]), corners(src))
    if crs is None:
        return
    code = crs.GetAuthorityCode(None) if crs.GetAuthorityName(None) == "EPSG" else None
    compare(name, "EPSG", r["crs"].get("epsg"), int(code) if code else None)
    compare(name, "geographic", r["crs"].get("geographic", False), bool(crs.IsGeographic()))
    if "lonlat_bounds" not in r:
        return
    lonlat = osr.SpatialReference()
    lonlat.ImportFromEPSG(4326)
    for s in (crs, lonlat):
        s.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    got = sides(r["lonlat_bounds"])
    want = corners(src, None if crs.IsGeographic() else osr.CoordinateTransformation(crs, lonlat))
    if any(abs(a - b) > 1e-7 for a, b in zip(got, want)):
        compare(name, "longitudes and latitudes", got, want)


def number(text):
    return None if text is None else float(text)


def bands(name, r, src):
    band = src.GetRasterBand(1)
    all_bands = [src.GetRasterBand(i + 1) for i in range(src.RasterCount)]
    kind = gdal.GetDataTypeName(band.DataType)
    compare(name, "type", r["type"], TYPES.get(kind, kind.lower()))
    colours = [gdal.GetColorInterpretationName(b.GetColorInterpretation()).lower() for b in all_bands]
    compare(name, "colours", r["color_interp"], colours)
    compare(name, "block", [r["block_width"], r["block_height"]], band.GetBlockSize())
    compare(name, "descriptions", r.get("descriptions", [""] * len(all_bands)), [b.GetDescription() for b in all_bands])
    compare(name, "scales", r.get("scales"), scaling(b.GetScale() for b in all_bands))
    compare(name, "offsets", r.get("offsets"), scaling(b.GetOffset() for b in all_bands))
    got, want = number(r.get("nodata")), band.GetNoDataValue()
    if got and band.DataType == gdal.GDT_Float32:
        got = struct.unpack("f", struct.pack("f", got))[0]
    if str(got) != str(want) and differ(got, want):
        compare(name, "nodata", got, want)
    levels = [[b.XSize, b.YSize] for b in [band] + [band.GetOverview(i) for i in range(band.GetOverviewCount())]]
    compare(name, "levels", [[level["width"], level["height"]] for level in r["levels"]], levels)


def scaling(values):
    values = list(values)
    return None if all(v is None for v in values) else values


def judge(path):
    name = path.split("/")[-1]
    with open(path + ".json", encoding="utf-8") as f:
        r = json.load(f)
    src = gdal.Open(path)
    compare(name, "size", [r["width"], r["height"], r["bands"]], [src.RasterXSize, src.RasterYSize, src.RasterCount])
    structure = src.GetMetadata("IMAGE_STRUCTURE")
    compression = structure.get("COMPRESSION")
    compare(name, "compression", r["compression"], COMPRESSIONS.get(compression, str(compression).lower()))
    if r["bands"] > 1:
        compare(name, "interleave", r["interleave"], structure["INTERLEAVE"].lower())
    bands(name, r, src)
    position(name, r, src)
    warnings, errors, _ = cog.validate(path, full_check=True)
    got = r["validation"]
    if bool(got["errors"]) != bool(errors) or bool(got["warnings"]) != bool(warnings):
        print(f"{name}: validation: got {got}, want {errors} and {warnings}")


folder = sys.argv[1]
reports = sorted(name for name in gdal.ReadDir(folder) or [] if name.endswith(".json"))
for report in reports:
    try:
        judge(f"{folder}/{report.removesuffix('.json')}")
    except Exception as e:
        print(f"{report}: {e!r}")
print(f"judged {len(reports)}")
