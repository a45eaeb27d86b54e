// Package xyz renders the web tiles of a raster: PNG pictures of 256 x 256
// pixels in Web Mercator, by zoom, column and row.
//
// A Plan says which tiles there are, and is plain data. A Renderer makes the
// tiles of a block of 8 x 8, each from the overview whose pixels are the next
// smaller ones. A tile depends only on the file and the plan, so that after a
// crash or a duplicate the same bytes are written again. Nothing is written
// here. Memory is bounded by a few tiles.
//
// It may import raster/cog, raster/geo, raster/preview and raster/tiff.
package xyz
