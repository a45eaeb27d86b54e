package tiff

import (
	"encoding/binary"
	"fmt"
)

// undoHorizontal adds to each sample the one of the pixel to its left.
func undoHorizontal(row []byte, bands, width int) {
	switch width {
	case 1:
		for i := bands; i < len(row); i++ {
			row[i] += row[i-bands]
		}
	case 2:
		for i := bands * 2; i < len(row); i += 2 {
			left := binary.LittleEndian.Uint16(row[i-bands*2:])
			binary.LittleEndian.PutUint16(row[i:], binary.LittleEndian.Uint16(row[i:])+left)
		}
	case 4:
		for i := bands * 4; i < len(row); i += 4 {
			left := binary.LittleEndian.Uint32(row[i-bands*4:])
			binary.LittleEndian.PutUint32(row[i:], binary.LittleEndian.Uint32(row[i:])+left)
		}
	case 8:
		for i := bands * 8; i < len(row); i += 8 {
			left := binary.LittleEndian.Uint64(row[i-bands*8:])
			binary.LittleEndian.PutUint64(row[i:], binary.LittleEndian.Uint64(row[i:])+left)
		}
	}
}

// undoFloat restores a row whose bytes were sorted by significance, most
// significant first, and replaced by their differences.
func undoFloat(row, scratch []byte, bands, width int) {
	for i := bands; i < len(row); i++ {
		row[i] += row[i-bands]
	}

	copy(scratch, row)

	samples := len(row) / width
	for i := range samples {
		for b := range width {
			row[i*width+b] = scratch[(width-1-b)*samples+i]
		}
	}
}

func sprintPlane(plane int) string { return fmt.Sprintf(", band %d", plane+1) }
