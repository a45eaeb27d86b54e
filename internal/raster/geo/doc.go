// Package geo describes the position of a GeoTIFF, and checks whether a file is
// a cloud-optimized GeoTIFF (COG).
//
// Describe returns a report of a file. Validate checks the rules of GDAL's
// validator. ForEPSG returns the projections that are computed here: longitude
// and latitude, Web Mercator and UTM. The error of UTM is below 0.1 mm.
//
// It reads headers only, and writes nothing. After a crash there is nothing to
// repair.
//
// It may import raster/tiff.
package geo
