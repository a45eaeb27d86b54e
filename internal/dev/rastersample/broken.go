package rastersample

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"coremachine/internal/raster/tiff"
)

// Broken is a file that must be refused.
type Broken struct {
	Name string
	Code tiff.Code // of the error
	Data []byte
}

// small is the raster that broken files are made from.
func small(change func(s *Spec)) Spec {
	s := Spec{Width: 64, Height: 48, Tile: 16, Seed: 9}
	change(&s)

	return s
}

// AllBroken returns files that are damaged, or of a kind that cannot be read.
func AllBroken() ([]Broken, error) {
	b := &breaker{}

	b.raw("empty", tiff.CodeNotTIFF, "")
	b.raw("png", tiff.CodeNotTIFF, "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR")
	b.raw("html", tiff.CodeNotTIFF, "<html><body>Sign in</body></html>")
	b.raw("header only", tiff.CodeTruncated, "II*\x00\x08")

	b.changed("cut in half", tiff.CodeTruncated, tiff.None, func(data []byte) []byte { return data[:len(data)/2] })
	b.changed("loop", tiff.CodeCorruptHeader, tiff.None, func(data []byte) []byte {
		at := binary.LittleEndian.Uint32(data[4:])
		fields := binary.LittleEndian.Uint16(data[at:])
		binary.LittleEndian.PutUint32(data[at+2+12*uint32(fields):], at)

		return data
	})
	b.changed("no fields", tiff.CodeCorruptHeader, tiff.None, func(data []byte) []byte {
		binary.LittleEndian.PutUint16(data[binary.LittleEndian.Uint32(data[4:]):], 0)

		return data
	})

	b.field("no width", tiff.CodeCorruptHeader, tiff.TagImageWidth, value(0))
	b.field("huge height", tiff.CodeCorruptHeader, tiff.TagImageLength, value(1<<20))
	b.field("no bands", tiff.CodeUnsupported, tiff.TagSamplesPerPixel, value(0))
	b.field("no offsets", tiff.CodeCorruptHeader, tiff.TagTileOffsets, func(e []byte) { e[1] = 0xff })
	b.field("few offsets", tiff.CodeCorruptHeader, tiff.TagTileOffsets, func(e []byte) { e[4] = 3 })
	b.field("offsets beyond the end", tiff.CodeTruncated, tiff.TagTileOffsets, value(1<<30))
	b.field("tiles of 17 pixels", tiff.CodeCorruptHeader, tiff.TagTileWidth, value(17))
	b.field("giant tiles", tiff.CodeUnsupported, tiff.TagTileWidth, value(65520), tiff.TagTileLength, value(65520))
	b.field("lerc", tiff.CodeUnsupported, tiff.TagCompression, value(34887))
	b.field("webp", tiff.CodeUnsupported, tiff.TagCompression, value(50001))
	b.field("lzma", tiff.CodeUnsupported, tiff.TagCompression, value(34925))
	b.field("jpeg xl", tiff.CodeUnsupported, tiff.TagCompression, value(50002))
	b.field("fax", tiff.CodeUnsupported, tiff.TagCompression, value(4))
	b.field("jpeg2000", tiff.CodeUnsupported, tiff.TagCompression, value(34712))
	b.field("complex", tiff.CodeUnsupported, tiff.TagSampleFormat, value(6))
	b.field("1 bit", tiff.CodeUnsupported, tiff.TagBitsPerSample, value(1))
	b.field("16 bit float", tiff.CodeUnsupported, tiff.TagSampleFormat, value(3), tiff.TagBitsPerSample, value(16))
	b.field("cmyk", tiff.CodeUnsupported, tiff.TagPhotometric, value(5))
	b.spec("mask", tiff.CodeUnsupported, small(func(s *Spec) { s.Mask = true }))

	flip := func(at int) func([]byte) []byte {
		return func(data []byte) []byte {
			first, size := block(data)
			data[first+(size+at)%size] ^= 0x55

			return data
		}
	}

	b.changed("deflate damaged", tiff.CodeCorruptBlock, tiff.AdobeDeflate, flip(9))
	b.changed("deflate checksum", tiff.CodeCorruptBlock, tiff.AdobeDeflate, flip(-1))
	b.changed("zstd damaged", tiff.CodeCorruptBlock, tiff.Zstd, flip(12))
	b.changed("zstd checksum", tiff.CodeCorruptBlock, tiff.Zstd, flip(-1))
	b.changed("lzw damaged", tiff.CodeCorruptBlock, tiff.LZW, overwrite(0x7f))
	b.changed("packbits damaged", tiff.CodeCorruptBlock, tiff.PackBits, overwrite(0x80))
	b.changed("jpeg damaged", tiff.CodeCorruptBlock, tiff.JPEG, overwrite(0xff))
	b.changed("jpeg frame of 4 gigapixels", tiff.CodeCorruptBlock, tiff.JPEG, func(data []byte) []byte {
		at := bytes.Index(data, []byte("\xff\xc0"))
		copy(data[at+5:], "\xff\xff\xff\xff")

		return data
	})

	return b.all, b.err
}

// breaker collects broken files.
type breaker struct {
	all []Broken
	err error
}

func (b *breaker) raw(name string, code tiff.Code, text string) {
	b.all = append(b.all, Broken{name, code, []byte(text)})
}

func (b *breaker) spec(name string, code tiff.Code, s Spec) []byte {
	data, err := Bytes(s)
	b.err = errors.Join(b.err, err)
	b.all = append(b.all, Broken{name, code, data})

	return data
}

// changed damages a file with a compression.
func (b *breaker) changed(name string, code tiff.Code, c tiff.Compression, change func([]byte) []byte) {
	data := b.spec(name, code, small(func(s *Spec) { s.Compression = c }))
	b.all[len(b.all)-1].Data = change(data)
}

// field changes fields of the directory: pairs of a tag and a function that
// changes its entry.
func (b *breaker) field(name string, code tiff.Code, changes ...any) {
	data := b.spec(name, code, small(func(*Spec) {}))

	for pair := range slices.Chunk(changes, 2) {
		tag, _ := pair[0].(tiff.Tag)
		if change, ok := pair[len(pair)-1].(func([]byte)); ok {
			change(find(data, tag))
		}
	}
}

// value sets the only value of a field.
func value(v uint32) func([]byte) {
	return func(e []byte) { binary.LittleEndian.PutUint32(e[8:], v) }
}

// find returns the entry of a tag in a little-endian classic TIFF.
func find(data []byte, tag tiff.Tag) []byte {
	at := int(binary.LittleEndian.Uint32(data[4:]))
	for i := range int(binary.LittleEndian.Uint16(data[at:])) {
		if e := data[at+2+i*12:][:12]; binary.LittleEndian.Uint16(e) == uint16(tag) {
			return e
		}
	}

	return make([]byte, 12)
}

// block returns the place of the first tile.
func block(data []byte) (offset, size int) {
	offsets := binary.LittleEndian.Uint32(find(data, tiff.TagTileOffsets)[8:])
	sizes := binary.LittleEndian.Uint32(find(data, tiff.TagTileByteCounts)[8:])

	return int(binary.LittleEndian.Uint32(data[offsets:])), int(binary.LittleEndian.Uint32(data[sizes:]))
}

// overwrite fills the first tile with a byte.
func overwrite(with byte) func([]byte) []byte {
	return func(data []byte) []byte {
		offset, size := block(data)
		for i := range size {
			data[offset+i] = with
		}

		return data
	}
}
