package cog

import (
	"encoding/binary"

	"coremachine/internal/raster/tiff"
)

// directory is a directory with the places of its values.
type directory struct {
	fields []field
	at     int64
	places []int64 // of values that do not fit into the field, or 0
}

// isArray reports whether a field has an item for each tile.
func (f field) isArray() bool {
	return f.tag == tiff.TagTileOffsets || f.tag == tiff.TagTileByteCounts
}

func even(at int64) int64 { return at + at%2 }

func pad(p []byte, to int64) []byte {
	return append(p, make([]byte, to-int64(len(p)))...)
}

// place decides where the directory and its values lie, or its arrays. It
// returns the offset of the first byte behind them.
func (d *directory) place(f form, at int64, arrays bool) int64 {
	if !arrays {
		d.at = even(at)
		at = d.at + f.head + int64(len(d.fields))*f.entry + f.word
	}

	for i, field := range d.fields {
		if field.isArray() == arrays && int64(len(field.data)) > f.word {
			d.places[i] = even(at)
			at = d.places[i] + int64(len(field.data))
		}
	}

	return at
}

// append writes the directory and its values, except arrays.
func (d *directory) append(p []byte, f form, next int64) []byte {
	p = pad(p, d.at)
	p = appendWord(p, f.head, int64(len(d.fields)))

	for i, field := range d.fields {
		p = binary.LittleEndian.AppendUint16(p, uint16(field.tag))
		p = binary.LittleEndian.AppendUint16(p, uint16(field.typ))
		p = appendWord(p, f.word, field.count)

		if d.places[i] > 0 {
			p = appendWord(p, f.word, d.places[i])
			continue
		}

		end := int64(len(p)) + f.word
		p = pad(append(p, field.data...), end)
	}

	p = appendWord(p, f.word, next)

	return d.appendValues(p, false)
}

// appendValues writes the values that do not fit into fields: those of arrays,
// or the others.
func (d *directory) appendValues(p []byte, arrays bool) []byte {
	for i, field := range d.fields {
		if field.isArray() == arrays && d.places[i] > 0 {
			p = append(pad(p, d.places[i]), field.data...)
		}
	}

	return p
}

func appendWord(p []byte, width, v int64) []byte {
	switch width {
	case 2:
		return binary.LittleEndian.AppendUint16(p, uint16(v))
	case 4:
		return binary.LittleEndian.AppendUint32(p, uint32(v))
	default:
		return binary.LittleEndian.AppendUint64(p, uint64(v))
	}
}
