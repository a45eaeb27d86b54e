package geo

import (
	"fmt"

	"coremachine/internal/raster/tiff"
)

// Allow lists what CheckPosition accepts.
type Allow struct {
	NotGeoreferenced bool // a raster without a position
	NoCRS            bool // a raster without a reference system
}

// CheckPosition returns warnings about the position of a raster, or an Error
// if it cannot be used.
func (r *Report) CheckPosition(allow Allow) (warnings []string, err error) {
	switch {
	case r.Transform == nil && r.GCPsOnly && !allow.NotGeoreferenced:
		return nil, tiff.Errorf(tiff.CodeGCPsOnly, "The raster has ground control points only; "+
			"warp it first, for example with gdalwarp")
	case r.Transform == nil && !allow.NotGeoreferenced:
		return nil, tiff.Errorf(tiff.CodeNotGeoreferenced, "The raster has no position: "+
			"neither a pixel scale with a tie point nor a transformation")
	case r.Transform == nil:
		return []string{"The raster has no position"}, nil
	case !r.CRS.Defined && !allow.NoCRS:
		return nil, tiff.Errorf(tiff.CodeNoCRS, "The raster has a position, but no coordinate reference system; "+
			"add one, for example with gdal_edit.py -a_srs")
	case !r.CRS.Defined:
		return []string{"The raster has no coordinate reference system"}, nil
	}

	return r.checkWorld()
}

// checkWorld compares the bounds with those of the world. Real grids of points
// reach half a pixel beyond the poles.
func (r *Report) checkWorld() (warnings []string, err error) {
	var outside, pixel float64

	b := *r.Bounds

	switch {
	case r.CRS.Geographic:
		// Longitudes of climate grids run from 0 to 360.
		outside = max(b.North-90, -90-b.South, b.East-360, -180-b.West, b.East-b.West-360)
		pixel = max(r.Resolution[0], r.Resolution[1])
	case r.CRS.EPSG == WebMercator:
		edge, _ := mercator{}.Forward(180, 0)
		outside = max(b.East-edge, -edge-b.West)
		pixel = r.Resolution[0]
	case ForEPSG(r.CRS.EPSG) != nil:
		// The pole is less than 10,000 km from the equator.
		const pole = 1e7

		outside = max(b.North-pole, b.East-pole, -pole-b.South, -pole-b.West)
		pixel = r.Resolution[1]
	}

	const rounding = 1e-6

	switch {
	case outside <= rounding*pixel:
		return nil, nil
	case outside <= pixel*(1+rounding):
		return []string{fmt.Sprintf("The bounds are outside the world by %.3g, at most one pixel: %s", outside, b)}, nil
	default:
		return nil, tiff.Errorf(tiff.CodeOutsideWorld, "The bounds %s are outside the world of %s by %.6g",
			b, r.CRS.label(), outside)
	}
}

func (b Bounds) String() string {
	return fmt.Sprintf("west %.10g, south %.10g, east %.10g, north %.10g", b.West, b.South, b.East, b.North)
}

func (c CRS) label() string {
	if c.EPSG > 0 {
		return Name(c.EPSG)
	}

	return firstOf(c.Name, "its reference system")
}
