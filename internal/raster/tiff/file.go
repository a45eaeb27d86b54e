package tiff

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Limits of a file. They are far above real files, and low enough that a
// hostile one cannot use up memory.
const (
	maxImages     = 256       // directories of a file
	maxFields     = 4096      // fields of a directory
	maxValueBytes = 4 << 20   // values of a field that are read together
	maxSide       = 1 << 30   // pixels
	maxBands      = 1024      // samples of a pixel
	MaxBlockBytes = 256 << 20 // a decoded block
	maxJPEGBytes  = 32 << 20  // and one of JPEG, whose decoder needs 5 times as much
)

// File is an open TIFF.
type File struct {
	Big    bool             // BigTIFF
	Order  binary.ByteOrder // of the file
	Size   int64
	Images []*Image          // in the order of their directories; at least one
	Ghost  map[string]string // items of GDAL's structural metadata, or nil

	// FirstDirectory is the offset of the first directory, and GhostEnd that
	// of the first byte behind the structural metadata, or 0.
	FirstDirectory, GhostEnd int64

	src   Source
	pages *pages
}

// Open reads the header and all directories.
func Open(ctx context.Context, src Source) (*File, error) {
	f := &File{Size: src.Size(), src: src, pages: newPages(src)}

	offset, err := f.header(ctx)
	if err != nil {
		return nil, err
	}

	if err := f.ghost(ctx); err != nil {
		return nil, err
	}

	f.FirstDirectory = offset

	for seen := map[int64]bool{}; offset != 0; {
		if seen[offset] {
			return nil, Errorf(CodeCorruptHeader, "The directories form a loop: the one at %d appears twice", offset)
		}

		if len(f.Images) == maxImages {
			return nil, Errorf(CodeCorruptHeader, "The file has more than %d directories", maxImages)
		}

		seen[offset] = true

		im, next, err := f.directory(ctx, offset)
		if err != nil {
			return nil, err
		}

		f.Images = append(f.Images, im)
		offset = next
	}

	if len(f.Images) == 0 {
		return nil, Errorf(CodeCorruptHeader, "The file has no directory, so it contains no image")
	}

	return f, nil
}

// header reads the start of the file and returns the offset of the first
// directory.
func (f *File) header(ctx context.Context) (int64, error) {
	if f.Size == 0 {
		return 0, Errorf(CodeNotTIFF, "Not a TIFF: the file is empty")
	}

	head := make([]byte, min(16, f.Size))
	if err := f.pages.read(ctx, head, 0); err != nil {
		return 0, err
	}

	start := string(head[:min(4, len(head))])

	switch {
	case len(head) < 8 && slices.Contains([]string{"II*\x00", "MM\x00*", "II+\x00", "MM\x00+"}, start):
		return 0, Errorf(CodeTruncated, "The file ends inside its header, after %d bytes", f.Size)
	case len(head) >= 8 && start[:2] == "II":
		f.Order = binary.LittleEndian
	case len(head) >= 8 && start[:2] == "MM":
		f.Order = binary.BigEndian
	default:
		return 0, Errorf(CodeNotTIFF, "Not a TIFF: starts with % x", start)
	}

	switch version := f.Order.Uint16(head[2:]); version {
	case 42:
		return int64(f.Order.Uint32(head[4:])), nil
	case 43:
		f.Big = true
	default:
		return 0, Errorf(CodeNotTIFF, "Not a TIFF: starts with % x", head[:4])
	}

	if len(head) < 16 {
		return 0, Errorf(CodeTruncated, "The file ends inside its header, after %d bytes", f.Size)
	}

	if f.Order.Uint16(head[4:]) != 8 || f.Order.Uint16(head[6:]) != 0 {
		return 0, Errorf(CodeCorruptHeader, "The BigTIFF header does not declare offsets of 8 bytes")
	}

	return signed(f.Order.Uint64(head[8:])), nil
}

// signed maps offsets that no file can have to one beyond each file.
func signed(v uint64) int64 { return int64(min(v, math.MaxInt64)) }

// inside reports whether a range is in the file.
func (f *File) inside(offset, size int64) bool {
	return offset >= 0 && size >= 0 && offset <= f.Size && size <= f.Size-offset
}

const (
	ghostStart  = "GDAL_STRUCTURAL_METADATA_SIZE="
	ghostFirst  = len(ghostStart) + len("000140 bytes\n")
	maxGhost    = 64 << 10
	classicHead = 8
	bigHead     = 16
)

// ghost reads GDAL's structural metadata, which follows the header of files
// that GDAL optimized.
func (f *File) ghost(ctx context.Context) error {
	start := int64(classicHead)
	if f.Big {
		start = bigHead
	}

	if !f.inside(start, int64(ghostFirst)) {
		return nil
	}

	line := make([]byte, ghostFirst)
	if err := f.pages.read(ctx, line, start); err != nil {
		return err
	}

	digits, found := strings.CutPrefix(string(line), ghostStart)
	if !found {
		return nil
	}

	digits, found = strings.CutSuffix(digits, " bytes\n")
	size, err := strconv.Atoi(digits)
	start += int64(ghostFirst)

	if !found || err != nil || size < 0 || size > maxGhost || !f.inside(start, int64(size)) {
		return Errorf(CodeCorruptHeader, "The structural metadata of GDAL is damaged: %q", line)
	}

	text := make([]byte, size)
	if err := f.pages.read(ctx, text, start); err != nil {
		return err
	}

	f.Ghost, f.GhostEnd = map[string]string{}, start+int64(size)

	for item := range strings.Lines(string(text)) {
		if key, value, found := strings.Cut(strings.TrimSpace(item), "="); found {
			f.Ghost[key] = value
		}
	}

	return nil
}
