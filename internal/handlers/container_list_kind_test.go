package handlers

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
)

func TestKindOf(t *testing.T) {
	t.Parallel()

	for head, want := range map[string]string{
		"":                             KindEmpty,
		"\x89PNG\r\n\x1a\n\x00":        "png",
		"\xff\xd8\xff\xdb":             "jpeg",
		"RIFF\x10\x00\x00\x00WEBPVP8 ": "webp",
		"RIFF\x10\x00\x00\x00WAVEfmt ": "wav",
		"%PDF-1.4\n":                   "pdf",
		"PK\x03\x04\x14\x00":           "zip",
		"PK\x07\x08PK\x03\x04":         "zip",
		"\x1f\x8b\x08\x00":             "gzip",
		"\x28\xb5\x2f\xfd\x24":         "zstd",
		"II*\x00\x08\x00":              "tiff",
		"II+\x00\x08\x00":              "tiff",
		"BM\x36" + strings.Repeat("\x00", 11) + "\x28\x00\x00\x00": "bmp",
		"PAR1\x15\x04\x15":                 "parquet",
		"ORC\x08\x03":                      "orc",
		"Obj\x01\x04":                      "avro",
		"CDF\x05\x00":                      "netcdf",
		"\x00\x00\x00\x18ftypmp42\x00":     "mp4",
		"BMW, Audi, Opel":                  KindText,
		"MZ is a country":                  KindText,
		"station,WAVE_HEIGHT":              KindText,
		"PAR1,PAR2":                        KindText,
		"id1,ftyp,x,y,z":                   KindText,
		"MZ\x90\x00\x03":                   "exe",
		"\xef\xbb\xbf{\"a\":1}":            "json",
		"  [1,2]":                          "json",
		"[section]\nkey=1\n":               KindText,
		"<!DOCTYPE HTML><p>":               "html",
		"<?xml version=\"1.0\"?><a/>":      "xml",
		"größe;menge\n1;2\n":               KindText,
		"cut in a letter \xc3":             KindText,
		"gr\xf6\xdfe in Latin-1":           KindText,
		"\x83e\x83X\x83g":                  KindText, // Shift JIS
		"a\x00b":                           KindUnknown,
		"\x01\x02\x03\x04\x05\x06\x07\x08": KindUnknown,
	} {
		if got := kindOf([]byte(head)); got != want {
			t.Errorf("%.20q: got %s, want %s", head, got, want)
		}
	}
}

// TestKindOf_FindsTheSameKindInATruncatedHead passes the first headBytes bytes
// of long files to kindOf.
func TestKindOf_FindsTheSameKindInATruncatedHead(t *testing.T) {
	t.Parallel()

	for want, text := range map[string]string{
		"json":   "[" + strings.Repeat(`{"name": "größe", "list": [1, 2.5e3, null]},`, 1000),
		KindText: strings.Repeat("größe;menge\n", 1000),
		"xml":    "<?xml version=\"1.0\"?>" + strings.Repeat("<a>ö</a>", 1000),
	} {
		for cut := range 8 {
			head := []byte(text)[:headBytes-cut]
			if cut > 0 && want == "json" {
				continue // a shorter head is the whole file
			}

			if got := kindOf(head); got != want {
				t.Errorf("cut at %d: got %s, want %s", len(head), got, want)
			}
		}
	}
}

// FuzzKindOf looks for heads that make the detection panic.
func FuzzKindOf(f *testing.F) {
	for _, head := range soundFiles() {
		f.Add(head)
	}

	f.Fuzz(func(t *testing.T, head []byte) {
		if len(head) > headBytes {
			head = head[:headBytes]
		}

		if kind := kindOf(head); kind == "" {
			t.Errorf("%q has no kind", head)
		}
	})
}

// soundFiles returns the heads of files whose content matches their name.
func soundFiles() map[string][]byte {
	files := map[string][]byte{
		"latin1.csv": []byte(
			"stra\xdfe;gr\xf6\xdfe\n",
		),
		"shift_jis.txt": []byte("\x83e\x83X\x83g\r\n\x82\xa0"),
		"iso2022.txt":   []byte("\x1b$B%F%9%H\x1b(B\n"),
		"gbk.csv":       []byte("\xb2\xe2\xca\xd4,1\n"),
		"waves.csv": []byte(
			"station,WAVE_HEIGHT\n1,2\n",
		),
		"par.csv":  []byte("PAR1,PAR2\n"),
		"ftyp.csv": []byte("id1,ftyp\n"),
		"radio.txt": []byte(
			"ID3 tags explained",
		),
		"orc.md": []byte("ORC and elf"),
		"bz.log": []byte("BZh9 was here"),
		"gif.txt": []byte(
			"GIF89a is a version",
		),
		"sqlite.md": []byte("SQLite format 3 explained"),
		"ogg.txt":   []byte("OggS"),
		"number.json": []byte(
			"42\n",
		),
		"string.json": []byte(`"a"`),
		"null.json":   []byte("null"),
		"true.json":   []byte(" true "),
		"long.json":   append([]byte(`"`), bytes.Repeat([]byte("x"), headBytes-1)...),
		"late.json": []byte(
			strings.Repeat(" ", 600) + `{"a":1}`,
		),
		"lines.ndjson": []byte("{\"a\":1}\n{\"a\":2}\n"),
		"classic.nc": []byte(
			"CDF\x05\x00\x00",
		),
		"split.zip":  []byte("PK\x07\x08PK\x03\x04"),
		"marked.zip": []byte("PK00PK\x03\x04"),
		"page.htm": []byte(
			"Just words",
		),
		"fragment.html": []byte("Hello <b>world</b>"),
		"old.mov":       []byte("\x00\x00\x00\x08wide\x00"),
		"empty.png":     {},
		"v7.tar":        v7Tar(),
		"picture.svg":   []byte("<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
	}
	for name, order := range map[string]binary.ByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		files[name+".csv"] = encodeUTF16("\ufeffname,größe\n1,2\n", order)
		files[name+"_unmarked.csv"] = encodeUTF16("name,value\n1,2\n", order)
		files[name+".json"] = encodeUTF16("\ufeff{\"a\": \"ö\"}", order)
		files[name+".xml"] = encodeUTF16("\ufeff<?xml version=\"1.0\"?><a/>", order)
	}

	return files
}

func encodeUTF16(text string, order binary.ByteOrder) []byte {
	var out []byte

	for _, unit := range utf16.Encode([]rune(text)) {
		pair := make([]byte, 2)
		order.PutUint16(pair, unit)
		out = append(out, pair...)
	}

	return out
}

// v7Tar returns an archive of the first format, whose header has no signature.
func v7Tar() []byte {
	var out bytes.Buffer

	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Name: "a.txt", Mode: 0o600, Size: 1}); err != nil {
		panic(err)
	}

	_, _ = w.Write([]byte("a"))
	head := out.Bytes()[:512]

	clear(head[257:]) // the signature and what follows
	copy(head[148:156], "        ")

	sum := 0
	for _, b := range head {
		sum += int(b)
	}

	copy(head[148:156], fmt.Sprintf("%06o\x00 ", sum))

	return out.Bytes()
}
