// Package rastersample writes sample rasters: GeoTIFF files of every kind that
// is read, with noise that looks like terrain. It also makes broken files, each
// with the code of the error that is expected.
//
// The content depends only on the Spec. Writing again writes the same bytes,
// and after a crash a part of the file exists.
//
// It is for tests, demos and development only. It may import raster/tiff.
package rastersample
