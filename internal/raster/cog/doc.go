// Package cog makes a cloud-optimized GeoTIFF (COG) from a raster in parallel
// tasks, of which none holds the raster.
//
// NewPlan divides the raster into tasks. Each task encodes the tiles of its
// window and of the first overview levels, and stages them as blocks of the
// output: one block for each level and row of tiles. It stores its pixels of
// the last of these levels as scratch data. RunOverviews makes the remaining
// levels from the scratch data. Assemble computes the header from the sizes of
// all tiles, and the list of blocks to commit.
//
// The layout is that of GDAL's COG driver: directories first, then tiles with a
// leader and a trailer, from the smallest level to the largest.
//
// The output depends only on the source and the options. Its bytes are the same
// for any size of tasks, order, worker and repetition. The id of a block
// contains the attempt that staged it, so an attempt that was given up cannot
// replace a block of its successor. After a crash, staged blocks and scratch
// data remain for the next attempt, or for the store to remove.
//
// It may import raster/tiff.
package cog
