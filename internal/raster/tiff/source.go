package tiff

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Source is a file that is read by ranges. A Source over a network pins the
// version of the file, so that all ranges belong together. It may be used by
// several goroutines.
type Source interface {
	// Size is the length of the file in bytes.
	Size() int64
	// ReadAt fills p with the bytes at an offset, or returns an error. Ranges
	// are always inside the file.
	ReadAt(ctx context.Context, p []byte, offset int64) error
}

// FromReaderAt returns a Source over size bytes of r.
func FromReaderAt(r io.ReaderAt, size int64) Source { return readerAt{r, size} }

type readerAt struct {
	r    io.ReaderAt
	size int64
}

// Size is part of Source.
func (s readerAt) Size() int64 { return s.size }

// ReadAt is part of Source.
func (s readerAt) ReadAt(ctx context.Context, p []byte, offset int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}

	n, err := s.r.ReadAt(p, offset)
	if n == len(p) || len(p) == 0 {
		return nil
	}

	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}

	return err
}

// The header, the directories and the arrays of offsets are read in pages.
const (
	pageSize = 64 << 10
	maxPages = 16
)

// pages keeps the pages of a file that were used last.
type pages struct {
	src  Source
	size int64

	mu   sync.Mutex
	tick int
	kept map[int64]*page
}

type page struct {
	data []byte
	used int
}

func newPages(src Source) *pages {
	return &pages{src: src, size: src.Size(), kept: map[int64]*page{}}
}

// read fills p. The caller has checked that the range is inside the file.
func (c *pages) read(ctx context.Context, p []byte, offset int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()

	for len(p) > 0 {
		number := offset / pageSize

		data, err := c.page(ctx, number)
		if err != nil {
			return err
		}

		n := copy(p, data[offset-number*pageSize:])
		p, offset = p[n:], offset+int64(n)
	}

	return nil
}

func (c *pages) page(ctx context.Context, number int64) ([]byte, error) {
	c.tick++

	if kept := c.kept[number]; kept != nil {
		kept.used = c.tick

		return kept.data, nil
	}

	start := number * pageSize
	data := c.reuse(min(pageSize, c.size-start))

	if err := c.src.ReadAt(ctx, data, start); err != nil {
		return nil, fmt.Errorf("read %d bytes at %d: %w", len(data), start, err)
	}

	c.kept[number] = &page{data, c.tick}

	return data, nil
}

// reuse returns a buffer: of the page that was not used for longest, if there
// are enough pages.
func (c *pages) reuse(size int64) []byte {
	if len(c.kept) < maxPages {
		return make([]byte, size, pageSize)
	}

	oldest, first := int64(0), true
	for number, p := range c.kept {
		if first || p.used < c.kept[oldest].used {
			oldest, first = number, false
		}
	}

	data := c.kept[oldest].data[:size]
	delete(c.kept, oldest)

	return data
}
