package cog

import (
	"bytes"
	stdflate "compress/flate"
	"encoding/binary"
	"hash/adler32"
	"io"

	"github.com/klauspost/compress/flate"
)

const (
	// deflatePart is the size of the parts that are compressed one by one.
	deflatePart = 65_535

	// thoroughLevel is the lowest level at which the standard library compresses.
	// The fast one is not smaller at these levels: at level 9, rows of equal
	// bytes take many times as much as at level 6.
	thoroughLevel = 7
)

// zlibHeader announces a window of 32 KiB and the default level, which decoders
// ignore: RFC 1950, section 2.2.
var zlibHeader = [...]byte{0x78, 0x9c}

// deflater compresses tiles to zlib streams, part by part.
//
// In many parts nothing repeats, such as in the differences between the pixels
// of a photograph, although few of the 256 values make up most of it. Huffman
// codes alone are the smallest there, and fast: a search for repetitions takes
// ten times as long, and what it finds by chance needs more bits than it saves.
type deflater struct {
	level int
	out   *bytes.Buffer
	codes flateWriter // Huffman codes alone
	quick flateWriter // finds what repeats often
	full  flateWriter // finds all that its level does

	searched bytes.Buffer // the part as quick or full compresses it
	behind   bool         // whether full does not know the part before
}

// flateWriter is a writer of one of the two libraries.
type flateWriter interface {
	io.WriteCloser
	Flush() error
	Reset(out io.Writer)
}

func newDeflater(out *bytes.Buffer, level int) (*deflater, error) {
	d := &deflater{level: level, out: out}

	var err error
	if d.codes, err = flate.NewWriter(out, flate.HuffmanOnly); err != nil {
		return nil, err
	}

	if level >= thoroughLevel {
		d.full, err = stdflate.NewWriter(&d.searched, level)
		return d, err
	}

	if d.quick, err = flate.NewWriter(&d.searched, flate.BestSpeed); err != nil {
		return nil, err
	}

	d.full, err = flate.NewWriter(&d.searched, level)

	return d, err
}

// compress appends the compressed data to the output.
func (d *deflater) compress(data []byte) error {
	d.out.Write(zlibHeader[:])
	d.behind = true

	for rest := data; len(rest) > 0; {
		part := rest[:min(deflatePart, len(rest))]
		rest = rest[len(part):]

		if err := d.compressPart(part); err != nil {
			return err
		}
	}

	d.codes.Reset(d.out)

	if err := d.codes.Close(); err != nil {
		return err
	}

	return binary.Write(d.out, binary.BigEndian, adler32.Checksum(data))
}

// compressPart appends the smaller form of a part. Each form ends with a whole
// byte, and a later part refers to the data before it, not to their form.
func (d *deflater) compressPart(part []byte) error {
	begin := d.out.Len()
	d.codes.Reset(d.out)

	if err := writeAndFlush(d.codes, part); err != nil {
		return err
	}

	coded := d.out.Len() - begin

	if found, err := d.repeats(part, coded); !found || err != nil {
		d.behind = true
		return err
	}

	if d.behind {
		d.full.Reset(&d.searched)
		d.behind = false
	}

	d.searched.Reset()

	if err := writeAndFlush(d.full, part); err != nil {
		return err
	}

	if d.searched.Len() < coded {
		d.out.Truncate(begin)
		d.out.Write(d.searched.Bytes())
	}

	return nil
}

// repeats reports whether a full search may make a part smaller than codes do:
// the quick one comes within a third. In real rasters of 16 kinds, a full search
// lost to codes wherever the quick one had needed more than 1.27 times as much.
func (d *deflater) repeats(part []byte, coded int) (bool, error) {
	if d.quick == nil {
		return true, nil
	}

	d.searched.Reset()
	d.quick.Reset(&d.searched)
	err := writeAndFlush(d.quick, part)

	return d.searched.Len() < coded+coded/3, err
}

func writeAndFlush(w flateWriter, data []byte) error {
	if _, err := w.Write(data); err != nil {
		return err
	}

	return w.Flush()
}
