// Package preview renders a small PNG picture of a raster from the level that
// is nearest to its size. Its Painter maps pixels to colours, also for other
// pictures of a raster.
//
// A picture depends only on the file, the size and the statistics, and nothing
// is written but the picture. After a crash there is nothing to repair. Memory
// is bounded by the picture, because rows are read one by one.
//
// It may import raster/cog and raster/tiff.
package preview
