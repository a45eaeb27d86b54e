package cog

import (
	"bytes"
	"compress/zlib"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
)

// deflateSamples are data of the kinds that tiles have. In differences nothing
// repeats, but few values are frequent.
func deflateSamples() map[string][]byte {
	random := rand.New(rand.NewPCG(1, 2)) // the same data in each run

	differences, small := make([]byte, 90_000), make([]byte, 90_000)
	for i := range differences {
		differences[i] = byte(int(random.NormFloat64() * 12))
		small[i] = byte(int(random.NormFloat64() * 4)) // as in a reduced level
	}

	uniform := make([]byte, 70_000)
	for i := range uniform {
		uniform[i] = byte(random.Uint32())
	}

	smooth := make([]byte, 70_000)
	for i := range smooth {
		smooth[i] = byte(i / 1000)
	}

	return map[string][]byte{
		"differences":       differences,
		"small differences": small,
		"uniform":           uniform,
		"smooth":            smooth,
		"mixed":             slices.Concat(smooth, differences, uniform, differences, smooth),
		"short":             []byte("a"),
	}
}

// TestDeflateIsAsSmallAsThatOfZlib compares the size with that of the standard
// library at level 6, and decompresses with it.
func TestDeflateIsAsSmallAsThatOfZlib(t *testing.T) {
	t.Parallel()

	for name, data := range deflateSamples() {
		var reference bytes.Buffer

		w := zlib.NewWriter(&reference)
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}

		if err := w.Close(); err != nil {
			t.Fatal(err)
		}

		for _, level := range []int{1, 5, 6, 7, 9} {
			var out bytes.Buffer

			d, err := newDeflater(&out, level)
			if err != nil {
				t.Fatal(err)
			}

			for range 2 { // the second tile does not see the first
				out.Reset()

				if err := d.compress(data); err != nil {
					t.Fatal(err)
				}
			}

			size := out.Len()

			r, err := zlib.NewReader(&out)
			if err != nil {
				t.Fatal(err)
			}

			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s, level %d: got %d bytes, %v, want the %d bytes of the source",
					name, level, len(got), err, len(data))
			}

			if most := reference.Len()*110/100 + 64; level >= 6 && size > most {
				t.Errorf("%s, level %d: %d bytes, want at most %d, since zlib needs %d",
					name, level, size, most, reference.Len())
			}
		}
	}
}

// TestDeflateIsNotLargerThanItsCodes compares the size with that of Huffman codes
// alone, which is what a search by chance must not lose to.
func TestDeflateIsNotLargerThanItsCodes(t *testing.T) {
	t.Parallel()

	for name, data := range deflateSamples() {
		for _, level := range []int{1, 5, 6, 7, 9} {
			var out bytes.Buffer

			d, err := newDeflater(&out, level)
			if err != nil {
				t.Fatal(err)
			}

			if err := d.compress(data); err != nil {
				t.Fatal(err)
			}

			var codes bytes.Buffer

			d.codes.Reset(&codes)

			if err := writeAndFlush(d.codes, data); err != nil {
				t.Fatal(err)
			}

			if size, most := out.Len(), codes.Len()*101/100+64; size > most {
				t.Errorf("%s, level %d: %d bytes, want at most %d", name, level, size, most)
			}
		}
	}
}

// TestDeflateSearchesWhereDataRepeats asserts which data the slow search sees at
// level 6.
func TestDeflateSearchesWhereDataRepeats(t *testing.T) {
	t.Parallel()

	for name, want := range map[string]bool{
		"differences": false, "small differences": false, "smooth": true, "mixed": true,
	} {
		var out bytes.Buffer

		d, err := newDeflater(&out, 6)
		if err != nil {
			t.Fatal(err)
		}

		if err := d.compress(deflateSamples()[name]); err != nil {
			t.Fatal(err)
		}

		if searched := !d.behind; searched != want {
			t.Errorf("%s: the last part was searched: %v, want %v", name, searched, want)
		}
	}
}
