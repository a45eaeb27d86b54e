// Package tiff reads TIFF files by ranges: classic and BigTIFF, both byte
// orders, tiles and strips, bands in one block or in planes. It decodes blocks
// that are stored as they are or compressed with LZW, deflate, zstd, PackBits
// or JPEG, and undoes predictors.
//
// Open reads the directories. A Reader returns pixels of a window, row by row,
// with the bands of a pixel together and little-endian. The memory of a Reader
// is bounded by its window and one row of blocks, and does not grow with the
// file.
//
// Files come from strangers. Every count, size and offset is checked before it
// is used, and a block must decode to exactly the size that the header implies.
// An Error has a code and a message for the person who chose the file. All other
// errors are those of the Source.
//
// It writes nothing, so a crash leaves nothing behind. The same bytes always
// decode to the same pixels.
//
// It may import nothing of this module.
package tiff
