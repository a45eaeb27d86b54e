package tiff

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
	"strings"
)

// Field is an entry of a directory. Its values are read when they are asked
// for.
type Field struct {
	Tag   Tag
	Type  FieldType
	Count int64

	offset int64 // of the first value
}

// directory reads the fields of a directory and describes its image. It returns
// the offset of the next directory, or 0.
func (f *File) directory(ctx context.Context, offset int64) (*Image, int64, error) {
	head, entry, word := int64(2), int64(12), int64(4)
	if f.Big {
		head, entry, word = 8, 20, 8
	}

	if !f.inside(offset, head) {
		return nil, 0, f.beyond("The directory", offset, head)
	}

	start := make([]byte, head)
	if err := f.pages.read(ctx, start, offset); err != nil {
		return nil, 0, err
	}

	n := signed(f.word(start))
	if n == 0 || n > maxFields {
		return nil, 0, Errorf(CodeCorruptHeader, "The directory at %d has %d fields, want 1 to %d",
			offset, n, maxFields)
	}

	size := n*entry + word
	if !f.inside(offset+head, size) {
		return nil, 0, f.beyond("The directory", offset, head+size)
	}

	data := make([]byte, size)
	if err := f.pages.read(ctx, data, offset+head); err != nil {
		return nil, 0, err
	}

	im := &Image{Index: len(f.Images), Offset: offset, End: offset + head + size, file: f}

	for i := range n {
		if err := im.addField(data[i*entry:][:entry], offset+head+i*entry); err != nil {
			return nil, 0, err
		}
	}

	if err := im.describe(ctx); err != nil {
		return nil, 0, err
	}

	return im, signed(f.word(data[size-word:])), nil
}

// word returns the first number of p, which has the width of p up to 8 bytes.
func (f *File) word(p []byte) uint64 {
	switch {
	case len(p) >= 8:
		return f.Order.Uint64(p)
	case len(p) >= 4:
		return uint64(f.Order.Uint32(p))
	case len(p) >= 2:
		return uint64(f.Order.Uint16(p))
	default:
		return uint64(p[0])
	}
}

func (f *File) beyond(what string, offset, size int64) error {
	return Errorf(CodeTruncated, "%s lies at %d..%d, beyond the end of the file (%d bytes)",
		what, offset, uint64(offset)+uint64(size), f.Size)
}

func (im *Image) addField(entry []byte, at int64) error {
	f := im.file
	field := Field{Tag: Tag(f.Order.Uint16(entry)), Type: FieldType(f.Order.Uint16(entry[2:]))}

	inline := entry[8:]
	field.Count = int64(f.Order.Uint32(entry[4:]))
	field.offset = at + 8

	if f.Big {
		inline = entry[12:]
		field.Count = signed(f.Order.Uint64(entry[4:]))
		field.offset = at + 12
	}

	width := int64(field.Type.Size())
	if width == 0 {
		return nil // readers ignore fields of unknown types
	}

	if field.Count > math.MaxInt64/8 {
		return Errorf(CodeCorruptHeader, "Tag %d claims to have %d values", field.Tag, field.Count)
	}

	if size := field.Count * width; size > int64(len(inline)) {
		field.offset = signed(f.word(inline))
		if !f.inside(field.offset, size) {
			return f.beyond(sprintTag(field.Tag), field.offset, size)
		}
	}

	if im.Field(field.Tag) == nil { // the first one counts, as in libtiff
		im.Fields = append(im.Fields, field)
	}

	return nil
}

// Field returns the field of a tag, or nil.
func (im *Image) Field(tag Tag) *Field {
	i := slices.IndexFunc(im.Fields, func(f Field) bool { return f.Tag == tag })
	if i < 0 {
		return nil
	}

	return &im.Fields[i]
}

// Raw returns the values of a field as little-endian bytes. It returns nil if
// the image does not have the field.
func (im *Image) Raw(ctx context.Context, tag Tag) ([]byte, error) {
	field := im.Field(tag)
	if field == nil || field.Count == 0 {
		return nil, nil
	}

	size := field.Count * int64(field.Type.Size())
	if size > maxValueBytes {
		return nil, Errorf(CodeUnsupported, "%s has %d bytes, want at most %d", sprintTag(tag), size, maxValueBytes)
	}

	data := make([]byte, size)
	if err := im.file.pages.read(ctx, data, field.offset); err != nil {
		return nil, err
	}

	if im.file.Order == binary.BigEndian {
		swapWords(data, field.Type.word())
	}

	return data, nil
}

// Text returns the value of an ASCII field up to its first zero byte.
func (im *Image) Text(ctx context.Context, tag Tag) (string, error) {
	data, err := im.Raw(ctx, tag)
	text, _, _ := strings.Cut(string(data), "\x00")

	return text, err
}

// Uints returns the values of a field of unsigned integers.
func (im *Image) Uints(ctx context.Context, tag Tag) ([]uint64, error) {
	data, err := im.Raw(ctx, tag)
	if err != nil || data == nil {
		return nil, err
	}

	field := im.Field(tag)

	unsigned := []FieldType{TypeByte, TypeShort, TypeLong, TypeIFD, TypeLong8, TypeIFD8}
	if !slices.Contains(unsigned, field.Type) {
		return nil, Errorf(CodeCorruptHeader, "%s has type %d, want an unsigned integer", sprintTag(tag), field.Type)
	}

	all := make([]uint64, field.Count)
	for i := range all {
		all[i] = littleWord(data[i*field.Type.Size():], field.Type.Size())
	}

	return all, nil
}

// Floats returns the values of a field of doubles.
func (im *Image) Floats(ctx context.Context, tag Tag) ([]float64, error) {
	data, err := im.Raw(ctx, tag)
	if err != nil || data == nil {
		return nil, err
	}

	if field := im.Field(tag); field.Type != TypeDouble {
		return nil, Errorf(CodeCorruptHeader, "%s has type %d, want double", sprintTag(tag), field.Type)
	}

	all := make([]float64, len(data)/8)
	for i := range all {
		all[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[i*8:]))
	}

	return all, nil
}

func littleWord(p []byte, width int) uint64 {
	switch width {
	case 1:
		return uint64(p[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(p))
	case 4:
		return uint64(binary.LittleEndian.Uint32(p))
	default:
		return binary.LittleEndian.Uint64(p)
	}
}

// swapWords reverses the bytes of each word.
func swapWords(p []byte, width int) {
	switch width {
	case 2:
		for ; len(p) >= 2; p = p[2:] {
			p[0], p[1] = p[1], p[0]
		}
	case 4:
		for ; len(p) >= 4; p = p[4:] {
			binary.LittleEndian.PutUint32(p, binary.BigEndian.Uint32(p))
		}
	case 8:
		for ; len(p) >= 8; p = p[8:] {
			binary.LittleEndian.PutUint64(p, binary.BigEndian.Uint64(p))
		}
	}
}
