package handlers

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// headBytes is as far as the mark of any kind reaches: that of tar is at 257.
const headBytes = 512

// Kinds that no mark tells.
const (
	KindEmpty   = "empty"
	KindText    = "text"
	KindUnknown = "unknown"
)

// mark is what files of a kind have at a place.
type mark struct {
	kind string
	at   int
	text string
}

// marks are tried in turn: those that are the beginning of another come after it.
var marks = []mark{
	{"png", 0, "\x89PNG\r\n\x1a\n"},
	{"jpeg", 0, "\xff\xd8\xff"},
	{"gif", 0, "GIF87a"},
	{"gif", 0, "GIF89a"},
	{"webp", 8, "WEBP"},
	{"wav", 8, "WAVE"},
	{"avi", 8, "AVI "},
	{"tiff", 0, "II*\x00"},
	{"tiff", 0, "MM\x00*"},
	{"tiff", 0, "II+\x00"},
	{"tiff", 0, "MM\x00+"},
	{"pdf", 0, "%PDF-"},
	{"zip", 0, "PK\x03\x04"},
	{"zip", 0, "PK\x05\x06"},
	{"gzip", 0, "\x1f\x8b"},
	{"bzip2", 0, "BZh"},
	{"xz", 0, "\xfd7zXZ\x00"},
	{"zstd", 0, "\x28\xb5\x2f\xfd"},
	{"7z", 0, "7z\xbc\xaf\x27\x1c"},
	{"tar", 257, "ustar"},
	{"parquet", 0, "PAR1"},
	{"avro", 0, "Obj\x01"},
	{"orc", 0, "ORC"},
	{"sqlite", 0, "SQLite format 3\x00"},
	{"hdf5", 0, "\x89HDF\r\n\x1a\n"},
	{"netcdf", 0, "CDF\x01"},
	{"netcdf", 0, "CDF\x02"},
	{"mp4", 4, "ftyp"},
	{"mp3", 0, "ID3"},
	{"ogg", 0, "OggS"},
	{"flac", 0, "fLaC"},
	{"elf", 0, "\x7fELF"},
	{"exe", 0, "MZ"},
	{"bmp", 0, "BM"},
}

// kindOf tells the kind of a file by its first bytes.
func kindOf(head []byte) string {
	if len(head) == 0 {
		return KindEmpty
	}
	text := readable(bytes.TrimPrefix(head, byteOrder))
	for _, m := range marks {
		if text && len(m.text) < 4 { // a letter that begins with "BM" is no picture
			continue
		}
		if len(head) >= m.at+len(m.text) && string(head[m.at:m.at+len(m.text)]) == m.text {
			return m.kind
		}
	}
	if text {
		return textKind(head)
	}
	return KindUnknown
}

// byteOrder is what some editors write before UTF-8.
var byteOrder = []byte("\xef\xbb\xbf")

// textKind tells apart what has no mark but can be read.
func textKind(head []byte) string {
	text := bytes.ToLower(bytes.TrimSpace(bytes.TrimPrefix(head, byteOrder)))
	switch {
	case bytes.HasPrefix(text, []byte("<!doctype html")), bytes.HasPrefix(text, []byte("<html")):
		return "html"
	case bytes.HasPrefix(text, []byte("<")):
		return "xml"
	case bytes.HasPrefix(text, []byte("{")), bytes.HasPrefix(text, []byte("[")):
		return "json"
	}
	return KindText
}

// readable tells whether bytes are UTF-8 without control characters; the last character may be cut.
func readable(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return !utf8.FullRune(b)
		}
		if r < ' ' && !strings.ContainsRune("\t\n\r\f", r) || r == 0x7f {
			return false
		}
		b = b[n:]
	}
	return true
}

// anyText is every kind that a file of text may seem to be.
var anyText = []string{KindText, "json", "xml", "html"}

// promised is which kinds an extension stands for. One that is not here promises nothing.
var promised = map[string][]string{
	"png": {"png"}, "jpg": {"jpeg"}, "jpeg": {"jpeg"}, "gif": {"gif"}, "webp": {"webp"}, "bmp": {"bmp"},
	"tif": {"tiff"}, "tiff": {"tiff"}, "pdf": {"pdf"},
	"zip": {"zip"}, "jar": {"zip"}, "docx": {"zip"}, "xlsx": {"zip"}, "pptx": {"zip"}, "kmz": {"zip"}, "npz": {"zip"},
	"gz": {"gzip"}, "tgz": {"gzip"}, "bz2": {"bzip2"}, "xz": {"xz"}, "zst": {"zstd"}, "7z": {"7z"}, "tar": {"tar"},
	"parquet": {"parquet"}, "avro": {"avro"}, "orc": {"orc"}, "sqlite": {"sqlite"}, "gpkg": {"sqlite"},
	"h5": {"hdf5"}, "hdf5": {"hdf5"}, "nc": {"netcdf", "hdf5"},
	"mp4": {"mp4"}, "mov": {"mp4"}, "mp3": {"mp3"}, "ogg": {"ogg"}, "flac": {"flac"}, "wav": {"wav"}, "avi": {"avi"},
	"exe": {"exe"}, "dll": {"exe"}, "so": {"elf"},
	"json": {"json"}, "geojson": {"json"}, "xml": {"xml"}, "kml": {"xml"}, "svg": {"xml"},
	"html": {"html", "xml"}, "htm": {"html", "xml"},
	"txt": anyText, "csv": anyText, "tsv": anyText, "md": anyText, "log": anyText, "yaml": anyText, "yml": anyText,
}

// differs tells whether a kind is none that the extension stands for. An empty file breaks no promise, and neither does an
// MP3 without a tag or a movie of an old form, which have no mark.
func differs(ext, kind string) bool {
	kinds, known := promised[ext]
	if !known || kind == KindEmpty || slices.Contains(kinds, kind) {
		return false
	}
	return kind != KindUnknown || ext != "mp3" && ext != "mov"
}

// longestExtension keeps what only looks like one from being counted as one.
const longestExtension = 16

// extension is what follows the last dot of a blob's name, in lower case: at most longestExtension letters and digits, else "".
func extension(name string) string {
	base := name[strings.LastIndexByte(name, '/')+1:]
	dot := strings.LastIndexByte(base, '.')
	if dot <= 0 || len(base)-dot-1 > longestExtension {
		return ""
	}
	ext := strings.ToLower(base[dot+1:])
	for _, c := range []byte(ext) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return ""
		}
	}
	return ext
}

// folder is a blob's name up to and with its last slash; "" at the top.
func folder(name string) string { return name[:strings.LastIndexByte(name, '/')+1] }
