package cog

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"coremachine/internal/raster/tiff"
)

// packSizes returns sizes as varints in base64.
func packSizes(sizes []int) string {
	packed := make([]byte, 0, 3*len(sizes))
	for _, s := range sizes {
		packed = binary.AppendUvarint(packed, uint64(s))
	}

	return base64.StdEncoding.EncodeToString(packed)
}

// maxTileBytes bounds the size of an encoded tile, which is at most a little
// more than its pixels.
const maxTileBytes = 2 * tiff.MaxBlockBytes

// unpackSizes returns the n sizes of packSizes.
func unpackSizes(text string, n int) ([]int, error) {
	packed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}

	sizes := make([]int, 0, min(n, len(packed)))

	for len(packed) > 0 {
		v, width := binary.Uvarint(packed)
		if width <= 0 || v > maxTileBytes {
			return nil, errors.New("a size is damaged")
		}

		sizes = append(sizes, int(v))
		packed = packed[width:]
	}

	if len(sizes) != n {
		return nil, fmt.Errorf("%d sizes, want %d", len(sizes), n)
	}

	return sizes, nil
}

// packScratch returns the counts and pixels of a task. They are compressed with
// zstd, and behind the length of the counts.
func packScratch(enc *encoder, stats *counter, pixels []byte) []byte {
	counts := enc.squeeze(stats.appendCounts(nil))
	packed := binary.LittleEndian.AppendUint32(nil, uint32(len(counts)))
	packed = append(packed, counts...)

	return append(packed, enc.squeeze(pixels)...)
}

// unpackScratch adds the counts of a task, and returns its pixels.
func unpackScratch(enc *encoder, stats *counter, packed []byte, size int) ([]byte, error) {
	if len(packed) < 4 {
		return nil, errors.New("too short")
	}

	n := int64(binary.LittleEndian.Uint32(packed))
	if packed = packed[4:]; n > int64(len(packed)) {
		return nil, errors.New("too short")
	}

	counts, err := enc.unsqueeze(packed[:n], stats.maxPacked())
	if err != nil {
		return nil, fmt.Errorf("counts: %w", err)
	}

	if err := stats.addCounts(counts); err != nil {
		return nil, fmt.Errorf("counts: %w", err)
	}

	pixels, err := enc.unsqueeze(packed[n:], size)
	if err != nil {
		return nil, fmt.Errorf("pixels: %w", err)
	}

	if len(pixels) != size {
		return nil, fmt.Errorf("%d bytes of pixels, want %d", len(pixels), size)
	}

	return pixels, nil
}
