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
	// deflatePart is the size of the blocks that the fast library compresses.
	deflatePart = 65_535

	// thoroughLevel is the lowest level at which the standard library compresses.
	// The fast one is not smaller at these levels: at level 9, rows of equal
	// bytes take many times as much as at level 6.
	thoroughLevel = 7
)

// zlibHeader announces a window of 32 KiB and the default level, which decoders
// ignore: RFC 1950, section 2.2.
var zlibHeader = [...]byte{0x78, 0x9c}

// deflater compresses tiles to zlib streams.
//
// The fast library stores a block in which nothing repeats, such
// as the differences between the pixels of a photograph, although few of the 256
// values make up most of it. Such a block is compressed by Huffman codes alone,
// which is fast, and needs a quarter less space or better.
type deflater struct {
	level int
	out   *bytes.Buffer
	all   flateWriter
	codes flateWriter // Huffman codes alone
}

// flateWriter is a writer of one of the two libraries.
type flateWriter interface {
	io.WriteCloser
	Flush() error
	Reset(out io.Writer)
}

func newDeflater(out *bytes.Buffer, level int) (*deflater, error) {
	if level >= thoroughLevel {
		all, err := stdflate.NewWriter(out, level)
		return &deflater{level: level, out: out, all: all}, err
	}

	all, err := flate.NewWriter(out, level)
	if err != nil {
		return nil, err
	}

	codes, err := flate.NewWriter(out, flate.HuffmanOnly)

	return &deflater{level: level, out: out, all: all, codes: codes}, err
}

// compress appends the compressed data to the output.
func (d *deflater) compress(data []byte) error {
	d.out.Write(zlibHeader[:])
	d.all.Reset(d.out)

	size := deflatePart
	if d.level >= thoroughLevel {
		size = len(data)
	}

	for rest := data; len(rest) > 0; {
		part := rest[:min(size, len(rest))]
		rest = rest[len(part):]

		if err := d.compressPart(part); err != nil {
			return err
		}
	}

	if err := d.all.Close(); err != nil {
		return err
	}

	return binary.Write(d.out, binary.BigEndian, adler32.Checksum(data))
}

// compressPart appends a part, whose last byte the flush completes. Its bytes
// can therefore be replaced by others that decompress to the same data: later
// parts refer to the data, not to the bytes.
func (d *deflater) compressPart(part []byte) error {
	begin := d.out.Len()

	if err := writeAndFlush(d.all, part); err != nil {
		return err
	}

	if d.codes == nil || d.out.Len()-begin < len(part) {
		return nil
	}

	d.out.Truncate(begin)
	d.codes.Reset(d.out)

	return writeAndFlush(d.codes, part)
}

func writeAndFlush(w flateWriter, data []byte) error {
	if _, err := w.Write(data); err != nil {
		return err
	}

	return w.Flush()
}
